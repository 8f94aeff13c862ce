"""What an audit reads: at its beginning the rows here, then the peer's copy of the group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.parts import Site
from dcapi.peers.address import PeerAddress
from dcapi.peers.port import Answer, PeerPort
from dcapi.sync.audit_verdict import Side
from dcapi.sync.copy import RemoteSubcloud, remote_subcloud
from dcapi.sync.remote_group import (
    find_association,
    find_group,
    find_own_peer_id,
    group_by_id,
    look_for_association,
)
from dcapi.sync.snapshot import Target, address_of, target_of

# What of a group must not change between the question to the peer and the transaction that judges the answer:
# else the answer is from before.
Version = tuple[Any, ...]


class AnotherSystem(Exception):
    """The system over there is not the one that the system peer names: nothing that it says counts."""


@dataclass(frozen=True)
class Beginning:
    """An association and its group when an audit of it began; ``target`` is None at a non-primary site."""

    association_id: int
    group_id: int
    group_name: str
    asked: int
    to_ask: bool
    migrating_here: bool
    leads: bool
    version: Version
    peer: PeerAddress
    target: Target | None
    remote_group_id: int | None
    regions: frozenset[str]
    # What is sent when the peer is asked to audit.
    body: dict[str, Any]


@dataclass(frozen=True)
class There:
    """The peer's copy of the group.

    ``outside``: what the peer has, outside of the group, of the regions of members here; read only when the
    peer leads. ``association_id`` and ``shown``: the association with this site there and the status that it
    shows; read only for a primary site that follows.
    """

    side: Side
    group_id: int
    leader_name: str
    attributes: dict[str, Any]
    subclouds: tuple[RemoteSubcloud, ...]
    outside: dict[str, RemoteSubcloud | None] = field(default_factory=dict)
    association_id: int | None = None
    shown: str | None = None


def version_of(group: SubcloudPeerGroup) -> Version:
    return (group.system_leader_id, group.migration_status, group.migrating_here)


def side_of(group: SubcloudPeerGroup, site: Site) -> Side:
    """This site's copy of the group."""
    return Side(site.uuid, group.group_priority, group.system_leader_id, group.migration_status)


def begin(session: Session, site: Site, association: PeerGroupAssociation) -> Beginning:
    """All that an audit asks with, read in the session's transaction."""
    group = association.group
    regions = session.scalars(select(Subcloud.region_name).where(Subcloud.peer_group_id == group.id))
    return Beginning(
        association_id=association.id,
        group_id=group.id,
        group_name=group.peer_group_name,
        asked=association.audit_asked,
        to_ask=association.audit_to_ask,
        migrating_here=group.migrating_here,
        leads=side_of(group, site).leads,
        version=version_of(group),
        peer=address_of(association.peer),
        target=target_of(association) if association.is_primary else None,
        remote_group_id=association.remote_group_id,
        regions=frozenset(regions),
        body=_body(group, site),
    )


def _body(group: SubcloudPeerGroup, site: Site) -> dict[str, Any]:
    names = (
        "peer_group_name",
        "group_priority",
        "group_state",
        "max_subcloud_rehoming",
        "system_leader_id",
        "system_leader_name",
        "migration_status",
    )
    return {"peer_uuid": site.uuid} | {name: getattr(group, name) for name in names}


def read_there(client: PeerPort, site: Site, beginning: Beginning) -> There | None:
    """The peer's copy as it is now, None when there is none; raises AnotherSystem and peer errors.

    A constant number of requests, however many members there are.
    """
    if client.system_uuid().lower() != beginning.peer.uuid.lower():
        raise AnotherSystem(f"The system at {beginning.peer.endpoint} is not {beginning.peer.uuid}.")
    group = _find_group(client, site, beginning)
    if group is None:
        return None
    side = _side_there(group, beginning.peer)
    subclouds = tuple(remote_subcloud(answer) for answer in client.group_subclouds(group["id"]))
    missing = beginning.regions - {copy.region_name for copy in subclouds}
    association = _find_association(client, site, beginning, group["id"]) if side.leads else None
    return There(
        side=side,
        group_id=group["id"],
        leader_name=str(group["system_leader_name"] or ""),
        attributes=group,
        subclouds=subclouds,
        outside=_look_outside(client, missing, group["id"]) if side.leads and missing else {},
        association_id=None if association is None else association["id"],
        shown=None if association is None else association["sync-status"],
    )


def _side_there(group: Answer, peer: PeerAddress) -> Side:
    return Side(
        site_uuid=peer.uuid,
        priority=group["group_priority"],
        leader_id=str(group["system_leader_id"] or ""),
        status=group["migration_status"],
    )


def _find_group(client: PeerPort, site: Site, beginning: Beginning) -> Answer | None:
    """The copy there: by the id of last time, else by name."""
    if beginning.target is not None:
        return find_group(client, site, beginning.target)
    for group in client.groups():
        if group["peer_group_name"] == beginning.group_name:
            return group
    return _find_renamed(client, site, beginning.remote_group_id)


def _find_renamed(client: PeerPort, site: Site, group_id: int | None) -> Answer | None:
    """A group that has got another name since the last audit: it is associated with this site still."""
    if group_id is None:
        return None
    own_peer_id = find_own_peer_id(client, site)
    if own_peer_id is None or look_for_association(client, group_id, own_peer_id) is None:
        return None
    return group_by_id(client, group_id)


def _find_association(client: PeerPort, site: Site, beginning: Beginning, group_id: int) -> Answer | None:
    """The association of a primary site's group with that site there."""
    if beginning.target is None:
        return None
    own_peer_id = find_own_peer_id(client, site)
    if own_peer_id is None:
        return None
    association_id = find_association(client, beginning.target, group_id, own_peer_id)
    return None if association_id is None else client.association(association_id)


def _look_outside(
    client: PeerPort, regions: frozenset[str], group_id: int
) -> dict[str, RemoteSubcloud | None]:
    found: dict[str, RemoteSubcloud | None] = dict.fromkeys(regions)
    for answer in client.subclouds():
        region_name = answer["region-name"]
        if answer["peer_group_id"] == group_id:
            found.pop(region_name, None)  # it came in since the group was read: nothing is known of it
        elif region_name in found:
            found[region_name] = remote_subcloud(answer)
    return found
