"""What an audit reads: at its beginning the rows here, then the peer's copy of the group."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.states import Migration, PeerKind
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteAssociation, RemoteGroup, RemoteSubcloud
from dcapi.runtime import Site
from dcapi.sync.peer_copy import check_identity, find_association, find_group
from dcapi.sync.snapshot import Destination, destination_of

# What of a group must not change between the question to the peer and the transaction that judges the answer:
# else the answer is from before.
Version = tuple[Any, ...]


@dataclass(frozen=True)
class Beginning:
    """An association and its group when an audit of it began."""

    target: Destination
    group_id: int
    asked: int
    # This site took the group over, and the peer was not seen to follow.
    unfollowed: bool
    # Whether the peer is to be asked to audit first, and the mark that this request is sent for.
    to_ask: bool
    ask_mark: int
    migrating_here: bool
    version: Version
    regions: frozenset[str]


@dataclass(frozen=True)
class There:
    """The peer's copy of the group.

    ``outside``: what the peer has, outside of the group, of the regions of members here; read only when the
    peer leads. ``association``: the one with this site there; read only for a primary site that follows.
    """

    group: RemoteGroup
    subclouds: tuple[RemoteSubcloud, ...]
    outside: dict[str, RemoteSubcloud | None] = field(default_factory=dict)
    association: RemoteAssociation | None = None
    # What runs there.
    kind: PeerKind = PeerKind.OURS
    # The revision of the association here when the reading began.
    revision: int = 0

    @property
    def is_original(self) -> bool:
        return self.kind is PeerKind.ORIGINAL

    @property
    def is_to_be_reset(self) -> bool:
        """Whether a site that leads is told that this one follows. An original may be at it once more."""
        status = self.group.migration_status
        return status == Migration.COMPLETE if self.is_original else status is not None

    @property
    def shown_status(self) -> str | None:
        return None if self.association is None else self.association.sync_status


def version_of(group: SubcloudPeerGroup) -> Version:
    """Who leads and who migrates; that a peer has reset ``complete`` is no news."""
    is_migrating = group.migration_status == Migration.MIGRATING
    return (group.system_leader_id, is_migrating, group.migrating_here)


def begin(session: Session, association: PeerGroupAssociation, *, to_ask: bool) -> Beginning:
    """All that an audit asks with, read in the session's transaction."""
    group = association.group
    regions = session.scalars(select(Subcloud.region_name).where(Subcloud.peer_group_id == group.id))
    return Beginning(
        target=destination_of(association),
        group_id=group.id,
        asked=association.audit_asked,
        unfollowed=association.unfollowed,
        to_ask=to_ask,
        ask_mark=association.ask_mark,
        migrating_here=group.migrating_here,
        version=version_of(group),
        regions=frozenset(regions),
    )


def read_there(
    client: PeerPort, site: Site, beginning: Beginning, kind: PeerKind = PeerKind.OURS
) -> There | None:
    """The peer's copy as it is now, None when there is none; raises AnotherSystem and peer errors.

    A constant number of requests, however many members there are.
    """
    target = beginning.target
    check_identity(client, target.peer)
    group = find_group(client, site, target)
    if group is None:
        return None
    subclouds = tuple(client.group_subclouds(group.id))
    if not group.is_led_by(target.peer.uuid):
        return There(group, subclouds, kind=kind)
    missing = beginning.regions - {copy.region_name for copy in subclouds}
    association = None
    if target.is_primary:
        association = find_association(client, target, group.id, client.system_peer_id(site.uuid))
    outside = _look_outside(client, missing, group.id) if missing else {}
    return There(group, subclouds, outside, association, kind)


def _look_outside(client: PeerPort, regions: Set[str], group_id: int) -> dict[str, RemoteSubcloud | None]:
    found: dict[str, RemoteSubcloud | None] = dict.fromkeys(regions)
    for copy in client.subclouds():
        if copy.peer_group_id == group_id:
            found.pop(copy.region_name, None)  # it came in since the group was read: nothing is known of it
        elif copy.region_name in found:
            found[copy.region_name] = copy
    return found
