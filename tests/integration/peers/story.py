"""Everything that a site asks of another one, in an order in which all of it is possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.remote import RemoteGroup
from tests.groups import group_values
from tests.integration.peers.other_sites import HERE, OtherSite
from tests.subcloud_forms import ADDRESS, bootstrap_values, install_values

# What was asked, and what was answered.
Told = Iterator[tuple[str, Any]]

REGION = "a" * 32
STRANGER = "44444444-4444-4444-8444-444444444444"
GROUP = group_values(priority=1, leader_id=HERE)


def payload(number: int = 1, region_name: str = REGION, **values: Any) -> SubcloudPayload:
    given = {
        "bootstrap_values": bootstrap_values(number),
        "bootstrap_address": ADDRESS,
        "description": "here",
        "location": "there",
        "release": "24.09",
    }
    return SubcloudPayload(f"quay-{number}", region_name, **given | values)


def only(**values: Any) -> SubcloudPayload:
    """A payload of an update that changes nothing else."""
    return SubcloudPayload("quay-1", REGION, **values)


def story(site: OtherSite) -> Told:
    yield "kind", site.peer.kind()
    yield "system", len(site.peer.system_uuid())
    yield "an unknown system peer", site.peer.system_peer_id(HERE)
    peer_id = site.put_system_peer()
    yield "system peer", site.peer.system_peer_id(HERE) == peer_id
    group = site.peer.create_group(GROUP)
    yield from _story_of_a_group(site, group)
    association = site.peer.create_association(group.id, peer_id)
    yield "new association", association
    yield from _story_of_an_association(site, group, association.id)
    yield from _story_of_a_subcloud(site, group)
    yield from _story_of_a_migration(site)
    yield from _story_of_deletions(site, association.id)


def _story_of_a_group(site: OtherSite, group: RemoteGroup) -> Told:
    peer = site.peer
    yield "new group", group
    yield "groups", peer.groups()
    yield "audit by a stranger", peer.audit_group("edges", STRANGER, 1, group)
    yield "audit by a site that is not associated", peer.audit_group("edges", HERE, 1, group)
    yield "changed group", peer.update_group(group.id, max_subcloud_rehoming=3, state="disabled")


def _story_of_an_association(site: OtherSite, group: RemoteGroup, association_id: int) -> Told:
    peer = site.peer
    yield "associations", peer.associations()
    yield "audit", peer.audit_group("edges", HERE, 1, group)
    for status in ("failed", "in-sync"):
        yield f"told {status}", peer.tell_association(association_id, status)
    yield "association", peer.association(association_id)


def _story_of_a_subcloud(site: OtherSite, group: RemoteGroup) -> Told:
    peer = site.peer
    yield "new subcloud", peer.add_secondary(payload(install_values=install_values(bmc_password="c2VhbA==")))
    yield "subcloud", peer.subcloud(REGION)
    yield "member", peer.update_subcloud(REGION, only(peer_group=str(group.id)))
    yield "members", peer.group_subclouds(group.id)
    yield "subclouds", peer.subclouds()
    moved = {**bootstrap_values(), "systemcontroller_gateway_address": "10.69.0.7"}
    yield "changed values", peer.update_subcloud(REGION, only(bootstrap_values=moved))
    texts = only(description="", location="Oulu", release="25.09")
    yield "changed texts", peer.update_subcloud(REGION, texts)
    yield "changed", peer.subcloud(REGION)


def _story_of_a_migration(site: OtherSite) -> Told:
    peer = site.peer
    site.set_subcloud(management_state="managed", deploy_status="complete", availability_status="online")
    for status in ("none", "complete", "migrating"):
        yield f"group {status}", peer.update_group("edges", migration_status=status)
    yield "ceded", peer.cede_subcloud(REGION)
    yield "ceded again", peer.cede_subcloud(REGION)
    site.set_subcloud(deploy_status="secondary", availability_status="offline")


def _story_of_deletions(site: OtherSite, association_id: int) -> Told:
    peer = site.peer
    yield "deleted subcloud", peer.delete_subcloud("quay-1")
    yield "deleted association", peer.delete_association(association_id)
    yield "deleted group", peer.delete_group("edges")
    yield "nothing is left", [peer.groups(), peer.associations(), peer.subclouds()]
    yield (
        "deleted again",
        [
            peer.delete_subcloud("quay-1"),
            peer.delete_association(association_id),
            peer.delete_group("edges"),
        ],
    )
    yield "nothing is found", [peer.subcloud(REGION), peer.association(association_id)]
    peer.create_group(group_values("hubs", leader_id=HERE))
    yield "primary group", peer.update_group("hubs", migration_status="complete")
