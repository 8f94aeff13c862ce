"""Finds subclouds, and what their rules look at, by the references that operators and other sites use."""

from __future__ import annotations

from sqlalchemy import ColumnElement, bindparam, or_, select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, NotFound
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudGroup, SubcloudPeerGroup, SystemPeer
from dcapi.models.base import LARGEST_ID
from dcapi.models.locks import locked
from dcapi.models.states import Migration
from dcapi.models.subcloud_group import DEFAULT_GROUP_ID
from dcapi.runtime import Site
from dcapi.services.inventory.member_request import CallerKind, GroupFacts

NOT_FOUND = "Subcloud not found"
UNKNOWN_GROUP = "Invalid group"
UNKNOWN_PEER_GROUP = "Invalid peer group"
NO_PEER_GROUP = "none"

# An id, or a text: a name for operators, a region name for other sites.
Reference = int | str


def find(session: Session, reference: Reference, caller: CallerKind, *, lock: bool = False) -> Subcloud:
    """The row that a URL names; raises NotFound. ``lock`` keeps other writers off it."""
    return _one(session, _named(reference, caller), lock=lock)


def find_to_delete(session: Session, reference: Reference, caller: CallerKind) -> Subcloud:
    """The locked row that a DELETE names: other sites say its name there, or else its region name."""
    if caller is CallerKind.PEER:
        by_name = Subcloud.name == reference
        query = select(Subcloud).where(or_(by_name, Subcloud.region_name == reference))
        row = session.scalars(locked(query.order_by(by_name.desc()).limit(1))).one_or_none()
        if row is None:
            raise NotFound(NOT_FOUND)
        return row
    return find(session, reference, caller, lock=True)


def find_by_name(session: Session, name: str) -> Subcloud:
    """The locked row of this name; raises NotFound."""
    return _one(session, Subcloud.name == name, lock=True)


def _named(reference: Reference, caller: CallerKind) -> ColumnElement[bool]:
    if caller is CallerKind.PEER:
        return Subcloud.region_name == str(reference)
    return Subcloud.id == reference if isinstance(reference, int) else Subcloud.name == reference


def _one(session: Session, condition: ColumnElement[bool], *, lock: bool) -> Subcloud:
    query = select(Subcloud).where(condition)
    row = session.scalars(locked(query) if lock else query).one_or_none()
    if row is None:
        raise NotFound(NOT_FOUND)
    return row


def subcloud_group_id(session: Session, reference: str | None) -> int:
    """The id of the subcloud group that a request names, the default one's when it names none.

    It stays until the transaction ends. Raises BadRequest.
    """
    if reference is None:
        return DEFAULT_GROUP_ID
    condition = (
        SubcloudGroup.id == _as_id(reference) if _is_id(reference) else SubcloudGroup.name == reference
    )
    named = locked(select(SubcloudGroup.id).where(condition), shared=True)
    group_id = session.scalar(named)
    if group_id is None:
        raise BadRequest(UNKNOWN_GROUP)
    return group_id


def peer_group_named(session: Session, reference: str) -> int | None:
    """The id of the peer group that a request names, None for the word that says none; raises BadRequest."""
    if reference.lower() == NO_PEER_GROUP:
        return None
    condition = (
        SubcloudPeerGroup.id == _as_id(reference)
        if _is_id(reference)
        else SubcloudPeerGroup.peer_group_name == reference
    )
    group_id = session.scalar(select(SubcloudPeerGroup.id).where(condition))
    if group_id is None:
        raise BadRequest(UNKNOWN_PEER_GROUP)
    return group_id


def _is_id(reference: str) -> bool:
    return reference.isascii() and reference.isdigit()


def _as_id(reference: str) -> int:
    """The id that digits say, or one that no row has."""
    number = int(reference) if len(reference) < 20 else LARGEST_ID + 1
    return number if number <= LARGEST_ID else -1


# Put together once, because that takes longer than running it, and every change of a member runs it.
LOCKED_GROUPS = locked(
    select(
        SubcloudPeerGroup.id,
        SubcloudPeerGroup.group_priority,
        SubcloudPeerGroup.system_leader_id,
        SubcloudPeerGroup.migration_status,
        SubcloudPeerGroup.migrating_here,
    )
    .where(SubcloudPeerGroup.id.in_(bindparam("group_ids", expanding=True)))
    .order_by(SubcloudPeerGroup.id)
)


def group_facts(session: Session, site: Site, group_ids: set[int]) -> dict[int, GroupFacts]:
    """What the rules look at of some peer groups, whose rows are locked in the order of their ids."""
    if not group_ids:
        return {}
    return {
        group_id: GroupFacts(
            id=group_id,
            priority=priority,
            led_here=leader == site.uuid,
            is_migrating=migration_status == Migration.MIGRATING,
            migrating_here=migrating_here,
            # No rule asks for the peers of a group that is at home here.
            peer_states=_peer_states(session, group_id) if priority > 0 else frozenset(),
        )
        for group_id, priority, leader, migration_status, migrating_here in session.execute(
            LOCKED_GROUPS, {"group_ids": list(group_ids)}
        )
    }


def _peer_states(session: Session, group_id: int) -> frozenset[str]:
    query = (
        select(SystemPeer.availability_state)
        .join(PeerGroupAssociation, PeerGroupAssociation.system_peer_id == SystemPeer.id)
        .where(PeerGroupAssociation.peer_group_id == group_id)
    )
    return frozenset(session.scalars(query))
