"""The push ledger: what each peer was sent of each member, also after it left the group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, PushedMember
from dcapi.models.states import AssociationType
from dcapi.sync.changes import lock_associations
from dcapi.sync.values.plan import Pushed

# What arrived last may be what is sent next: so it is sent again, and is known still.
ANEW = func.coalesce(PushedMember.sending, PushedMember.digest)


def read_ledger(session: Session, association_id: int) -> dict[str, Pushed]:
    """Region name → what was pushed to the association's peer."""
    rows = session.scalars(select(PushedMember).where(PushedMember.association_id == association_id))
    return {row.region_name: Pushed(row.name, row.digest, row.removed, row.sending) for row in rows}


def write_ledger(session: Session, association_id: int, entries: Mapping[str, Pushed]) -> None:
    """Enter what was, or is about to be, pushed; entries of other regions stay. The caller commits."""
    rows = session.scalars(select(PushedMember).where(PushedMember.association_id == association_id))
    known = {row.region_name: row for row in rows}
    for region_name, pushed in entries.items():
        row = known.get(region_name)
        if row is None:
            row = PushedMember(association_id=association_id, region_name=region_name)
            session.add(row)
        row.name, row.removed = pushed.name, pushed.removed
        row.digest, row.sending = pushed.digest, pushed.sending


def forget_peer(session: Session, peer_id: int) -> None:
    """Forget all that is stored of a peer, because another system is the peer now. The caller commits."""
    primary = PeerGroupAssociation.association_type == AssociationType.PRIMARY
    for association in lock_associations(session, PeerGroupAssociation.system_peer_id == peer_id, primary):
        forget_copies(session, association, same_system=False)


def forget_copies(session: Session, association: PeerGroupAssociation, *, same_system: bool) -> None:
    """Nothing that is stored of the peer as it was holds for the peer as it is. The caller commits.

    At the same system each member is sent again, and what was removed there is known still; at another one
    nothing was ever pushed.
    """
    association.remote_group_id = None
    association.remote_association_id = None
    association.told_status = None
    if same_system:
        forget_pushes(session, association)
    else:
        session.execute(delete(PushedMember).where(PushedMember.association_id == association.id))


def forget_pushes(session: Session, association: PeerGroupAssociation) -> None:
    """Let each member be sent again by the next run, though it is known what arrived. The caller commits."""
    _write_all(session, association, sending=ANEW)


def forget_arrivals(session: Session, association: PeerGroupAssociation) -> None:
    """Let no member count as pushed, though it is known what may have arrived. The caller commits."""
    _write_all(session, association, sending=ANEW, digest=None)


def _write_all(session: Session, association: PeerGroupAssociation, **values: Any) -> None:
    mine = PushedMember.association_id == association.id
    session.execute(
        update(PushedMember).where(mine).values(**values), execution_options={"synchronize_session": False}
    )
