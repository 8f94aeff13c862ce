"""Deployment phase by phase: what each verb does, in the one transaction in which it is done."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.states import NO_ERRORS, Deploy
from dcapi.runtime import Runtime
from dcapi.services.deploying import deployment, enrolment
from dcapi.services.deploying.phased_verbs import VERBS, Case
from dcapi.services.inventory import management, membership
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import DeployRequest
from dcapi.services.inventory.lookup import Reference, find
from dcapi.services.inventory.member_request import CallerKind, Situation
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.services.member_changes import commit_change, commit_deployment, deployed_situation

NOT_PRIMARY = "Subcloud can only be configured in its primary site."
UNKNOWN_VERB = "Invalid request"
BODY_REQUIRED = "Body required"


def check(session: Session, runtime: Runtime, reference: Reference, verb: str, *, has_parts: bool) -> None:
    """Judge a request before its parts are read; raises NotFound, BadRequest and Conflict."""
    row = find(session, reference, CallerKind.OPERATOR)
    if VERBS[verb].needs_body and not has_parts:
        raise BadRequest(BODY_REQUIRED)
    _check_state(row, verb)
    if verb != "abort":
        _situation(session, runtime, row, verb)


def _check_state(row: Subcloud, verb: str) -> None:
    asked = VERBS[verb]
    if row.deploy_status not in asked.statuses:
        raise BadRequest(asked.refusal)
    if verb != "abort":
        refuse_while_busy(row)
    if asked.initial_only is not None and not row.initial_deployment:
        raise BadRequest(asked.initial_only)


def begin(
    session: Session, runtime: Runtime, reference: Reference, verb: str, wanted: DeployRequest
) -> Answer:
    """Let a verb's phases begin; raises NotFound, BadRequest and Conflict."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    _check_state(row, verb)
    situation = _situation(session, runtime, row, verb)
    prepare = VERBS[verb].prepare
    assert prepare is not None
    chain = prepare(Case(session, row, wanted))
    if wanted.enrolment is not None:
        enrolment.keep(session, row, wanted.enrolment)
    changed = deployment.begin(session, runtime, row, chain.new, chain.phases)
    return commit_deployment(session, runtime, row, situation, changed=changed)


def _situation(session: Session, runtime: Runtime, row: Subcloud, verb: str) -> Situation:
    """The request as the rules for members see it, which hold; raises BadRequest and Conflict."""
    situation = deployed_situation(session, runtime, row)
    if verb == "configure" and situation.group is not None and situation.group.is_secondary:
        raise BadRequest(NOT_PRIMARY)
    membership.check_update(situation)
    return situation


def complete(session: Session, runtime: Runtime, reference: Reference) -> Answer:
    """Take a subcloud for deployed that was configured by hand; raises NotFound, BadRequest and Conflict."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    _check_state(row, "complete")
    situation = _situation(session, runtime, row, "complete")
    row.deploy_status = Deploy.COMPLETE
    row.error_description = NO_ERRORS
    management.put_online(session, row)
    return commit_change(session, runtime, row, situation, set())


def abort(session: Session, runtime: Runtime, reference: Reference) -> Answer:
    """Let the phase that runs be aborted; raises NotFound and BadRequest."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    _check_state(row, "abort")
    deployment.abort(session, runtime, row)
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    deployment.TASK.hint(runtime, answer["id"])
    return answer
