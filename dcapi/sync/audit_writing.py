"""Writes what an audit decided, in one transaction: members, leader, alarm, ledger and statuses."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from sqlalchemy import delete
from sqlalchemy.orm import Session

from dcapi.deploy.port import Target as DeployTarget
from dcapi.models import (
    Operation,
    PeerGroupAssociation,
    Subcloud,
    SubcloudPeerGroup,
)
from dcapi.models.states import (
    NO_ERRORS,
    NO_MESSAGE,
    Administrative,
    Availability,
    Deploy,
    Management,
    Migration,
    PeerAvailability,
    SyncStatus,
)
from dcapi.parts import Parts
from dcapi.peers.texts import clean
from dcapi.sync import alarms, status
from dcapi.sync.attributes import OPERATION as ATTRIBUTE_CHANGE
from dcapi.sync.audit_plan import (
    AuditPlan,
    Fate,
    Step,
    managed_twice,
    plan_ceding,
    plan_following,
    plan_leading,
)
from dcapi.sync.audit_reading import Beginning, There, side_of
from dcapi.sync.audit_rows import Here, lock
from dcapi.sync.audit_values import write_values
from dcapi.sync.audit_verdict import Verdict, judge
from dcapi.sync.changes import association_changed, group_changed
from dcapi.sync.endpoints import forget_endpoint_statuses, take_endpoint_statuses, target_of
from dcapi.sync.ledger import write_ledger
from dcapi.sync.member import member_of
from dcapi.sync.migrate_rows import KIND as MIGRATION
from dcapi.sync.plan import Pushed, make_plan
from dcapi.sync.status import Event

logger = logging.getLogger(__name__)

# Operations whose subject is a group and not a subcloud.
GROUP_OPERATIONS = (ATTRIBUTE_CHANGE, MIGRATION)
LONGEST_NAME = 255


@dataclass
class Outcome:
    """What an audit's transaction led to, for those who act on it after the commit."""

    verdict: Verdict
    # Associations whose rows have news.
    moved: list[int] = field(default_factory=list)
    deleted: list[DeployTarget] = field(default_factory=list)


def write(session: Session, parts: Parts, beginning: Beginning, there: There | None) -> Outcome | None:
    """Judge the peer's copy against the rows as they are now, and write what follows; the caller commits.

    Returns None when the association is gone; raises Outdated.
    """
    here = lock(session, parts, beginning, () if there is None else there.subclouds)
    if here is None:
        return None
    if there is None:
        return _write_missing(here)
    verdict = judge(
        side_of(here.group, parts.site),
        there.side,
        migrating_here=here.group.migrating_here,
        unheard=here.association.audit_to_ask and not _was_let_migrate(here, there),
    )
    outcome = Outcome(verdict)
    _remember(here, there)
    if verdict is Verdict.CEDE:
        _cede(here, there)
    elif verdict is Verdict.FOLLOW:
        _follow(here, there, outcome)
    elif verdict is Verdict.LEAD:
        _lead(here, there, outcome)
    elif verdict is Verdict.NOTHING:
        here.association.audit_to_ask = here.association.peer_migrates = False
    return outcome


def _remember(here: Here, there: There) -> None:
    """Keep the ids of the copies, by which they are found when they have got other names."""
    if here.association.remote_group_id != there.group_id:
        here.association.remote_group_id = there.group_id
    if there.association_id is not None and here.association.remote_association_id != there.association_id:
        here.association.remote_association_id = there.association_id


# -- The verdicts --


def _cede(here: Here, there: There) -> None:
    plan = plan_ceding(here.members, there.subclouds)
    _take_steps(here, plan, Outcome(Verdict.CEDE))
    here.association.audit_to_ask = False
    here.association.peer_migrates = True
    # The note keeps heartbeats and syncs off the group until the migration has ended.
    if here.group.migration_status != Migration.MIGRATING:
        here.group.migration_status = Migration.MIGRATING
    peer = here.association.peer.peer_name
    if plan.changes:
        logger.warning(
            "peer %s migrates group %s: %d subcloud(s) let go",
            peer,
            here.group.peer_group_name,
            len(plan.changes),
        )
    _move(here.association, Event.PEER_MIGRATING, f"Peer {peer} is migrating the group.")


def _follow(here: Here, there: There, outcome: Outcome) -> None:
    plan = plan_following(here.members, there.subclouds, there.outside, primary=here.is_primary)
    led_elsewhere = here.group.system_leader_id != here.association.peer.peer_uuid
    is_news = led_elsewhere or here.group.migration_status is not None
    if not (here.is_primary or is_news):
        _keep_following(here, there, plan, outcome)
        return
    differing = _differing_attributes(here.group, there)
    _take_steps(here, plan, outcome)
    led_anew = _follow_leader(here, there)
    _enter_arrivals(here, plan)
    if here.is_primary:
        _mark_others(here, outcome, changed=led_anew or bool(plan.changes))
        if there.shown != here.association.told_status:
            here.association.told_status = None
    message = _message(here, plan, differing)
    equal = plan.is_equal and not differing
    _move(here.association, Event.AUDIT_EQUAL if equal else Event.AUDIT_DIFFERENT, message)
    _log_following(here, plan, led_anew, message)


