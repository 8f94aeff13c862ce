"""What must hold of two sites, said once more and without the code that keeps it."""

from __future__ import annotations

import json
from typing import Any

from dcapi.models import PeerGroupAssociation
from tests.integration.sync.world import ModelPeer, World, values_sent

STATUSES = ("syncing", "in-sync", "out-of-sync", "failed", "unknown")
# What an event makes of each status; ours, so that a slip in the service's own table shows.
MOVES = {
    "changed": ("syncing", "out-of-sync", "out-of-sync", "out-of-sync", "failed"),
    "changed while away": ("syncing", "failed", "failed", "failed", "failed"),
    "declared unavailable": ("syncing", "unknown", "failed", "failed", "unknown"),
    "back and equal": ("syncing", "in-sync", "out-of-sync", "out-of-sync", "in-sync"),
    "back and different": ("syncing", "out-of-sync", "out-of-sync", "out-of-sync", "out-of-sync"),
}

Pair = tuple[int, int]


def moved(event: str, status: str) -> str:
    return MOVES[event][STATUSES.index(status)]


def rows(world: World) -> dict[Pair, PeerGroupAssociation]:
    """The associations by group and peer, with what no answer shows."""
    return {(row.peer_group_id, row.system_peer_id): row for row in world.read(PeerGroupAssociation)}


def copy_there(world: World, row: PeerGroupAssociation) -> dict[str, Any] | None:
    """The copy of an association's group at its peer."""
    there = world.peers[row.system_peer_id].site.groups
    known = there.get(row.remote_group_id or 0)
    if known is not None:
        return known
    name = row.group.peer_group_name
    return next((group for group in there.values() if group["peer_group_name"] == name), None)


def is_led_elsewhere(world: World, group: dict[str, Any] | None) -> bool:
    if group is None:
        return False
    leader, migration = str(group["system_leader_id"]), group["migration_status"]
    return leader != world.runtime.site.uuid or bool(migration == "migrating")


def digest_of_copy(peer: ModelPeer, group: dict[str, Any] | None) -> str:
    """The group and its members at the peer; the status of its association is no part of them."""
    members = [] if group is None else peer.site.group_members(group["id"])
    return json.dumps([group, members], sort_keys=True)


def differences(world: World, pair: Pair, row: PeerGroupAssociation) -> list[str]:
    """In what the peer's copy differs from the group here."""
    peer = world.peers[pair[1]]
    there = peer.site.groups.get(row.remote_group_id or 0)
    if there is None:
        return ["the group is not there"]
    here = world.get(f"/subcloud-peer-groups/{pair[0]}")
    names = ("peer_group_name", "group_state", "max_subcloud_rehoming", "system_leader_id")
    found = [name for name in names if here[name] != there[name]]
    if there["group_priority"] != row.peer_group_priority:
        found.append("group_priority")
    return found + _differing_members(world, pair, there["id"])


def _differing_members(world: World, pair: Pair, group_id: int) -> list[str]:
    gateway = world.get(f"/system-peers/{pair[1]}")["peer-controller-gateway-address"]
    here = {
        region: {**values_sent(one), "gateway": gateway} for region, one in world.members(pair[0]).items()
    }
    copies = {one["region-name"]: one for one in world.peers[pair[1]].site.group_members(group_id)}
    there = {region: values_sent(one) for region, one in copies.items()}
    differing = {region for region in {*here, *there} if here.get(region) != there.get(region)}
    return [f"{region}: {here.get(region)} here, {there.get(region)} there" for region in sorted(differing)]
