"""Install values: what must be there, and in which bounds."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas.install_values import check_install_values
from tests.subcloud_forms import install_values

PASSWORD = "c2VhbA=="
IPV6 = {
    "bootstrap_address": "fd71::20",
    "bootstrap_address_prefix": 64,
    "bmc_address": "fd72::20",
}

GOOD: list[dict[str, Any]] = [
    {},
    IPV6,
    {"install_type": 0},
    {"install_type": "5"},
    {"bootstrap_address_prefix": "24"},
    {"persistent_size": 30000, "hw_settle": 0},
    {"persistent_size": "30000"},
    {"nexthop_gateway": "10.71.9.1", "network_address": "10.71.9.0"},
    {"nexthop_gateway": None},
    {"anything": {"else": [1]}},
]

BAD: list[tuple[dict[str, Any], str]] = [
    *[
        ({key: None}, f"Mandatory install value {key} not present")
        for key in (
            "bootstrap_interface",
            "bootstrap_address",
            "bootstrap_address_prefix",
            "install_type",
            "bmc_address",
            "bmc_username",
        )
    ],
    ({"bmc_username": ""}, "Mandatory install value bmc_username not present"),
    ({"install_type": 6}, "install_type invalid"),
    ({"install_type": -1}, "install_type invalid"),
    ({"install_type": True}, "install_type invalid"),
    ({"install_type": 1.0}, "install_type invalid"),
    ({"bootstrap_address": "host"}, "bootstrap_address invalid"),
    ({"bootstrap_address": 10}, "bootstrap_address invalid"),
    ({"bootstrap_address_prefix": 33}, "bootstrap_address_prefix invalid"),
    ({**IPV6, "bootstrap_address_prefix": 129}, "bootstrap_address_prefix invalid"),
    ({"bmc_address": "10.72.0"}, "bmc_address invalid"),
    ({"bmc_username": ["mate"]}, "bmc_username invalid"),
    ({"persistent_size": 29999}, "persistent_size invalid"),
    ({"persistent_size": 30000.5}, "persistent_size invalid"),
    ({"persistent_size": "30_000"}, "persistent_size invalid"),
    ({"hw_settle": -1}, "hw_settle invalid"),
    ({"hw_settle": "soon"}, "hw_settle invalid"),
    ({"bmc_address": "fd72::20"}, "bmc_address and bootstrap_address must be of the same IP version"),
    ({"nexthop_gateway": "fd71::1"}, "nexthop_gateway and bootstrap_address must be of the same IP version"),
    ({**IPV6, "network_address": "10.71.9.0"}, "network_address and bootstrap_address must be of the same"),
]


@pytest.mark.parametrize("changes", GOOD)
def test_good_values_are_kept_as_they_were_written(changes: dict[str, Any]) -> None:
    values = install_values(**changes)
    assert check_install_values(values, PASSWORD) == {**values, "bmc_password": PASSWORD}


@pytest.mark.parametrize(("changes", "text"), BAD)
def test_a_wrong_value_is_named(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_install_values(install_values(**changes), PASSWORD)
    assert text in refusal.value.message


def test_a_password_inside_a_wrong_value_is_not_told() -> None:
    with pytest.raises(BadRequest, match=r"^persistent_size invalid") as refusal:
        check_install_values(install_values(persistent_size={"bmc_password": "Bollard*7"}), PASSWORD)
    assert "Bollard" not in refusal.value.message


def test_the_password_must_stand_beside_the_values() -> None:
    with pytest.raises(BadRequest, match=r"^subcloud bmc_password required$"):
        check_install_values(install_values(bmc_password=PASSWORD), None)