def _keep_following(here: Here, there: There, plan: AuditPlan, outcome: Outcome) -> None:
    """A secondary site whose primary leads, as it did: values come by syncs, and the status is told."""
    fates = AuditPlan([replace(step, values=None) for step in plan.steps])
    _take_steps(here, fates, outcome)
    _follow_leader(here, there)
    _log_following(here, fates, False, NO_MESSAGE)


def _lead(here: Here, there: There, outcome: Outcome) -> None:
    if managed_twice(here.members, there.subclouds):
        # The leader's stays: the peer has to look, and let go.
        here.association.audit_to_ask = True
        outcome.verdict = Verdict.WAIT
        return
    another_migrates = _another_migrates(here)
    plan = AuditPlan() if another_migrates else plan_leading(here.members, there.subclouds)
    _take_steps(here, plan, outcome)
    came_home = here.association.audit_to_ask
    abandoned = here.group.migration_status == Migration.MIGRATING and not another_migrates
    here.association.audit_to_ask = here.association.peer_migrates = False
    if not another_migrates:
        _end_migration(here)
    if not (came_home or abandoned or plan.changes):
        return
    if not here.is_primary:
        # The primary is asked to look once more: it says what both show.
        here.association.audit_to_ask = abandoned or bool(plan.changes)
        return
    here.association.told_status = None
    if not plan.failed and came_home and not _equal_to_copies(here, there):
        _ask_for_sync(here.association)
        return
    equal = plan.is_equal and _equal_to_copies(here, there)
    _move(here.association, Event.AUDIT_EQUAL if equal else Event.AUDIT_DIFFERENT, _message(here, plan, []))


def _was_let_migrate(here: Here, there: There) -> bool:
    """Whether this peer told of a migration after this site took the group over: what it shows is newer."""
    if here.group.migration_status != Migration.MIGRATING:
        return False
    return there.side.status == Migration.MIGRATING or not _another_migrates(here)


def _another_migrates(here: Here) -> bool:
    """Whether another peer migrates the group, or may be found to: its own copy tells what becomes of it."""
    if here.association.peer_migrates or here.group.migration_status != Migration.MIGRATING:
        return False
    let_go = any(member.in_group and member.deploy_status == Deploy.REHOME_PENDING for member in here.members)
    others = (one for one in here.associations if one is not here.association and not one.deleting)
    return any(one.peer_migrates or _has_yet_to_be_read(one, patiently=let_go) for one in others)


def _has_yet_to_be_read(association: PeerGroupAssociation, *, patiently: bool) -> bool:
    """Whether an audit of it is due. One that is away is only waited for when it may have taken something."""
    peer = association.peer
    is_away = peer.availability_state == PeerAvailability.UNAVAILABLE
    if peer.administrative_state != Administrative.ENABLED or (is_away and not patiently):
        return False
    return association.audit_asked != association.audit_served


def _write_missing(here: Here) -> Outcome:
    """The peer has no copy of the group: a primary that leads it again syncs it there anew."""
    association = here.association
    if association.audit_to_ask and association.is_primary and not here.group.migrating_here:
        _end_migration(here)
        _ask_for_sync(association)
    association.audit_to_ask = association.peer_migrates = False
    return Outcome(Verdict.NOTHING)


def _ask_for_sync(association: PeerGroupAssociation) -> None:
    association.sync_asked += 1
    status.move(association, Event.SYNC_ASKED)


# -- What they have in common --


def _take_steps(here: Here, plan: AuditPlan, outcome: Outcome) -> None:
    left: set[int] = set()
    for step in plan.changes:
        row = here.rows[step.member.id]
        if step.values is not None:
            write_values(row, step.values)
        if step.joins:
            left |= {row.peer_group_id} if row.peer_group_id is not None else set()
            row.peer_group_id = here.group.id
            # A migration of the group that it was in goes on without it.
            row.deploy_due_at = row.rehome_step = None
        if step.fate is not None:
            _give_fate(here, row, step, outcome)
    if left:
        outcome.moved += [one.id for one in group_changed(here.session, left)]


