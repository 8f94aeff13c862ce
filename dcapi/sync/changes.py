"""What a change does to the associations that it concerns, in the transaction of the change.

It moves revision and status, or asks for an audit; jobs hear of it after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, select, update
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation
from dcapi.models.locks import locked
from dcapi.models.states import AssociationType
from dcapi.runtime import Runtime
from dcapi.sync import status

ATTEND_JOB = "attend"

# Seconds after which a peer is told of a change: its answer is out by then, and of many changes in a row
# most have come.
TELL_DELAY = 0.05


def _locking(*conditions: ColumnElement[bool]) -> Select[int]:
    """A statement that locks associations in the order of their ids, so that no two wait for each other."""
    query = select(PeerGroupAssociation.id).where(*conditions).order_by(PeerGroupAssociation.id)
    return locked(query)


# Put together once: that takes as long as running them, and every change of a member runs the first one.
IS_PRIMARY = PeerGroupAssociation.association_type == AssociationType.PRIMARY
OF_GROUPS = _locking(
    PeerGroupAssociation.peer_group_id.in_(bindparam("group_ids", expanding=True)), IS_PRIMARY
)
OF_PEER = _locking(PeerGroupAssociation.system_peer_id == bindparam("peer_id"), IS_PRIMARY)
OF_IDS = (
    select(PeerGroupAssociation)
    .where(PeerGroupAssociation.id.in_(bindparam("ids", expanding=True)))
    .order_by(PeerGroupAssociation.id)
    .execution_options(populate_existing=True)
)


def _lock(
    session: Session, locking: Select[int], values: Mapping[str, Any] | None = None
) -> list[PeerGroupAssociation]:
    """Lock the associations, then read them with their groups and peers.

    Not in one: PostgreSQL reads a row anew when it waited for its lock, and not what is joined to it.
    """
    ids = session.scalars(locking, values).all()
    return list(session.scalars(OF_IDS, {"ids": ids})) if ids else []


def group_changed(session: Session, group_ids: Iterable[int]) -> list[PeerGroupAssociation]:
    """Note that what the secondaries of these groups should have has changed.

    Locks and returns the primary associations of the groups, moved. The caller commits.
    """
    return _changed(_lock(session, OF_GROUPS, {"group_ids": list(group_ids)}))


def peer_changed(session: Session, peer_id: int) -> list[PeerGroupAssociation]:
    """The same for all groups that one system peer is to have."""
    return _changed(_lock(session, OF_PEER, {"peer_id": peer_id}))


def _changed(associations: list[PeerGroupAssociation]) -> list[PeerGroupAssociation]:
    for association in associations:
        association_changed(association)
    return associations


def association_changed(association: PeerGroupAssociation) -> None:
    """Raise the revision of one locked primary association and move its status."""
    association.revision += 1
    status.move(association, status.changed_event(association), _why_changed_badly(association))


def _why_changed_badly(association: PeerGroupAssociation) -> str:
    return f"Peer {association.peer.peer_name} is unavailable: it does not have the latest changes."


def member_changed_here(session: Session, group_id: int) -> list[PeerGroupAssociation]:
    """Note that the operator of a non-primary site changed a member of its copy of a group."""
    associations = lock_associations(
        session,
        PeerGroupAssociation.peer_group_id == group_id,
        PeerGroupAssociation.association_type == AssociationType.NON_PRIMARY,
    )
    for association in associations:
        status.mark_changed_here(association)
    return associations


def lock_associations(session: Session, *conditions: ColumnElement[bool]) -> list[PeerGroupAssociation]:
    """Lock the associations that meet the conditions, and read them as they are now."""
    return _lock(session, _locking(*conditions))


def lock_association(session: Session, association_id: int) -> PeerGroupAssociation | None:
    """Lock one association; None when it does not exist any more."""
    found = lock_associations(session, PeerGroupAssociation.id == association_id)
    return found[0] if found else None


def info_message(associations: Sequence[PeerGroupAssociation]) -> str | None:
    """What the operator is told after a change: which associations it concerns and how to sync them.

    It ends in a line break: the client prints it before its table.
    """
    if not associations:
        return None
    ids = [str(association.id) for association in associations]
    wanted = ids[0] if len(ids) == 1 else "<association id>"
    return (
        f"The peer site(s) of peer group association {', '.join(ids)} do not have this change yet. "
        f"To send it, run: dcmanager peer-group-association sync {wanted}\n"
    )


def hint(runtime: Runtime, associations: Iterable[PeerGroupAssociation | int], *, delay: float = 0.0) -> None:
    """Tell the executor, after the commit, that these associations have news; ``delay`` is in seconds."""
    for association in associations:
        association_id = association if isinstance(association, int) else association.id
        key = f"association:{association_id}"
        runtime.jobs.submit(ATTEND_JOB, key, delay=delay, association_id=association_id)


# -- Audits: who wants one raises a number, and a served audit notes which one it served --

# That is bookkeeping: an association to which nothing else happened shows no new date.
SILENT = {"updated_at": PeerGroupAssociation.updated_at}


def ask_for_audits(session: Session, association_ids: Iterable[int]) -> None:
    """Note that the peers' copies have to be read. The caller holds the rows' locks, and commits."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id.in_(list(association_ids)))
        .values(audit_asked=PeerGroupAssociation.audit_asked + 1, **SILENT),
        execution_options={"synchronize_session": False},
    )


def note_served(session: Session, association_id: int, asked: int) -> None:
    """Note that an audit which began at this request was carried out. The caller commits."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id == association_id)
        .values(audit_served=asked, **SILENT),
        execution_options={"synchronize_session": False},
    )


def note_complete_heard(session: Session, association_id: int, version: str) -> None:
    """Note which ``complete`` of the peer was followed: some sites say it for ever. The caller commits."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id == association_id)
        .values(complete_heard=version, **SILENT),
        execution_options={"synchronize_session": False},
    )
