"""What a sync makes of the networks of members: gateways of either version, and values not to be sent."""

from __future__ import annotations

from typing import Any

from tests.integration.sync.conftest import Site

IPV6: dict[str, Any] = {
    "management_subnet": "fd71:1::/64",
    "management_start_address": "fd71:1::2",
    "management_end_address": "fd71:1::50",
    "management_gateway_address": "fd71:1::1",
    "systemcontroller_gateway_address": "fd69::1",
}
DUAL: dict[str, Any] = {
    "management_subnet": "192.168.101.0/24,fd71:2::/64",
    "management_start_address": "192.168.101.2,fd71:2::2",
    "management_end_address": "192.168.101.50,fd71:2::50",
    "management_gateway_address": "192.168.101.1,fd71:2::1",
}
DUAL_IPV6_FIRST: dict[str, Any] = {
    **{key: ",".join(reversed(value.split(","))) for key, value in DUAL.items()},
    "systemcontroller_gateway_address": "fd69::1",
}
GATEWAY = "systemcontroller_gateway_address"


def gateways(site: Site) -> dict[str, Any]:
    """Member → the gateway that it was sent with."""
    return {
        copy["name"]: site.there.saved_payload(copy["region-name"])[GATEWAY]
        for copy in site.there.subclouds.values()
    }


def test_a_member_of_a_version_that_the_peer_has_not_fails_until_the_peer_has_it(site: Site) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2", **IPV6)
    site.associate()
    site.run_jobs()
    association = site.association()
    assert association["sync-status"] == "failed"
    assert "edge-2: the peer's gateway (192.168.204.102) is none for IPv6" in association["sync-message"]
    assert "give the system peer one of IPv6" in association["sync-message"]
    assert gateways(site) == {"edge-1": "192.168.204.102"}
    both = {"peer_controller_gateway_address": "192.168.204.102, FD61:0::1"}
    answer = site.good(site.operator.patch("/system-peers/1", json=both))
    assert answer["peer-controller-gateway-address"] == "192.168.204.102,fd61::1"
    assert "info_message" in answer
    site.peer.calls.clear()
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert gateways(site) == {"edge-1": "192.168.204.102", "edge-2": "fd61::1"}
    # That puts the new copy into the group; the other member has what it had.
    assert site.peer.count["update_subcloud"] == 1


def test_a_dual_stack_member_gets_both_gateways_its_primary_first(site: Site) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2", **DUAL)
    site.add_member("edge-3", **DUAL_IPV6_FIRST)
    both = {"peer_controller_gateway_address": "fd61::1,192.168.204.102"}
    site.good(site.operator.patch("/system-peers/1", json=both))
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert gateways(site) == {
        "edge-1": "192.168.204.102",
        "edge-2": "192.168.204.102,fd61::1",
        "edge-3": "fd61::1,192.168.204.102",
    }
    one = {"peer_controller_gateway_address": "fd61::1"}
    assert "info_message" in site.good(site.operator.patch("/system-peers/1", json=one))
    site.ask_for_sync()
    site.run_jobs()
    assert "2 subcloud(s) of 3" in site.association()["sync-message"]
    assert gateways(site)["edge-3"] == "fd61::1"


def test_a_member_whose_values_could_deploy_nothing_fails_and_the_others_arrive(site: Site) -> None:
    site.add_member("edge-1", system_mode=None)
    site.add_member("edge-2", management_subnet="192.168.101.0")
    site.add_member("edge-3")
    # A size that nobody takes any more.
    site.add_member("edge-4", management_subnet="192.168.101.2/31")
    site.associate()
    site.run_jobs()
    association = site.association()
    assert association["sync-status"] == "failed"
    message = association["sync-message"]
    assert "2 subcloud(s) of 4" in message
    assert "edge-1: its bootstrap values cannot be sent: system_mode required" in message
    assert "edge-2: its bootstrap values cannot be sent: management_subnet invalid: Invalid subnet" in message
    assert sorted(copy["name"] for copy in site.there.subclouds.values()) == ["edge-3", "edge-4"]