def _give_fate(here: Here, row: Subcloud, step: Step, outcome: Outcome) -> None:
    fate = step.fate
    logger.info("subcloud %s: %s", row.name, fate)
    if fate is Fate.MANAGED:
        row.management_state = Management.MANAGED
        row.deploy_status = Deploy.COMPLETE
        if row.availability_status == Availability.ONLINE:
            take_endpoint_statuses(here.session, here.parts, row)
        return
    row.management_state = Management.UNMANAGED
    forget_endpoint_statuses(here.session, row.id)
    if fate is Fate.REHOME_PENDING:
        row.deploy_status = Deploy.REHOME_PENDING
        return
    # Nobody here looks after it any more, nor goes on with what was begun.
    row.availability_status = Availability.OFFLINE
    row.deploy_due_at = row.rehome_step = None
    here.session.execute(
        delete(Operation).where(Operation.subject_id == row.id, Operation.kind.not_in(GROUP_OPERATIONS))
    )
    if fate is Fate.DELETED:
        outcome.deleted.append(target_of(row))
        here.session.delete(row)
        return
    row.deploy_status = Deploy.REHOME_FAILED if fate is Fate.REHOME_FAILED else Deploy.SECONDARY
    row.error_description = clean(step.error) if step.error else NO_ERRORS


def _follow_leader(here: Here, there: There) -> bool:
    """Take the leader from the peer; returns whether it is another one than before."""
    group, peer = here.group, here.association.peer
    anew = group.system_leader_id != peer.peer_uuid
    name = clean(there.leader_name)[:LONGEST_NAME] or peer.peer_name
    if anew or group.system_leader_name != name:
        group.system_leader_id, group.system_leader_name = peer.peer_uuid, name
    if group.migration_status is not None:
        group.migration_status = None
    # What this site had taken over itself counts no more.
    for association in here.associations:
        if association.audit_to_ask or association.peer_migrates:
            association.audit_to_ask = association.peer_migrates = False
    if group.group_priority < there.side.priority:
        alarms.raise_led_elsewhere(here.session, group, peer)
    return anew


def _differing_attributes(group: SubcloudPeerGroup, there: There) -> list[str]:
    names = ("peer_group_name", "group_state", "max_subcloud_rehoming")
    return [name for name in names if getattr(group, name) != there.attributes[name]]


def _enter_arrivals(here: Here, plan: AuditPlan) -> None:
    """What both sites have needs not be sent again; what is gone at both is nothing to look for there."""
    if not here.is_primary:
        return
    gateway = here.association.peer.peer_controller_gateway_address
    entries: dict[str, Pushed] = {}
    for step in plan.steps:
        if step.fate is Fate.DELETED:
            entries[step.member.region_name] = Pushed(step.member.name, None, removed=True)
        elif step.arrived:
            digest = member_of(here.rows[step.member.id], gateway).digest
            entries[step.member.region_name] = Pushed(step.member.name, digest)
    news = {region: one for region, one in entries.items() if here.ledger.get(region) != one}
    if news:
        write_ledger(here.session, here.association.id, news)


def _mark_others(here: Here, outcome: Outcome, *, changed: bool) -> None:
    """The other secondaries do not have what came from this one, and who leads is not theirs to know."""
    if not changed:
        return
    for association in here.associations:
        if association is not here.association and association.is_primary and not association.deleting:
            association_changed(association)
            outcome.moved.append(association.id)


def _end_migration(here: Here) -> None:
    """A note of the other's migration goes at once, the own ``complete`` when every peer has seen it."""
    unseen = any(one.audit_to_ask for one in here.associations if one is not here.association)
    over = here.group.migration_status == Migration.MIGRATING or not unseen
    if here.group.migration_status is not None and over:
        here.group.migration_status = None


def _equal_to_copies(here: Here, there: There) -> bool:
    gateway = here.association.peer.peer_controller_gateway_address
    members = [
        member_of(here.rows[member.id], gateway)
        for member in here.members
        if member.in_group and here.rows[member.id].peer_group_id == here.group.id
    ]
    return make_plan(members, there.subclouds, here.ledger).is_empty and not _differing_attributes(
        here.group, there
    )


def _message(here: Here, plan: AuditPlan, differing: list[str]) -> str:
    found = plan.findings(here.association.peer.peer_name)
    if differing:
        found.append(f"The group differs: {', '.join(differing)}.")
    return " ".join(found) or NO_MESSAGE


def _log_following(here: Here, plan: AuditPlan, led_anew: bool, message: str) -> None:
    if not (led_anew or plan.changes):
        return
    logger.warning(
        "group %s is led by peer %s: %d member(s) changed here%s",
        here.group.peer_group_name,
        here.association.peer.peer_name,
        len(plan.changes),
        "" if message == NO_MESSAGE else f". {message}",
    )


def _move(association: PeerGroupAssociation, event: Event, message: str) -> None:
    """Move an association as an audit found it; nothing is written when it stands there already."""
    if not association.is_primary:
        status.note_audit(association, event, message)
        return
    asked_meanwhile = association.sync_status == SyncStatus.SYNCING
    if asked_meanwhile and event is not Event.PEER_MIGRATING:
        return  # the run that was asked for decides
    status.move_if_new(association, event, message)
