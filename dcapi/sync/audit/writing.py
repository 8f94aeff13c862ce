"""Writes what an audit decided, in one transaction: members, leader, alarm, ledger and statuses."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy.orm import Session

from dcapi.models import (
    PeerGroupAssociation,
    SubcloudPeerGroup,
)
from dcapi.models.states import (
    NO_MESSAGE,
    Administrative,
    Deploy,
    Migration,
    PeerAvailability,
)
from dcapi.runtime import Runtime
from dcapi.sync import asking, peer_alarms, status
from dcapi.sync.audit import acts, unsettled
from dcapi.sync.audit.decisions import AuditPlan, Fate
from dcapi.sync.audit.fates import managed_twice, plan_ceding, plan_following, plan_leading
from dcapi.sync.audit.locked_rows import Here, lock
from dcapi.sync.audit.member_rows import AuditResult, take_steps
from dcapi.sync.audit.reading import Beginning, There
from dcapi.sync.audit.verdict import Side, Verdict, judge
from dcapi.sync.changes import association_changed
from dcapi.sync.peer_copy import leader_name
from dcapi.sync.snapshot import group_values
from dcapi.sync.stale_status import is_stuck
from dcapi.sync.status import Event
from dcapi.sync.values.ledger import write_ledger
from dcapi.sync.values.member import member_of
from dcapi.sync.values.plan import Pushed, make_plan

logger = logging.getLogger(__name__)


def write(
    session: Session, runtime: Runtime, beginning: Beginning, there: There | None
) -> AuditResult | None:
    """Judge the peer's copy against the rows as they are now, and write what follows; the caller commits.

    Returns None when the association is gone; raises Outdated.
    """
    here = lock(session, runtime, beginning, there)
    if here is None:
        return None
    if there is None:
        return _write_missing(here)
    if there.is_original and there.group.is_migrating and is_stuck(here.association):
        unsettled.show_stuck(here)
        return AuditResult(Verdict.NOTHING)
    verdict = judge(
        Side(runtime.site.uuid, group_values(here.group)),
        Side(beginning.target.peer.uuid, there.group),
        migrating_here=here.group.migrating_here,
        unheard=here.association.unfollowed and not _was_let_migrate(here, there),
    )
    outcome = AuditResult(verdict)
    _remember(here, there)
    if verdict is Verdict.CEDE:
        _cede(here, there)
    elif verdict is Verdict.FOLLOW:
        _follow(here, there, outcome)
    elif verdict is Verdict.LEAD:
        _lead(here, there, outcome)
    elif verdict is Verdict.NOTHING:
        _note_over(here.association)
    if outcome.verdict is Verdict.WAIT:
        _wait(here, outcome)
    outcome.stays_due |= verdict is Verdict.LATER
    return outcome


def _remember(here: Here, there: There) -> None:
    """Keep the ids of the copies, by which they are found when they have got other names."""
    association, found = here.association, there.association
    if there.group.is_primary is association.is_primary:
        return  # it happens to have the name
    if association.remote_group_id != there.group.id:
        association.remote_group_id = there.group.id
    if found is not None and association.remote_association_id != found.id:
        association.remote_association_id = found.id


def _note_over(association: PeerGroupAssociation) -> None:
    """Nothing is under way with this peer any more: it follows, or need not, and migrates nothing."""
    asking.note_following(association)
    if association.peer_migrates:
        association.peer_migrates = False


# -- The verdicts --


def _wait(here: Here, outcome: AuditResult) -> None:
    """The peer does not follow yet: it is asked again in time, and at last the operator is told."""
    association = here.association
    if not association.unfollowed:
        outcome.stays_due = True
        return
    outcome.asks_again = asking.ask_again(association)
    if association.ask_tries >= asking.TOLD_AFTER:
        unsettled.show_unfollowed(here)


def _cede(here: Here, there: There) -> None:
    plan = plan_ceding(here.members, there.subclouds)
    take_steps(here, plan, AuditResult(Verdict.CEDE))
    asking.note_following(here.association)
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
    here.show(Event.PEER_MIGRATING, f"Peer {peer} is migrating the group.")


def _follow(here: Here, there: There, outcome: AuditResult) -> None:
    plan = plan_following(
        here.members,
        there.subclouds,
        there.outside,
        primary=here.is_primary,
        max_length=here.runtime.settings.MAX_YAML_LENGTH,
        original=there.is_original and not there.group.is_migrating,
    )
    led_elsewhere = here.group.system_leader_id != here.association.peer.peer_uuid
    is_news = led_elsewhere or here.group.migration_status is not None
    if not (here.is_primary or is_news):
        _keep_following(here, there, plan, outcome)
        return
    differing = _differing_attributes(here.group, there)
    take_steps(here, plan, outcome)
    led_anew = _follow_leader(here, there)
    _enter_arrivals(here, plan)
    if here.is_primary:
        _mark_others(here, outcome, changed=led_anew or bool(plan.changes))
        if there.shown_status != here.association.told_status:
            here.association.told_status = None
    message = _message(here, plan, differing)
    equal = plan.is_equal and not differing
    here.show(Event.AUDIT_EQUAL if equal else Event.AUDIT_DIFFERENT, message)
    _log_following(here, plan, led_anew, message)


def _keep_following(here: Here, there: There, plan: AuditPlan, outcome: AuditResult) -> None:
    """A secondary site whose primary leads, as it did: values come by syncs, and the status is told."""
    fates = AuditPlan([replace(step, values=None) for step in plan.steps])
    take_steps(here, fates, outcome)
    _follow_leader(here, there)
    unsettled.show_or_clear(here, plan)
    _log_following(here, fates, False, NO_MESSAGE)


def _lead(here: Here, there: There, outcome: AuditResult) -> None:
    if managed_twice(here.members, there.subclouds):
        # The leader's stays: the peer has to look, and let go.
        if not here.association.unfollowed:
            asking.want_following(here.association)
        outcome.verdict = Verdict.WAIT
        return
    another_migrates = _another_migrates(here)
    plan = AuditPlan()
    if not another_migrates:
        plan = plan_leading(here.members, there.subclouds, original=there.is_original)
    take_steps(here, plan, outcome)
    unsettled.show(here, plan)
    came_home = here.association.unfollowed
    abandoned = here.group.migration_status == Migration.MIGRATING and not another_migrates
    _note_over(here.association)
    if plan.waits_there:
        asking.want_following(here.association)
    if not another_migrates:
        _end_migration(here)
    if not (came_home or abandoned or plan.changes):
        return
    if not here.is_primary:
        # The primary is asked to look once more: it says what both show.
        if abandoned or plan.changes:
            asking.want_following(here.association)
        return
    here.association.told_status = None
    if not (plan.failed or plan.is_unsettled) and came_home and not _equal_to_copies(here, there):
        _ask_for_sync(here.association)
        return
    equal = plan.is_equal and _equal_to_copies(here, there)
    here.show(Event.AUDIT_EQUAL if equal else Event.AUDIT_DIFFERENT, _message(here, plan, []))


def _was_let_migrate(here: Here, there: There) -> bool:
    """Whether this peer told of a migration after this site took the group over: what it shows is newer."""
    if here.group.migration_status != Migration.MIGRATING:
        return False
    return there.group.is_migrating or not _another_migrates(here)


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


def _write_missing(here: Here) -> AuditResult:
    """The peer has no copy of the group: a primary that leads it again syncs it there anew."""
    association = here.association
    if association.unfollowed and association.is_primary and not here.group.migrating_here:
        _end_migration(here)
        _ask_for_sync(association)
    _note_over(association)
    return AuditResult(Verdict.NOTHING)


def _ask_for_sync(association: PeerGroupAssociation) -> None:
    association.sync_asked += 1
    status.move(association, Event.SYNC_ASKED)


# -- What they have in common --


def _follow_leader(here: Here, there: There) -> bool:
    """Take the leader from the peer; returns whether it is another one than before."""
    group, peer = here.group, here.association.peer
    anew = group.system_leader_id != peer.peer_uuid
    name = leader_name(there.group, peer.peer_name)
    if anew or group.system_leader_name != name:
        group.system_leader_id, group.system_leader_name = peer.peer_uuid, name
    if group.migration_status is not None:
        group.migration_status = None
    # What this site had taken over itself counts no more.
    for association in here.associations:
        _note_over(association)
    if group.group_priority < there.group.priority:
        peer_alarms.raise_led_elsewhere(here.session, group, peer)
    return anew


def _differing_attributes(group: SubcloudPeerGroup, there: There) -> list[str]:
    return group_values(group).differing_keys(there.group)


def _enter_arrivals(here: Here, plan: AuditPlan) -> None:
    """What both sites have needs not be sent again; what is gone at both is nothing to look for there."""
    if not here.is_primary:
        return
    gateway = here.association.peer.peer_controller_gateway_address
    entries: dict[str, Pushed] = {}
    for step in plan.steps:
        if step.fate in {Fate.DELETED, Fate.LET_GO}:
            entries[step.member.region_name] = Pushed(step.member.name, None, removed=True)
        elif step.arrived:
            digest = member_of(here.rows[step.member.id], gateway).digest
            entries[step.member.region_name] = Pushed(step.member.name, digest)
    news = {region: one for region, one in entries.items() if here.ledger.get(region) != one}
    if news:
        write_ledger(here.session, here.association.id, news)


def _mark_others(here: Here, outcome: AuditResult, *, changed: bool) -> None:
    """The other secondaries do not have what came from this one, and who leads is not theirs to know."""
    if not changed:
        return
    for association in here.associations:
        if association is not here.association and association.is_primary and not association.deleting:
            association_changed(association)
            outcome.moved.append(association.id)


def _end_migration(here: Here) -> None:
    """A note of the other's migration goes at once, the own ``complete`` when every peer has seen it."""
    unseen = any(one.unfollowed for one in here.associations if one is not here.association)
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
    acts.tell_following(here, len(plan.changes))
    logger.warning(
        "group %s is led by peer %s: %d member(s) changed here%s",
        here.group.peer_group_name,
        here.association.peer.peer_name,
        len(plan.changes),
        "" if message == NO_MESSAGE else f". {message}",
    )
