"""What a piece of work on an association needs of the rows, read at its beginning and apart from them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import Administrative, Migration
from dcapi.peers.address import PeerAddress
from dcapi.sync.ledger import read_ledger
from dcapi.sync.member import Member, member_of
from dcapi.sync.plan import Pushed


@dataclass(frozen=True)
class GroupValues:
    """The attributes of a group that its copies share with it."""

    name: str
    state: str
    max_subcloud_rehoming: int
    leader_id: str
    leader_name: str
    # A site takes the group over: this one, or one that told so. It is no attribute that copies share.
    migrating: bool = False

    def as_request(self, priority: int) -> dict[str, object]:
        """The attributes as a request to a peer spells them, with the priority that the copy has there."""
        return {
            "peer-group-name": self.name,
            "group-priority": priority,
            "group-state": self.state,
            "max-subcloud-rehoming": self.max_subcloud_rehoming,
            "system-leader-id": self.leader_id,
            "system-leader-name": self.leader_name,
        }


@dataclass(frozen=True)
class Target:
    """An association as seen from outside: the peer, the group, and the ids of the copies there."""

    association_id: int
    peer: PeerAddress
    group: GroupValues
    priority: int
    remote_group_id: int | None
    remote_association_id: int | None


@dataclass(frozen=True)
class Snapshot:
    """What one run works from; its counters tell at the end whether something newer came in."""

    target: Target
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
    )


def group_values(group: SubcloudPeerGroup) -> GroupValues:
    return GroupValues(
        name=group.peer_group_name,
        state=group.group_state,
        max_subcloud_rehoming=group.max_subcloud_rehoming,
        leader_id=group.system_leader_id,
        leader_name=group.system_leader_name,
        migrating=group.migration_status == Migration.MIGRATING,
    )


def target_of(association: PeerGroupAssociation) -> Target:
    """The outside view of a primary association."""
    assert association.peer_group_priority is not None, "a primary association has a priority"
    return Target(
        association_id=association.id,
        peer=address_of(association.peer),
        group=group_values(association.group),
        priority=association.peer_group_priority,
        remote_group_id=association.remote_group_id,
        remote_association_id=association.remote_association_id,
    )


def snapshot_of(session: Session, association: PeerGroupAssociation) -> Snapshot:
    """All that a run of this association works from, read in the session's transaction."""
    target = target_of(association)
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
