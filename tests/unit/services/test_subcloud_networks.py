"""Networks of a subcloud: forms, places, overlaps, in both IP versions."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.models.network_values import check_forms
from dcapi.services.subcloud_networks import (
    ShownNetwork,
    check_networks,
    check_required,
    shown_network,
)
from tests.subcloud_forms import admin_network, bootstrap_values

OVERLAP = "Subnet overlaps with another configured subnet"
IPV6: dict[str, Any] = {
    "management_subnet": "fd71::/64",
    "management_start_address": "fd71::2",
    "management_end_address": "fd71::ffff",
    "management_gateway_address": "fd71::1",
    "external_oam_subnet": "2001:db8:7::/64",
    "external_oam_gateway_address": "2001:db8:7::1",
    "external_oam_floating_address": "2001:db8:7::20",
    "systemcontroller_gateway_address": "fd69::1",
}

GOOD: list[dict[str, Any]] = [
    {},
    IPV6,
    admin_network(),
    {"system_mode": "duplex", "external_oam_node_0_address": "10.71.9.21"},
    {"management_start_address": "10.70.1.2", "management_end_address": "10.70.1.2"},
    {"management_gateway_address": "10.70.1.254"},
    {"management_subnet": "10.70.1.0/255.255.255.0"},
]

BAD: list[tuple[dict[str, Any], str]] = [
    ({"management_subnet": "10.70.1.0"}, "management_subnet invalid: Invalid subnet"),
    ({"management_subnet": "10.70.1.0/33"}, "management_subnet invalid: Invalid subnet"),
    ({"management_subnet": 10}, "management_subnet invalid: must be a text"),
    ({"management_subnet": ["10.70.1.0/24"]}, "management_subnet invalid: must be a text"),
    ({"management_subnet": "224.0.0.0/8"}, "management_subnet invalid: not a subnet for hosts"),
    ({"management_subnet": "0.0.0.0/0"}, "management_subnet invalid: not a subnet for hosts"),
    ({**IPV6, "management_subnet": "fd71::/63"}, "IPv6 minimum prefix length is 64"),
    ({"management_start_address": "10.70.1.x"}, "management_start_address invalid: Invalid address"),
    ({"management_start_address": "10.70.2.2"}, "must be in subnet 10.70.1.0/24"),
    ({"management_start_address": "10.70.1.0"}, "Cannot use network address"),
    ({"management_end_address": "10.70.1.255"}, "Cannot use broadcast address"),
    ({"management_end_address": "fd71::2"}, "must match network version 4"),
    (
        {"management_start_address": "10.70.1.90", "management_end_address": "10.70.1.2"},
        "management_start_address greater than management_end_address",
    ),
    (
        {"management_gateway_address": "10.70.1.50"},
        "management_gateway_address invalid, is within management pool: 10.70.1.2 - 10.70.1.90",
    ),
    ({"management_gateway_address": "10.70.2.1"}, "management_gateway_address invalid: Address must be in"),
    ({**admin_network(), "admin_start_address": "fd70:2::2"}, "admin_start_address invalid"),
    ({**admin_network(), "admin_gateway_address": "fd70:1::3"}, "is within admin pool"),
    (
        {**admin_network(), "admin_subnet": "10.70.1.0/25", "admin_start_address": "10.70.1.2"},
        f"admin_subnet invalid: {OVERLAP}",
    ),
    ({"external_oam_subnet": "10.70.0.0/16"}, f"external_oam_subnet invalid: {OVERLAP}"),
    ({"external_oam_floating_address": "10.71.8.2"}, "external_oam_floating_address invalid"),
    ({"external_oam_gateway_address": "10.71.8.2"}, "external_oam_gateway_address invalid"),
    ({"external_oam_floating_address": "10.71.9.1"}, "the same address as external_oam_gateway_address"),
    ({"external_oam_node_1_address": "10.1.1.1"}, "external_oam_node_1_address invalid"),
    ({"systemcontroller_gateway_address": "gateway"}, "systemcontroller_gateway_address invalid"),
    (
        {**IPV6, "systemcontroller_gateway_address": "fe80::1%eth0"},
        "systemcontroller_gateway_address invalid",
    ),
]


@pytest.mark.parametrize("changes", GOOD)
def test_networks_that_fit_are_taken(changes: dict[str, Any]) -> None:
    values = bootstrap_values(**changes)
    check_required(values)
    check_networks(values, ["10.70.2.0/24", "fd71:0:0:1::/64", "fd70:2::/64"])


@pytest.mark.parametrize(("changes", "text"), BAD)
def test_networks_that_do_not_fit_are_refused_by_name(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_networks(bootstrap_values(**changes), [])
    assert text in refusal.value.message


@pytest.mark.parametrize(
    ("changes", "taken", "field"),
    [
        ({}, "10.70.1.0/24", "management_subnet"),
        ({}, "10.70.0.0/16", "management_subnet"),
        ({}, "10.70.1.128/30", "management_subnet"),
        (IPV6, "fd71::/64", "management_subnet"),
        (admin_network(), "fd70:1::/64", "admin_subnet"),
        ({}, "10.71.0.0/16", "external_oam_subnet"),
    ],
)
def test_a_subnet_of_another_subcloud_is_taken(changes: dict[str, Any], taken: str, field: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_networks(bootstrap_values(**changes), ["10.99.0.0/24", taken])
    assert refusal.value.message == f"{field} invalid: {OVERLAP}"


REQUIRED = [
    "management_subnet",
    "management_start_address",
    "management_end_address",
    "management_gateway_address",
    "systemcontroller_gateway_address",
    "external_oam_subnet",
    "external_oam_gateway_address",
    "external_oam_floating_address",
]


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("empty", [None, ""])
def test_a_required_field_that_is_missing_is_named(key: str, empty: str | None) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_required({**bootstrap_values(), key: empty})
    assert refusal.value.message == f"{key} required"


@pytest.mark.parametrize(
    "key", ["admin_subnet", "admin_start_address", "admin_end_address", "admin_gateway_address"]
)
def test_an_admin_network_is_whole_or_not_there(key: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_required(bootstrap_values(**{**admin_network(), key: None}))
    assert refusal.value.message == f"{key} required"


def test_both_gateways_together_are_refused() -> None:
    values = bootstrap_values(**{**admin_network(), "management_gateway_address": "10.70.1.1"})
    with pytest.raises(BadRequest, match="cannot be given at the same time"):
        check_required(values)


def test_the_admin_network_is_shown_where_there_is_one() -> None:
    assert shown_network(bootstrap_values()).subnet == "10.70.1.0/24"
    assert shown_network(bootstrap_values(**admin_network())) == ShownNetwork(
        "fd70:1::/64", "fd70:1::2", "fd70:1::90", "fd70:1::1"
    )


def test_what_is_shown_is_in_canonical_form() -> None:
    values = bootstrap_values(
        **{**IPV6, "management_subnet": "FD71:0::5/64", "management_start_address": "FD71:0:0::2"}
    )
    assert shown_network(values).subnet == "fd71::/64"
    assert shown_network(values).start == "fd71::2"


def test_forms_are_judged_without_the_other_fields() -> None:
    check_forms({"management_subnet": "10.1.0.0/24", "admin_subnet": None, "anything": []})
    with pytest.raises(BadRequest, match="admin_end_address invalid"):
        check_forms({"admin_end_address": {}})


def test_a_thousand_other_subclouds_are_compared_in_a_moment() -> None:
    others = [f"10.{200 + number // 256}.{number % 256}.0/24" for number in range(1000)]
    check_networks(bootstrap_values(), others)
    started = time.process_time()
    check_networks(bootstrap_values(), others)
    assert time.process_time() - started < 0.25
