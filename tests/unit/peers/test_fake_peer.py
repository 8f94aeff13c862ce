"""The fake peer answers as the wire contract says, so that what is tested against it means something."""

from __future__ import annotations

import pytest

from dcapi.peers.errors import ASSOCIATION, PEER_GROUP, SUBCLOUD, SYSTEM_PEER, PeerRefused, PeerUnavailable
from dcapi.peers.payload import SubcloudPayload
from tests.fakes.peer import FakePeer

HERE = "11111111-1111-1111-1111-111111111111"
VALUES = {"system_mode": "simplex", "systemcontroller_gateway_address": "192.168.204.101"}


@pytest.fixture
def peer() -> FakePeer:
    return FakePeer()


def payload(name: str = "edge-1", region_name: str = "a" * 32, **values: object) -> SubcloudPayload:
    given = {"bootstrap_values": VALUES, "bootstrap_address": "10.10.10.12"} | values
    return SubcloudPayload(name, region_name, **given)  # type: ignore[arg-type]


def group_led_from_here(peer: FakePeer) -> int:
    return peer.site.put_group("edges", priority=1, leader=HERE)


def test_what_is_not_there_is_refused_in_the_words_of_the_contract(peer: FakePeer) -> None:
    calls = {
        SYSTEM_PEER: lambda: peer.system_peer(HERE),
        PEER_GROUP: lambda: peer.group("edges"),
        ASSOCIATION: lambda: peer.association(7),
        SUBCLOUD: lambda: peer.subcloud("a" * 32),
    }
    for kind, call in calls.items():
        with pytest.raises(PeerRefused) as refusal:
            call()
        assert refusal.value.not_found(kind)
        assert [other for other in calls if refusal.value.not_found(other)] == [kind]


def test_a_secondary_subcloud_is_created_joined_and_deleted(peer: FakePeer) -> None:
    group = group_led_from_here(peer)
    assert peer.add_secondary(payload())["deploy-status"] == "secondary"
    assert peer.update_subcloud("a" * 32, payload(peer_group=str(group)))["peer_group_id"] == group
    assert [row["name"] for row in peer.group_subclouds(group)] == ["edge-1"]
    peer.delete_subcloud("edge-1")
    assert peer.subclouds() == []


@pytest.mark.parametrize(("name", "region_name"), [("edge-1", "b" * 32), ("edge-2", "a" * 32)])
def test_a_taken_name_or_region_name_is_a_conflict(peer: FakePeer, name: str, region_name: str) -> None:
    peer.add_secondary(payload())
    with pytest.raises(PeerRefused) as refusal:
        peer.add_secondary(payload(name, region_name))
    assert refusal.value.status == 409


def test_an_update_sends_values_and_keeps_what_it_leaves_out(peer: FakePeer) -> None:
    peer.add_secondary(payload(description="here", location="there"))
    moved = VALUES | {"systemcontroller_gateway_address": "192.168.204.102"}
    row = peer.update_subcloud(
        "a" * 32, payload(bootstrap_values=moved, bootstrap_address=None, location="", release="25.09")
    )
    assert (row["description"], row["location"], row["software-version"]) == ("here", "", "25.09")
    assert row["systemcontroller-gateway-ip"] == "192.168.204.102"
    assert peer.site.saved_payload("a" * 32) == moved | {"bootstrap-address": "10.10.10.12"}


def test_a_subcloud_does_not_leave_a_group_that_another_site_leads(peer: FakePeer) -> None:
    group = group_led_from_here(peer)
    peer.add_secondary(payload())
    peer.update_subcloud("a" * 32, payload(peer_group=str(group)))
    with pytest.raises(PeerRefused, match="not led by the current site"):
        peer.update_subcloud("a" * 32, payload(peer_group="none"))


def test_a_subcloud_leaves_a_secondary_group_only_while_its_peer_is_away(peer: FakePeer) -> None:
    group = peer.site.put_group("edges")
    system_peer = peer.site.put_system_peer(HERE)
    peer.create_association(group, system_peer)
    peer.add_secondary(payload())
    peer.update_subcloud("a" * 32, payload(peer_group=str(group)))
    peer.site.system_peers[system_peer]["availability-state"] = "available"
    with pytest.raises(PeerRefused, match="available system peer"):
        peer.update_subcloud("a" * 32, payload(peer_group="none"))
    peer.site.system_peers[system_peer]["availability-state"] = "unavailable"
    assert peer.update_subcloud("a" * 32, payload(peer_group="none"))["peer_group_id"] is None


def test_a_primary_group_takes_only_a_migration_status(peer: FakePeer) -> None:
    group = peer.site.put_group("edges", priority=0)
    with pytest.raises(PeerRefused, match="primary peer group from another site"):
        peer.update_group(group, {"group-state": "disabled"})
    assert peer.update_group(group, {"migration_status": "complete"})["migration_status"] == "complete"


def test_a_group_with_an_association_is_not_deleted(peer: FakePeer) -> None:
    group = group_led_from_here(peer)
    association = peer.create_association(group, peer.site.put_system_peer(HERE))
    with pytest.raises(PeerRefused) as refusal:
        peer.delete_group(group)
    assert refusal.value.still_associated()
    peer.delete_association(association["id"])
    peer.delete_group(group)
    assert peer.groups() == []


def test_an_association_is_told_its_status(peer: FakePeer) -> None:
    association = peer.create_association(group_led_from_here(peer), peer.site.put_system_peer(HERE))
    assert association["sync-status"] == "syncing"
    told = peer.tell_association(association["id"], "failed")
    assert told["sync-message"] == "Primary association sync to current site failed."
    assert "sync-message" not in peer.associations()[0]


def test_a_fault_strikes_before_or_after_the_effect(peer: FakePeer) -> None:
    peer.fail(PeerUnavailable("gone"), on="create_group")
    peer.fail(PeerUnavailable("gone", maybe_sent=True), on="create_group", at=2, after=True)
    for there in (0, 1):
        with pytest.raises(PeerUnavailable):
            peer.create_group({"peer-group-name": "edges"})
        assert len(peer.site.groups) == there
    with pytest.raises(PeerRefused, match="already exists"):
        peer.create_group({"peer-group-name": "edges"})


def test_a_fault_strikes_at_the_nth_call_of_all_and_is_over(peer: FakePeer) -> None:
    peer.fail(PeerRefused("no", 500), at=2)
    peer.groups()
    with pytest.raises(PeerRefused):
        peer.subclouds()
    peer.subclouds()
    assert peer.count == {"groups": 1, "subclouds": 2}
    assert peer.changes() == []


def test_answers_are_copies(peer: FakePeer) -> None:
    peer.site.put_group("edges")
    peer.groups()[0]["peer_group_name"] = "changed"
    assert peer.groups()[0]["peer_group_name"] == "edges"


def test_the_hook_is_called_before_anything_happens(peer: FakePeer) -> None:
    def lost() -> None:
        raise RuntimeError("lease lost")

    peer.before_request = lost
    with pytest.raises(RuntimeError, match="lease lost"):
        peer.create_group({"peer-group-name": "edges"})
    assert peer.site.groups == {}
    assert peer.requests == 0
