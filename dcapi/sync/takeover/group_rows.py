"""The rows of a migration: how it begins, lets members in, gives way and ends. Whoever calls commits.

Rows are locked in one order: members, their group, its associations. The group's lock is what every decision
on the migration as a whole is taken under.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from dcapi.errors import Conflict
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, Task, task
from dcapi.models.locks import locked
from dcapi.models.states import NO_ERRORS, Deploy, Migration, RehomeStep, TaskName
from dcapi.runtime import Runtime, Site
from dcapi.sync import asking, status
from dcapi.sync.changes import lock_associations
from dcapi.sync.status import Event
from dcapi.sync.takeover.rehome_steps import MIGRATION_LOST, NextStep, failed

MIGRATING_HERE = "This site is migrating the peer group"


@dataclass(frozen=True)
class MigrationNotes:
    """How far a migration is with the other sites, in its task's details; ids are those of system peers."""

    # Another site had said that it migrates the group before this migration began.
    told: bool = False
    # The other sites' copies may say ``migrating`` because of this very migration.
    tells: bool = False
    # The other sites know of it and let it be: members may be taken over.
    claimed: bool = False
    # They did not answer, so they are not asked to give anything away.
    away: tuple[int, ...] = ()
    # They run the original: nothing is taken from them before they said that they let it go.
    originals: tuple[int, ...] = ()


def lock_group(session: Session, group_id: int) -> SubcloudPeerGroup | None:
    """The row of a group as it is now, and nobody else writes it until the commit."""
    query = locked(select(SubcloudPeerGroup).where(SubcloudPeerGroup.id == group_id))
    return session.scalar(query.execution_options(populate_existing=True))


def lock_members(session: Session, group_id: int) -> list[Subcloud]:
    """The members of a group, in the order of their ids."""
    query = select(Subcloud).where(Subcloud.peer_group_id == group_id).order_by(Subcloud.id)
    return list(session.scalars(locked(query).execution_options(populate_existing=True)))


def _lock_waiting(session: Session, group_id: int) -> list[int]:
    """Ids of the members that wait for their turn; of the rows nothing else is read, there may be many."""
    waiting = (Subcloud.peer_group_id == group_id, Subcloud.rehome_step == RehomeStep.WAITING)
    return list(session.scalars(locked(select(Subcloud.id).where(*waiting).order_by(Subcloud.id))))


def _write(session: Session, subcloud_ids: Iterable[int], **values: Any) -> None:
    """Give locked rows that nobody holds as objects these values."""
    session.execute(
        update(Subcloud).where(Subcloud.id.in_(subcloud_ids)).values(**values),
        execution_options={"synchronize_session": False},
    )


# -- Its task --


def read_notes(session: Session, group_id: int) -> MigrationNotes | None:
    """The notes of a migration; None when none goes on here."""
    found = task.find(session, TaskName.MIGRATE, group_id)
    if found is None:
        return None
    ids = {name: tuple(found.details.get(name, ())) for name in ("away", "originals")}
    return MigrationNotes(**{**found.details, **ids})


def write_notes(session: Session, group_id: int, notes: MigrationNotes) -> None:
    session.execute(
        update(Task).where(task.is_of(TaskName.MIGRATE, group_id)).values(details=asdict(notes)),
        execution_options={"synchronize_session": False},
    )


def read_password(session: Session, group_id: int) -> str | None:
    """The administrator's password of a migration, in base64; None when it is gone or cannot be read."""
    found = task.find(session, TaskName.MIGRATE, group_id)
    payload = None if found is None else task.payload_of(found)
    return None if payload is None else payload["sysadmin_password"]


def keep_password(session: Session, group_id: int, seconds: float) -> None:
    """Members begin, or go on: the password is not forgotten before they can have come to their end."""
    task.keep(session, TaskName.MIGRATE, group_id, seconds)


# -- Begin --


