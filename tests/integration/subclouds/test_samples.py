"""Files as operators write them, with the answer that is right for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.subcloud_forms import ADDRESS, PASSWORD, form

SAMPLES = Path(__file__).parents[2] / "samples"
SHOWN = ("subnet", "start-ip", "end-ip", "gateway-ip")

# What is shown of each subcloud: subnet, start, end and gateway.
RIGHT = {
    "01-dual-stack-management": ("10.81.1.0/24", "10.81.1.2", "10.81.1.40", "10.81.1.1"),
    "05-floating-only-management": ("10.81.5.0/30", "10.81.5.2", "10.81.5.2", "10.81.5.1"),
    "07a-admin-subnet-shared": ("10.91.7.0/24", "10.91.7.2", "10.91.7.4", "10.91.7.1"),
    "07b-admin-subnet-shared": ("10.91.7.0/24", "10.91.7.10", "10.91.7.12", "10.91.7.1"),
    "12-secrets-inline": ("10.81.9.0/24", "10.81.9.2", "10.81.9.40", "10.81.9.1"),
    "bootstrap-values-duplex-ipv6": ("fd01:16::/64", "fd01:16::2", "fd01:16::11", "fd01:16::1"),
    "bootstrap-values-simplex-ipv4": ("192.168.101.0/24", "192.168.101.2", "192.168.101.50", "192.168.101.1"),
}
WRONG = {
    "14-ipv6-subcloud-ipv4-gateway": "systemcontroller_gateway_address invalid: Expected IPv6",
    "16-duplex-one-address": "management address range must contain at least 3 addresses",
}


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.yaml").read_bytes()


def creation(name: str, **parts: Any) -> dict[str, Any]:
    values = {"bootstrap_values": sample(name), "bootstrap__address": ADDRESS, "sysadmin_password": PASSWORD}
    return form(**values, **parts)


def shown(fleet: Fleet, name: str) -> tuple[Any, ...]:
    """What is shown of the network of a new subcloud."""
    answer = done(fleet.operator.post("/subclouds", **creation(name))).json
    return tuple(answer[f"management-{key}"] for key in SHOWN)


def test_the_right_ones_are_deployed_and_shown(fleet: Fleet) -> None:
    """All on one site: their ranges do not meet."""
    assert {name: shown(fleet, name) for name in RIGHT} == RIGHT
    fleet.run_jobs()
    listed = done(fleet.operator.get("/subclouds")).json["subclouds"]
    assert {one["deploy-status"] for one in listed} == {"complete"}


def test_install_values_go_with_them(fleet: Fleet) -> None:
    parts = {"install_values": sample("install-values-ipv4"), "bmc_password": PASSWORD}
    done(fleet.operator.post("/subclouds", **creation("bootstrap-values-simplex-ipv4", **parts)))


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_ones_are_refused(fleet: Fleet, name: str) -> None:
    refused(fleet.operator.post("/subclouds", **creation(name)), 400, WRONG[name])


def test_another_file_takes_the_place_of_no_members_values(fleet: Fleet) -> None:
    group = fleet.group()
    member = fleet.member("harbour")
    association = fleet.association(group["id"])
    values = form(bootstrap_values=sample("11-rehome-data-of-nothing"))
    answer = fleet.operator.patch(f"/subclouds/{member['id']}", **values)
    refused(answer, 400, "system_mode required")
    assert fleet.show(member["id"]) == member
    assert fleet.standing(association) == ("in-sync", 0)
