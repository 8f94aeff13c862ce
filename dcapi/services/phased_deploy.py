"""Deployment phase by phase: what each verb does, in the one transaction in which it is done."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.states import NO_ERRORS, Deploy
from dcapi.runtime import Runtime
from dcapi.services.deploying import deployment, enrolment
from dcapi.services.deploying.deployment_values import store
from dcapi.services.deploying.phased_verbs import VERBS, Case, Chain
from dcapi.services.inventory import management, membership
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.services.inventory.inputs import DeployRequest, SubcloudChange
from dcapi.services.inventory.lookup import Reference, find
from dcapi.services.inventory.member_request import CallerKind, Situation
from dcapi.services.inventory.situations import groups_of, situation_of
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.services.member_changes import commit_change

NOT_PRIMARY = "Subcloud can only be configured in its primary site."
UNKNOWN_VERB = "Invalid request"
BODY_REQUIRED = "Body required"
# What a verb asks for, as the rules for members see it.
DEPLOYED = frozenset({"deploy"})


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
    changed = _start(session, runtime, row, chain)
    moved = {situation.group.id} if changed and situation.group is not None else set()
    answer = commit_change(session, runtime, row, situation, moved)
    deployment.TASK.hint(runtime, answer["id"])
    return answer


def _situation(session: Session, runtime: Runtime, row: Subcloud, verb: str) -> Situation:
    """The request as the rules for members see it, which hold; raises BadRequest and Conflict."""
    groups = groups_of(session, runtime, row, SubcloudChange())
    situation = replace(situation_of(row, CallerKind.OPERATOR, groups, SubcloudChange()), given=DEPLOYED)
    if verb == "configure" and groups.current is not None and groups.current.is_secondary:
        raise BadRequest(NOT_PRIMARY)
    membership.check_update(situation)
    return situation


def _start(session: Session, runtime: Runtime, row: Subcloud, chain: Chain) -> bool:
    changed = store(session, row, chain.new)
    deployment.enter(row, chain.phases)
    deployment.start(session, runtime, row, chain.new)
    return changed


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
