"""The rows of a migration: how it begins, lets members in, gives way and ends. Whoever calls commits.

Rows are locked in one order: members, their group, its associations. The group's lock is what every decision
on the migration as a whole is taken under.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from dcapi.errors import Conflict
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, operations
from dcapi.models.locks import locked
from dcapi.models.states import NO_ERRORS, Deploy, Migration, RehomeStep
from dcapi.parts import Parts, Site
from dcapi.sync import status
from dcapi.sync.changes import lock_associations
from dcapi.sync.migrate_steps import LOST, Move, failed
from dcapi.sync.status import Event

KIND = "migrate"

MIGRATING_HERE = "This site is migrating the peer group"


@dataclass(frozen=True)
class Needs:
    """What a migration needs beyond its rows, kept encrypted; ids are those of system peers."""

    sysadmin_password: str = field(repr=False)
    # Another site had said that it migrates the group before this migration began.
    told: bool = False
    # The other sites' copies may say ``migrating`` because of this very migration.
    tells: bool = False
    # The other sites know of it and let it be: members may be taken over.
    claimed: bool = False
    # They did not answer, so they are not asked to give anything away.
    away: tuple[int, ...] = ()


def migration_lease(group_id: int) -> str:
    """Under this lease the other sites are told of a migration."""
    return f"migration:{group_id}"


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


# -- What it needs --


def read_needs(session: Session, group_id: int) -> Needs | None:
    """What a migration needs; None when it is gone, too old, or encrypted with a key that is gone."""
    kept = operations.read(session, KIND, group_id)
    if kept is None:
        return None
    return Needs(**{**kept, "away": tuple(kept["away"])})


def write_needs(session: Session, group_id: int, needs: Needs) -> None:
    operation = operations.find(session, KIND, group_id)
    if operation is not None:
        operation.payload = asdict(needs)


def keep_needs(session: Session, group_id: int, ttl: float) -> None:
    """Members begin, or go on: what they need is not forgotten before they can have come to their end."""
    operations.keep(session, KIND, group_id, ttl)


# -- Begin --


def begin(
    session: Session, parts: Parts, group: SubcloudPeerGroup, movers: Iterable[Subcloud], password: str
) -> None:
    """Let a migration of a locked group begin; its locked ``movers`` wait for their turn."""
    needs = Needs(sysadmin_password=password, told=group.migration_status == Migration.MIGRATING)
    operations.forget(session, KIND, group.id)
    operations.add(session, KIND, group.id, asdict(needs), parts.settings.OPERATION_SECRET_TTL)
    group.migration_status = Migration.MIGRATING
    group.migrating_here = True
    group.members_begun = False
    for row in movers:
        row.rehome_step = RehomeStep.WAITING
        row.deploy_due_at = None


def note_claimed(session: Session, group_id: int, needs: Needs, away: Iterable[int]) -> None:
    """The other sites let the migration be: from now on they may read what becomes of it."""
    write_needs(session, group_id, replace(needs, claimed=True, away=tuple(away)))
    for association in lock_associations(session, PeerGroupAssociation.peer_group_id == group_id):
        association.audit_to_ask = True


# -- On the way --


@dataclass(frozen=True)
class Admission:
    """Ids of the members that may begin. ``claimed``: the other sites need not be told; ``idle``: nobody is
    at a step any more."""

    admitted: tuple[int, ...] = ()
    claimed: bool = True
    idle: bool = False


def admit(session: Session, group_id: int, now: float, secret_ttl: float) -> Admission:
    """Let as many waiting members begin as may be at it side by side.

    What they need is kept for ``secret_ttl`` seconds from now.
    """
    waiting = _lock_waiting(session, group_id)
    group = lock_group(session, group_id)
    if group is None or not group.migrating_here:
        return Admission()
    needs = read_needs(session, group_id)
    if needs is None:
        end = failed(RehomeStep.WAITING, LOST)
        _write(session, waiting, rehome_step=end.step, deploy_status=end.status, error_description=end.error)
        return Admission(idle=True)
    if not needs.claimed:
        return Admission(claimed=False)
    at_work = _count_at_work(session, group_id)
    admitted = waiting[: max(0, group.max_subcloud_rehoming - at_work)]
    if admitted:
        group.members_begun = True
        _begin_members(session, group_id, admitted, needs, now)
        keep_needs(session, group_id, secret_ttl)
    return Admission(tuple(admitted), idle=not (waiting or at_work))


def _begin_members(
    session: Session, group_id: int, admitted: Iterable[int], needs: Needs, now: float
) -> None:
    """Members are to be ceded first, unless there is nobody to ask for them."""
    of_group = PeerGroupAssociation.peer_group_id == group_id
    to_ask = exists().where(of_group, PeerGroupAssociation.system_peer_id.not_in(needs.away))
    if session.scalar(select(to_ask)):
        _write(session, admitted, rehome_step=RehomeStep.CEDING, deploy_due_at=now)
        return
    step, status = RehomeStep.REHOMING, Deploy.PRE_REHOME
    _write(
        session,
        admitted,
        rehome_step=step,
        deploy_status=status,
        error_description=NO_ERRORS,
        deploy_due_at=now,
    )


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


def apply(row: Subcloud, move: Move, now: float) -> None:
    """Write a move into a locked row; who manages it is the matter of the caller."""
    row.rehome_step = move.step
    row.deploy_status = move.status or row.deploy_status
    row.error_description = move.error
    row.deploy_due_at = None if move.step is None else now + move.seconds


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
    operations.forget(session, KIND, group_id)
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group_id)
    for association in associations:
        association.audit_to_ask = True
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
    operations.forget(session, KIND, group.id)
    _write(session, waiting, rehome_step=None)
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id == group.id)
    for association in associations:
        association.audit_asked += 1
    return [association.id for association in associations]


def take_claim(session: Session, group_id: int, wanted: str | None) -> list[int]:
    """Another site says how far its migration of a group is; returns the associations to be read for it.

    While this site migrates the group itself, the lower priority number goes on: a secondary group gives way
    as long as it let no member begin. Raises Conflict when it does not.
    """
    waiting = _lock_waiting(session, group_id)
    group = lock_group(session, group_id)
    if group is None:
        return []
    if not group.migrating_here:
        return _note_claim(session, group, wanted)
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
    for association in associations:
        association.audit_asked += 1
    return [association.id for association in associations]
