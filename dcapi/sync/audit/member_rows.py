"""Writes what an audit decided of single members into their rows, in the transaction of the audit."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from dcapi.deploy.port import Target as DeployTarget
from dcapi.models import Subcloud
from dcapi.models.states import (
    NO_ERRORS,
    SUBCLOUD_TASKS,
    Availability,
    Deploy,
    Management,
    Prestage,
    TaskName,
)
from dcapi.models.task import forget_tasks
from dcapi.peers.texts import clean
from dcapi.sync.audit import acts
from dcapi.sync.audit.decisions import AuditPlan, Fate, MemberDecision
from dcapi.sync.audit.locked_rows import Here
from dcapi.sync.audit.networks import take_values
from dcapi.sync.audit.verdict import Verdict
from dcapi.sync.changes import group_changed
from dcapi.sync.endpoints import deploy_target, forget_endpoint_statuses, take_endpoint_statuses
from dcapi.sync.subcloud_alarms import clear_let_go, raise_let_go, reason_of

logger = logging.getLogger(__name__)


@dataclass
class AuditResult:
    """What an audit's transaction led to, for those who act on it after the commit."""

    verdict: Verdict
    # The audit was not carried out, and has to be tried again.
    stays_due: bool = False
    # The peer has heard and does not follow: it is to be asked once more.
    asks_again: bool = False
    # Associations whose rows have news.
    moved: list[int] = field(default_factory=list)
    deleted: list[DeployTarget] = field(default_factory=list)


def take_steps(here: Here, plan: AuditPlan, outcome: AuditResult) -> None:
    """Let each member become what the plan says, and take the values that come over."""
    left: set[int] = set()
    for step in plan.changes:
        row = here.rows[step.member.id]
        if step.joins:
            left |= {row.peer_group_id} if row.peer_group_id is not None else set()
            row.peer_group_id = here.group.id
            clear_let_go(here.session, row)
            # A migration of the group that it was in goes on without it.
            row.rehome_step = None
            forget_tasks(here.session, row.id, {TaskName.REHOME})
        if step.fate is not None:
            acts.tell_fate(here, row, step.fate)
            _give_fate(here, row, step, outcome)
    # Now that what is deleted has no network any more.
    take_values(here, plan)
    if left:
        outcome.moved += [one.id for one in group_changed(here.session, left)]


def _give_fate(here: Here, row: Subcloud, step: MemberDecision, outcome: AuditResult) -> None:
    fate = step.fate
    logger.info("subcloud %s: %s", row.name, fate)
    if fate is Fate.MANAGED:
        row.management_state = Management.MANAGED
        row.deploy_status = Deploy.COMPLETE
        if row.availability_status == Availability.ONLINE:
            take_endpoint_statuses(here.session, row.id)
        return
    row.management_state = Management.UNMANAGED
    forget_endpoint_statuses(here.session, row.id)
    if fate is Fate.REHOME_PENDING:
        row.deploy_status = Deploy.REHOME_PENDING
        return
    if fate is Fate.LET_GO:
        _let_go(here, row)
        return
    _let_be(here.session, row)
    if fate is Fate.DELETED:
        clear_let_go(here.session, row)
        outcome.deleted.append(deploy_target(row))
        here.session.delete(row)
        return
    row.deploy_status = Deploy.REHOME_FAILED if fate is Fate.REHOME_FAILED else Deploy.SECONDARY
    row.error_description = clean(step.error) if step.error else NO_ERRORS


def _let_go(here: Here, row: Subcloud) -> None:
    """Nothing that was managed here goes on another site's word: who looks after it is for operators to say.

    Source: "What another site's word may do" in the sync model.
    """
    group, peer = here.group, here.association.peer
    row.peer_group_id = None
    row.rehome_step = None
    forget_tasks(here.session, row.id, {TaskName.REHOME})
    row.error_description = clean(reason_of(group, peer))
    raise_let_go(here.session, row, group, peer)


def _let_be(session: Session, row: Subcloud) -> None:
    """Nobody here looks after a subcloud any more, nor goes on with what was begun."""
    row.availability_status = Availability.OFFLINE
    row.rehome_step = None
    if row.prestage_status == Prestage.PRESTAGING:
        row.prestage_status = Prestage.FAILED
    forget_tasks(session, row.id, SUBCLOUD_TASKS)
