"""What a piece of work on an association needs of the rows, read at its beginning and apart from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import Administrative
from dcapi.peers.address import PeerAddress
from dcapi.peers.remote import GROUP_KEYS, GroupValues
from dcapi.sync.values.ledger import read_ledger
from dcapi.sync.values.member import Member, member_of
from dcapi.sync.values.plan import Pushed


@dataclass(frozen=True)
class Destination:
    """An association as seen from outside: the peer, the group here, and the ids of the copies there."""

    association_id: int
    peer: PeerAddress
    # The id that this site gave to the group.
    group_id: int
    group: GroupValues
    # Of the group there: 0 at the primary site.
    priority: int
    remote_group_id: int | None
    remote_association_id: int | None

    @property
    def is_primary(self) -> bool:
        """Whether this site is the primary one of the two."""
        return self.priority > 0

    @property
    def wanted(self) -> GroupValues:
        """The group as a copy there should have it."""
        return replace(self.group, priority=self.priority)


@dataclass(frozen=True)
class Snapshot:
    """What one run works from; its counters tell at the end whether something newer came in."""

    target: Destination
    revision: int
    sync_asked: int
    runs_begun: int
    members: tuple[Member, ...]
    ledger: dict[str, Pushed]


def address_of(peer: SystemPeer) -> PeerAddress:
    return PeerAddress(
        id=peer.id,
        uuid=peer.peer_uuid,
        name=peer.peer_name,
        endpoint=peer.manager_endpoint,
        username=peer.manager_username,
        password=peer.manager_password,
        gateway_address=peer.peer_controller_gateway_address,
        enabled=peer.administrative_state == Administrative.ENABLED,
        login_accepted=peer.login_accepted,
    )


def group_values(group: SubcloudPeerGroup) -> GroupValues:
    return GroupValues(**{name: getattr(group, column) for name, column in GROUP_KEYS.items()})


def destination_of(association: PeerGroupAssociation) -> Destination:
    """The outside view of an association."""
    return Destination(
        association_id=association.id,
        peer=address_of(association.peer),
        group_id=association.peer_group_id,
        group=group_values(association.group),
        priority=association.peer_group_priority or 0,
        remote_group_id=association.remote_group_id,
        remote_association_id=association.remote_association_id,
    )


def snapshot_of(session: Session, association: PeerGroupAssociation) -> Snapshot:
    """All that a run of this association works from, read in the session's transaction."""
    target = destination_of(association)
    members = session.scalars(
        select(Subcloud).where(Subcloud.peer_group_id == association.peer_group_id).order_by(Subcloud.id)
    )
    return Snapshot(
        target=target,
        revision=association.revision,
        sync_asked=association.sync_asked,
        runs_begun=association.runs_begun,
        members=tuple(member_of(row, target.peer.gateway_address) for row in members),
        ledger=read_ledger(session, association.id),
    )
