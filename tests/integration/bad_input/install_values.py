"""Wrong values inside of well-formed install values."""

from __future__ import annotations

from typing import Any

from tests.subcloud_forms import ADDRESS, install_network, install_values

# What is wrong → what of good values is another.
CHANGES: dict[str, dict[str, Any]] = {
    "no interface": {"bootstrap_interface": None},
    "an interface that is a list": {"bootstrap_interface": ["eno1"]},
    "an install type beyond its range": {"install_type": 6},
    "an install type that is true": {"install_type": True},
    "an install type that is a fraction": {"install_type": 1.5},
    "a persistent size that is too small": {"persistent_size": 29999},
    "a persistent size with an exponent": {"persistent_size": "1e5"},
    "a time to settle that is negative": {"hw_settle": -1},
    "a BMC address of the other IP version": {"bmc_address": "fd00::1"},
    "a BMC address that is a number": {"bmc_address": 1},
    "a prefix longer than an address": {"bootstrap_address_prefix": 64},
    "a bootstrap address that is two": {"bootstrap_address": f"{ADDRESS},fd71::20"},
    "a bootstrap address of 10 kB": {"bootstrap_address": "x" * 10_240},
    "a gateway with a line break": {"nexthop_gateway": "10.71.9.1\n"},
    "a network without a gateway": install_network(nexthop_gateway=None),
    "a network without a mask": install_network(network_mask=None),
    "a network that is an object": install_network(network_address={"bmc_password": "Bollard*7"}),
    "a mask that is a list": install_network(network_mask=[24]),
    "a network of the other IP version": install_network(network_address="fd71::", network_mask=64),
    "an IPv6 network that is too wide": install_network(network_address="fd71::", network_mask=48),
    "no boot parameters": {"extra_boot_params": ""},
    "a time for addresses that is 0": {"rd.net.timeout.ipv6dad": 0},
    "a time for addresses that is a fraction": {"rd.net.timeout.ipv6dad": 0.5},
    "a debug level beyond its range": {"rvmc_debug_level": 5},
    "a BMC beside an OAM network of the other IP version": {
        "bootstrap_address": "fd71::20",
        "bmc_address": "fd72::20",
    },
    "the release of another": {"software_version": "23.01"},
    "a release that is an object": {"software_version": {"a": "24.09"}},
}
# Values that count although they are nothing.
NEVER_EMPTY = ("extra_boot_params", "rvmc_debug_level", "persistent_size", "rd.net.timeout.ipv6dad")

WRONG_INSTALL_VALUES: dict[str, dict[str, Any]] = {
    **{what: install_values(**changes) for what, changes in CHANGES.items()},
    **{f"a null under {key}": {**install_values(), key: None} for key in NEVER_EMPTY},
}