def begin(
    session: Session, runtime: Runtime, group: SubcloudPeerGroup, movers: Iterable[Subcloud], password: str
) -> None:
    """Let a migration of a locked group begin; its locked ``movers`` wait for their turn."""
    notes = MigrationNotes(told=group.migration_status == Migration.MIGRATING)
    task.start(
        session,
        TaskName.MIGRATE,
        group.id,
        details=asdict(notes),
        payload={"sysadmin_password": password},
        secret_seconds=runtime.settings.OPERATION_SECRET_TTL,
    )
    group.migration_status = Migration.MIGRATING
    group.migrating_here = True
    group.members_begun = False
    for row in movers:
        row.rehome_step = RehomeStep.WAITING


def note_claimed(session: Session, group_id: int, notes: MigrationNotes) -> None:
    """The other sites let the migration be: from now on they may read what becomes of it.

    An original that read of it would let everything go at once, also what is not taken over then.
    """
    write_notes(session, group_id, replace(notes, claimed=True))
    for association in lock_associations(session, PeerGroupAssociation.peer_group_id == group_id):
        if association.system_peer_id not in notes.originals:
            asking.want_asking(association)


# -- On the way --


@dataclass(frozen=True)
class Admission:
    """Ids of the members that may begin; ``idle``: nobody is at a step any more."""

    admitted: tuple[int, ...] = ()
    idle: bool = False


def admit(session: Session, group_id: int, now: float, secret_ttl: float) -> Admission:
    """Let as many waiting members begin as may be at it side by side; all fail when the password is gone.

    The password is kept for ``secret_ttl`` seconds from now. None are let in before the other sites know.
    """
    waiting = _lock_waiting(session, group_id)
    group = lock_group(session, group_id)
    notes = read_notes(session, group_id)
    if group is None or not group.migrating_here or notes is None:
        return Admission()
    if read_password(session, group_id) is None:
        end = failed(RehomeStep.WAITING, MIGRATION_LOST)
        _write(session, waiting, rehome_step=end.step, deploy_status=end.status, error_description=end.error)
        return Admission(idle=True)
    if not notes.claimed:
        return Admission()
    at_work = _count_at_work(session, group_id)
    admitted = waiting[: max(0, group.max_subcloud_rehoming - at_work)]
    if admitted:
        group.members_begun = True
        _begin_members(session, group_id, admitted, notes, now)
        keep_password(session, group_id, secret_ttl)
    return Admission(tuple(admitted), idle=not (waiting or at_work))


def _begin_members(
    session: Session, group_id: int, admitted: Sequence[int], notes: MigrationNotes, now: float
) -> None:
    """Members are to be ceded first, unless there is nobody to ask for them."""
    session.execute(delete(Task).where(Task.kind == TaskName.REHOME, Task.subject_id.in_(admitted)))
    begun = {"kind": TaskName.REHOME, "created_at": now, "due_at": now, "details": {}}
    session.execute(insert(Task), [{"subject_id": subcloud_id, **begun} for subcloud_id in admitted])
    of_group = PeerGroupAssociation.peer_group_id == group_id
    to_ask = exists().where(of_group, PeerGroupAssociation.system_peer_id.not_in(notes.away))
    if session.scalar(select(to_ask)):
        _write(session, admitted, rehome_step=RehomeStep.CEDING, initial_deployment=False)
        return
    news = {"rehome_step": RehomeStep.REHOMING, "deploy_status": Deploy.PRE_REHOME}
    _write(session, admitted, **news, error_description=NO_ERRORS, initial_deployment=False)


def _count_at_work(session: Session, group_id: int) -> int:
    return (
        session.scalar(
            select(func.count()).where(
                Subcloud.peer_group_id == group_id,
                Subcloud.rehome_step.is_not(None),
                Subcloud.rehome_step != RehomeStep.WAITING,
            )
        )
        or 0
    )


def apply(row: Subcloud, following: NextStep) -> None:
    """Write the next step into a locked row; who manages it is the matter of the caller."""
    row.rehome_step = following.step
    row.deploy_status = following.status or row.deploy_status
    row.error_description = following.error


# -- End --


def end_if_done(session: Session, site: Site, group_id: int) -> list[int] | None:
    """End a migration none of whose members is at a step; returns its associations, None while it goes on."""
    group = lock_group(session, group_id)
    if group is None or not group.migrating_here or _is_under_way(session, group_id):
        return None
    leader_before = group.system_leader_id
    group.system_leader_id, group.system_leader_name = site.uuid, site.name
    group.migration_status = Migration.COMPLETE
    group.migrating_here = False
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group_id)
    for association in associations:
        asking.want_following(association)
        if group.is_primary and leader_before != site.uuid:
            _sync_again(association, leader_before)
    return [association.id for association in associations]


