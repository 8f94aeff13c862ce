"""Who works on an association, and which runs to one peer have to go one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Subquery, select, union
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, PushedMember, Subcloud
from dcapi.tasks.hold import held_leases
from dcapi.tasks.leases import association_lease


def is_attended(session: Session, association_id: int) -> bool:
    """Whether somebody works on an association now."""
    return bool(held_leases(session, [association_lease(association_id)]))


def sharing_with(session: Session, association_id: int, peer_id: int) -> list[int]:
    """Ids of the other associations of this peer that have to do with a subcloud of this one.

    That is a subcloud that was moved from group to group: a member of one, and not yet removed from the copy
    of the other.
    """
    others = select(PeerGroupAssociation.id).where(
        PeerGroupAssociation.system_peer_id == peer_id, PeerGroupAssociation.id != association_id
    )
    if session.scalar(others.limit(1)) is None:
        return []
    mine, theirs = _regions(peer_id), _regions(peer_id)
    query = (
        select(theirs.c.id)
        .distinct()
        .join(mine, mine.c.region_name == theirs.c.region_name)
        .where(mine.c.id == association_id, theirs.c.id != association_id)
    )
    return list(session.scalars(query))


def _regions(peer_id: int) -> Subquery:
    """(association id, region name) of all that a peer should have and of what it was sent."""
    members = (
        select(PeerGroupAssociation.id, Subcloud.region_name)
        .join(Subcloud, Subcloud.peer_group_id == PeerGroupAssociation.peer_group_id)
        .where(PeerGroupAssociation.system_peer_id == peer_id)
    )
    pushed = (
        select(PeerGroupAssociation.id, PushedMember.region_name)
        .join(PushedMember, PushedMember.association_id == PeerGroupAssociation.id)
        .where(PeerGroupAssociation.system_peer_id == peer_id, PushedMember.removed.is_(False))
    )
    return union(members, pushed).subquery()


def has_begun(session: Session, associations: Iterable[PeerGroupAssociation]) -> bool:
    """Whether a run of one of these associations goes on; one that only waits for its turn has not begun."""
    begun = [association_lease(association.id) for association in associations if association.runs_begun]
    return bool(begun) and bool(held_leases(session, begun))
