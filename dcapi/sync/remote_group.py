"""The copy of a group at a peer: found, created, made equal, and asked who leads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcapi.models.states import Migration
from dcapi.parts import Site
from dcapi.peers.errors import ASSOCIATION, PEER_GROUP, SYSTEM_PEER, PeerError, PeerRefused
from dcapi.peers.port import PeerPort
from dcapi.peers.texts import clean
from dcapi.sync.snapshot import Target


class CannotSync(Exception):
    """The two sites do not fit together: the message tells the operator what to mend."""


class AnotherLeads(Exception):
    """The peer's copy is led by another site than this one, or is being migrated: nothing may be written."""


@dataclass(frozen=True)
class RemoteGroup:
    """The ids of both copies at the peer, and the group there as it was read."""

    group_id: int
    association_id: int
    values: dict[str, Any]


def check_identity(client: PeerPort, target: Target) -> None:
    """Make sure that the system over there is the one that the system peer names; raises CannotSync."""
    found = client.system_uuid()
    if found.lower() != target.peer.uuid.lower():
        raise CannotSync(
            f"The system at {target.peer.endpoint} is {clean(found)}, not {target.peer.uuid} as system peer "
            f"{target.peer.name} says: correct its UUID or its endpoint."
        )


def find_own_peer_id(client: PeerPort, site: Site) -> int | None:
    """The id of the system peer there that stands for this site; None when there is none."""
    try:
        return int(client.system_peer(site.uuid)["id"])
    except PeerRefused as error:
        if not error.not_found(SYSTEM_PEER):
            raise
        return None


def find_group(client: PeerPort, site: Site, target: Target) -> dict[str, Any] | None:
    """The copy there: by the id of last time, else by name; None when there is none."""
    known = group_by_id(client, target.remote_group_id)
    if known is not None and _is_copy(known, target):
        return known
    for group in client.groups():
        if group["peer_group_name"] == target.group.name:
            return group
    return known if known is not None and _was_renamed(client, site, known, target) else None


def _was_renamed(client: PeerPort, site: Site, known: dict[str, Any], target: Target) -> bool:
    """Whether a group of another name is the copy of last time: ids are used again by a peer that was set up
    anew, so its association must be the one of last time too, and be with this site."""
    association = _association_by_id(client, target.remote_association_id)
    if known["group_priority"] == 0 or association is None:
        return False
    return _pairs(association, known["id"], find_own_peer_id(client, site))


def _pairs(association: dict[str, Any], group_id: int, own_peer_id: int | None) -> bool:
    """Whether an association there is the one of this group with this site."""
    ids = (association["peer-group-id"], association["system-peer-id"])
    return bool(ids == (group_id, own_peer_id))


def group_by_id(client: PeerPort, group_id: int | None) -> dict[str, Any] | None:
    """The group of this id there; None when there is none, or no id is known."""
    if group_id is None:
        return None
    try:
        return client.group(group_id)
    except PeerRefused as error:
        if not error.not_found(PEER_GROUP):
            raise
        return None


def _is_copy(group: dict[str, Any], target: Target) -> bool:
    return bool(group["peer_group_name"] == target.group.name and group["group_priority"] > 0)


def check_leader(group: dict[str, Any], site: Site) -> None:
    """Raises AnotherLeads unless the copy says that this site leads it and nobody migrates it.

    ``complete`` under this site's own leadership is left over from a migration and no obstacle.
    """
    if group["migration_status"] == Migration.MIGRATING:
        raise AnotherLeads("The peer is migrating the group.")
    if str(group["system_leader_id"]).lower() != site.uuid.lower():
        raise AnotherLeads(
            f"The peer's copy of the group is led by {clean(str(group['system_leader_name']))}."
        )


def check_secondary(group: dict[str, Any], target: Target) -> None:
    """Raises CannotSync for a group that is primary there too."""
    if group["group_priority"] == 0:
        raise CannotSync(
            f"Peer {target.peer.name} has a primary peer group {target.group.name} of its own (priority 0): "
            "rename or delete one of the two."
        )


def find_or_create(client: PeerPort, site: Site, target: Target) -> RemoteGroup:
    """Find both copies at the peer, or create them; raises CannotSync, AnotherLeads and peer errors."""
    if target.group.leader_id != site.uuid:
        raise AnotherLeads(f"The group is led by {target.group.leader_name}.")
    if target.group.migrating:
        raise AnotherLeads("The group is being migrated.")
    check_identity(client, target)
    own_peer_id = find_own_peer_id(client, site)
    if own_peer_id is None:
        raise CannotSync(
            f"Peer {target.peer.name} does not know this site: create a system peer for {site.uuid} there."
        )
    group = find_group(client, site, target)
    if group is None:
        group = client.create_group(target.group.as_request(target.priority))
    check_secondary(group, target)
    check_leader(group, site)
    association_id = find_association(client, target, group["id"], own_peer_id)
    if association_id is None:
        association_id = _create_association(client, group["id"], own_peer_id)
    return RemoteGroup(group["id"], association_id, group)


def find_association(client: PeerPort, target: Target, group_id: int, own_peer_id: int | None) -> int | None:
    """The id of the association of a group there with this site, by the id of last time if it fits."""
    known = _association_by_id(client, target.remote_association_id)
    if known is not None and _pairs(known, group_id, own_peer_id):
        return int(known["id"])
    return look_for_association(client, group_id, own_peer_id)


def look_for_association(client: PeerPort, group_id: int, own_peer_id: int | None) -> int | None:
    """The id of the association of a group there with this site, None when there is none."""
    for association in client.associations():
        if _pairs(association, group_id, own_peer_id):
            return int(association["id"])
    return None


def _create_association(client: PeerPort, group_id: int, own_peer_id: int) -> int:
    """Create it; a creation whose answer was lost is looked for: nobody could tell it a status otherwise."""
    try:
        return int(client.create_association(group_id, own_peer_id)["id"])
    except PeerError as error:
        made = look_for_association(client, group_id, own_peer_id) if error.maybe_sent else None
        if made is None:
            raise
        return made


def _association_by_id(client: PeerPort, association_id: int | None) -> dict[str, Any] | None:
    if association_id is None:
        return None
    try:
        return client.association(association_id)
    except PeerRefused as error:
        if not error.not_found(ASSOCIATION):
            raise
        return None


# How a request spells an attribute, and how an answer does.
ATTRIBUTES = {
    "peer-group-name": "peer_group_name",
    "group-priority": "group_priority",
    "group-state": "group_state",
    "max-subcloud-rehoming": "max_subcloud_rehoming",
    "system-leader-name": "system_leader_name",
}


def make_equal(client: PeerPort, remote: RemoteGroup, target: Target) -> None:
    """Send the attributes in which the copy differs; one request, none when it is equal."""
    wanted = target.group.as_request(target.priority)
    differing = {
        asked: wanted[asked]
        for asked, shown in ATTRIBUTES.items()
        if remote.values.get(shown) != wanted[asked]
    }
    if differing:
        client.update_group(remote.group_id, differing)