def _is_under_way(session: Session, group_id: int) -> bool:
    at_a_step = exists().where(Subcloud.peer_group_id == group_id, Subcloud.rehome_step.is_not(None))
    return bool(session.scalar(select(at_a_step)))


def _sync_again(association: PeerGroupAssociation, leader_before: str) -> None:
    """Other secondaries missed what was changed while their group was led elsewhere; the site that led it
    finds out by its audit."""
    if association.is_primary and not association.deleting and association.peer.peer_uuid != leader_before:
        association.sync_asked += 1
        status.move(association, Event.SYNC_ASKED)


def withdraw(session: Session, group_id: int, *, still: bool) -> list[int]:
    """End a migration before it touched a subcloud; returns the associations whose peers are to be read.

    ``still``: another site migrates the group, and said so here.
    """
    waiting = _lock_waiting(session, group_id)
    group = lock_group(session, group_id)
    if group is None or not group.migrating_here:
        return []
    return _give_way(session, group, waiting, still=still)


def _give_way(
    session: Session, group: SubcloudPeerGroup, waiting: Iterable[int], *, still: bool
) -> list[int]:
    group.migration_status = Migration.MIGRATING if still else None
    group.migrating_here = False
    task.forget(session, TaskName.MIGRATE, group.id)
    _write(session, waiting, rehome_step=None)
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group.id)
    for association in associations:
        if not association.unfollowed:
            asking.drop_unheard(association)
    return _have_read(associations)


def _have_read(associations: Iterable[PeerGroupAssociation]) -> list[int]:
    """Note at locked associations that their peers are to be read; returns the ids, for a hint."""
    ids = []
    for association in associations:
        association.audit_asked += 1
        ids.append(association.id)
    return ids


def take_claim(session: Session, group_id: int, wanted: str | None) -> list[int]:
    """Another site says how far its migration of a group is; returns the associations to be read for it.

    While this site migrates the group itself, the lower priority number goes on: a secondary group gives way
    as long as it let no member begin. Raises Conflict when it does not. A reset (None) says nothing then.
    """
    waiting = _lock_waiting(session, group_id)
    group = lock_group(session, group_id)
    if group is None:
        return []
    if not group.migrating_here:
        return _note_claim(session, group, wanted)
    if wanted is None:
        return []
    if wanted != Migration.MIGRATING or group.is_primary or group.members_begun:
        raise Conflict(MIGRATING_HERE)
    return _give_way(session, group, waiting, still=True)


def _note_claim(session: Session, group: SubcloudPeerGroup, wanted: str | None) -> list[int]:
    """The status itself is written by the caller, like any other attribute.

    A migration that came to nothing is a reason to look too: members may have been let go for it.
    """
    if Migration.MIGRATING not in (wanted, group.migration_status):
        return []
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group.id)
    return _have_read(associations)


# -- A peer migrates it, and asks for members --


def note_peer_migrates(session: Session, group_id: int, association_id: int) -> list[int]:
    """The peer of an association was read to migrate the group; returns the associations to be read for that.

    Returns none, and notes nothing, when the peer is not associated any more.
    """
    group = lock_group(session, group_id)
    of_group = (PeerGroupAssociation.peer_group_id == group_id, PeerGroupAssociation.deleting.is_(False))
    associations = lock_associations(session, *of_group)
    found = next((one for one in associations if one.id == association_id), None)
    if group is None or found is None:
        return []
    group.migration_status = Migration.MIGRATING
    found.peer_migrates = True
    # What this site had taken over itself counts no more.
    asking.note_following(found)
    return _have_read(associations)


def forget_leftovers(session: Session, group_id: int) -> bool:
    """A peer that was thought to migrate the group no more asks for a member; returns whether one was."""
    noted = PeerGroupAssociation.leftover_seen_at.is_not(None)
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group_id, noted)
    for association in associations:
        association.leftover_seen_at = association.leftover_changed_at = None
    return bool(associations)
