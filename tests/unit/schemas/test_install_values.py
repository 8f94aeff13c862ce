"""Install values: what must be there, in which form, and what of them must go together."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas.install_values import PASSWORD_KEY, InstallValuesSchema, check_install_values
from dcapi.services.inventory.installation import NEEDED_KEYS
from tests.subcloud_forms import install_network, install_values

PASSWORD = "c2VhbA=="
IPV6 = {
    "bootstrap_address": "fd71::20",
    "bootstrap_address_prefix": 64,
    "bmc_address": "fd72::20",
}
IPV6_NETWORK = {
    "nexthop_gateway": "fd71::1",
    "network_address": "fd71::",
    "network_mask": 64,
}
MANDATORY = (
    "bootstrap_interface",
    "bootstrap_address",
    "bootstrap_address_prefix",
    "install_type",
    "bmc_address",
    "bmc_username",
)

DAD = "rd.net.timeout.ipv6dad"
SIZE = "The install value persistent_size (in MB) must be a whole number greater than or equal to 30000"
SETTLE = "The install value hw_settle (in seconds) must be a whole number greater than or equal to 0"
DEBUG_LEVEL = "rvmc_debug_level must be an integer between 0 and 4."
EMPTY = "The install value extra_boot_params must not be empty."
OTHER_VERSION = "network address and bootstrap address must be the same IP version"
NO_SUBNET = "network address invalid: Invalid subnet - not a valid IP subnet"
NO_GATEWAY = "nexthop_gateway is required when network_address is present"
NO_MASK = "The network mask is required when network address is present"


def no_address(key: str, value: str) -> str:
    return f"{key} invalid: failed to detect a valid IP address from '{value}'"


GOOD: list[dict[str, Any]] = [
    {},
    IPV6,
    {**IPV6, **IPV6_NETWORK},
    {"bootstrap_address_prefix": "24"},
    {"persistent_size": "30000"},
    {"install_type": "5"},
    install_network(network_mask=24),
    # A host's address with its mask stands for the network.
    install_network(network_address="10.71.9.20"),
    # What is not given needs nothing beside it.
    {"nexthop_gateway": None, "network_address": None, "network_mask": None},
    {"nexthop_gateway": "", "network_address": ""},
    {"network_mask": "255.255.255.0"},
    {"anything": {"else": [1]}, "wait_for_timeout": None},
]

# What is wrong → the text, and the value beside it that is right.
WRONG: list[tuple[str, Any, str, Any]] = [
    ("install_type", 6, "install_type invalid: 6", 5),
    ("install_type", -1, "install_type invalid: -1", 0),
    ("install_type", True, "install_type invalid: True", 1),
    ("install_type", 1.0, "install_type invalid: 1.0", 1),
    ("bootstrap_address", "10.71.9.256", no_address("bootstrap_address", "10.71.9.256"), "10.71.9.255"),
    ("bootstrap_address", 10, no_address("bootstrap_address", "10"), "10.71.9.20"),
    ("bootstrap_address", ["10.71.9.20"], no_address("bootstrap_address", "['10.71.9.20']"), "10.71.9.20"),
    (
        "bootstrap_address",
        "10.71.9.20,fd71::20",
        no_address("bootstrap_address", "10.71.9.20,fd71::20"),
        "10.71.9.20",
    ),
    ("bmc_address", "10.72.0", no_address("bmc_address", "10.72.0"), "10.72.0.1"),
    ("bmc_address", "fe80::1%eth0", no_address("bmc_address", "fe80::1%eth0"), "10.72.0.1"),
    ("nexthop_gateway", "10.71.9.1/24", no_address("nexthop_gateway", "10.71.9.1/24"), "10.71.9.1"),
    ("bootstrap_address_prefix", 33, "bootstrap_address_prefix invalid: longer than an address", 32),
    ("bootstrap_interface", ["eno1"], "bootstrap_interface invalid: must be a text", "eno1"),
    ("bmc_username", 7, "bmc_username invalid: must be a text", "7"),
    ("persistent_size", 29999, "persistent_size of 29999 MB is less than 30000", 30000),
    ("persistent_size", "29999", "persistent_size of 29999 MB is less than 30000", "30000"),
    ("persistent_size", 30000.5, SIZE, 30001),
    ("persistent_size", "30_000", SIZE, "30000"),
    ("persistent_size", 2**31, SIZE, 2**31 - 1),
    ("persistent_size", None, SIZE, 30000),
    ("persistent_size", "", SIZE, 30000),
    ("hw_settle", -1, "hw_settle of -1 seconds is less than 0", 0),
    ("hw_settle", "soon", SETTLE, "0"),
    ("hw_settle", None, SETTLE, 0),
    ("extra_boot_params", "", EMPTY, "a=b"),
    ("extra_boot_params", "  ", EMPTY, "a=b c=d"),
    ("extra_boot_params", None, EMPTY, "a=b"),
    (DAD, 0, f"{DAD} must be greater than 0: 0", 1),
    (DAD, -3, f"{DAD} must be greater than 0: -3", "1"),
    (DAD, "0", f"{DAD} must be greater than 0: 0", "3"),
    (DAD, "soon", f"{DAD} invalid: soon", 3),
    (DAD, 1.5, f"{DAD} invalid: 1.5", 2),
    (DAD, None, f"{DAD} invalid: None", 2),
    ("rvmc_debug_level", 5, DEBUG_LEVEL, 4),
    ("rvmc_debug_level", -1, DEBUG_LEVEL, 0),
    ("rvmc_debug_level", "loud", DEBUG_LEVEL, "3"),
    ("rvmc_debug_level", None, DEBUG_LEVEL, 1),
    (
        "bmc_address",
        "fd72::20",
        "bmc_address and bootstrap_address must be the same IP version",
        "10.72.0.20",
    ),
    (
        "nexthop_gateway",
        "fd71::1",
        "nexthop_gateway and bootstrap_address must be the same IP version",
        "10.71.9.1",
    ),
]

WRONG_NETWORKS: list[tuple[dict[str, Any], str]] = [
    (install_network(nexthop_gateway=None), NO_GATEWAY),
    ({**install_network(), "nexthop_gateway": None}, NO_GATEWAY),
    ({**install_network(), "network_mask": None}, NO_MASK),
    (install_network(nexthop_gateway=None, network_mask=None), NO_GATEWAY),
    (install_network(network_mask=None), NO_MASK),
    (install_network(network_mask=""), NO_MASK),
    (install_network(network_mask=33), NO_SUBNET),
    (install_network(network_mask="255.255.255.256"), NO_SUBNET),
    (install_network(network_mask=True), NO_SUBNET),
    (install_network(network_mask="24,fd71::/64"), NO_SUBNET),
    (install_network(network_address="10.71.9"), NO_SUBNET),
    (install_network(network_address="10.71.9.0/24"), NO_SUBNET),
    (install_network(network_address=["10.71.9.0"]), NO_SUBNET),
    (install_network(network_address="fd71::", network_mask=64), OTHER_VERSION),
    # The form of the network counts first.
    (
        install_network(network_address="fd71::", network_mask=63),
        "network address invalid: IPv6 minimum prefix length is 64",
    ),
    (
        {**IPV6, **IPV6_NETWORK, "network_mask": 48},
        "network address invalid: IPv6 minimum prefix length is 64",
    ),
    ({**IPV6, **install_network(nexthop_gateway="fd71::1")}, OTHER_VERSION),
]


def accepted(values: dict[str, Any]) -> None:
    assert check_install_values(values, PASSWORD) == {**values, "bmc_password": PASSWORD}


def refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        check_install_values(values, PASSWORD)
    assert refusal.value.message == text


@pytest.mark.parametrize("changes", GOOD)
def test_good_values_are_kept_as_they_were_written(changes: dict[str, Any]) -> None:
    accepted({**install_values(), **changes})


@pytest.mark.parametrize("key", MANDATORY)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_mandatory_value_that_is_empty_or_missing_is_named(key: str, nothing: Any) -> None:
    text = f"Mandatory install value {key} not present"
    refused({**install_values(), key: nothing}, text)
    values = install_values()
    del values[key]
    refused(values, text)


@pytest.mark.parametrize(("key", "wrong", "text", "right"), WRONG)
def test_a_wrong_value_is_named_and_its_right_neighbour_taken(
    key: str, wrong: Any, text: str, right: Any
) -> None:
    refused({**install_values(), key: wrong}, text)
    accepted({**install_values(), key: right})


@pytest.mark.parametrize(("changes", "text"), WRONG_NETWORKS)
def test_a_network_that_cannot_work_is_refused(changes: dict[str, Any], text: str) -> None:
    refused({**install_values(), **changes}, text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        # A missing one before a wrong one, a wrong one before what does not go together.
        ({"bootstrap_address": "host", "bmc_username": None}, "Mandatory install value bmc_username"),
        ({"rvmc_debug_level": 5, "bmc_address": "fd72::20"}, "rvmc_debug_level must be"),
        ({"bmc_address": "fd72::20", "network_address": "10.71.9.0"}, "bmc_address and bootstrap_address"),
    ],
)
def test_what_is_missing_is_told_before_what_is_wrong(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest, match=rf"^{text}"):
        check_install_values({**install_values(), **changes}, PASSWORD)


@pytest.mark.parametrize("key", ["install_type", "bmc_address", DAD])
def test_a_password_inside_a_wrong_value_is_not_told(key: str) -> None:
    for value in ({"bmc_password": "Bollard*7"}, "http://mate:Bollard*7@quay.example"):
        with pytest.raises(BadRequest, match=rf"^{key} invalid: ") as refusal:
            check_install_values({**install_values(), key: value}, PASSWORD)
        assert "Bollard" not in refusal.value.message


def test_a_wrong_value_is_quoted_on_one_line_and_not_in_all_its_length() -> None:
    with pytest.raises(BadRequest) as refusal:
        check_install_values(install_values(bmc_address="10\n" * 5000), PASSWORD)
    assert "\n" not in refusal.value.message
    assert len(refusal.value.message) < 200


def test_the_password_must_stand_beside_the_values() -> None:
    with pytest.raises(BadRequest, match=r"^subcloud bmc_password required$"):
        check_install_values(install_values(bmc_password=PASSWORD), None)


def test_stored_values_need_what_sent_ones_must_hold_and_the_password() -> None:
    required = {name for name, field in InstallValuesSchema().load_fields.items() if field.required}
    assert set(NEEDED_KEYS) == required | {PASSWORD_KEY}
