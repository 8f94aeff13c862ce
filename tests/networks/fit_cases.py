"""Rows of the contract's table on what networks must be, whatever their form."""

from __future__ import annotations

from tests.networks.case import (
    ADMIN,
    DUAL,
    DUPLEX,
    FLOATING,
    IPV6,
    OAM_IPV6,
    SIMPLEX,
    admin,
    management,
    of_copies,
    of_operators,
)
from tests.subcloud_forms import Values

LONG_PREFIX = "IPv6 minimum prefix length is 64"
OVERLAP = "Subnet overlaps with another configured subnet"


def small(at_least: int) -> str:
    return f"Subnet too small - must have at least {at_least} addresses"


LARGE_ENOUGH = (
    of_operators(
        SIMPLEX,
        management("10.70.1.0/31", "10.70.1.0", "10.70.1.1", "10.70.1.1"),
        f"management_subnet invalid: {small(4)}",
        **management("10.70.1.0/30", "10.70.1.2", "10.70.1.2", "10.70.1.1"),
    ),
    of_operators(
        DUPLEX,
        management("10.70.1.0/30", "10.70.1.1", "10.70.1.2", "10.70.1.2"),
        f"management_subnet invalid: {small(8)}",
        **management("10.70.1.0/29", "10.70.1.2", "10.70.1.4", "10.70.1.1"),
    ),
    of_operators(
        ADMIN,
        admin("fd70:1::/127", "fd70:1::1", "fd70:1::1", "fd70:1::1"),
        f"admin_subnet invalid: {small(4)}",
        **admin("fd70:1::/126", "fd70:1::2", "fd70:1::3", "fd70:1::1"),
    ),
    of_operators(
        SIMPLEX,
        {
            "external_oam_subnet": "10.71.9.20/31",
            "external_oam_gateway_address": "10.71.9.21",
            "external_oam_floating_address": "10.71.9.20",
        },
        f"external_oam_subnet invalid: {small(3)}",
        external_oam_subnet="10.71.9.20/30",
        external_oam_gateway_address="10.71.9.21",
        external_oam_floating_address="10.71.9.22",
    ),
    of_operators(
        DUAL, {"management_subnet": "10.70.1.0/24,fd70:1::/63"}, f"management_subnet invalid: {LONG_PREFIX}"
    ),
    of_operators(
        OAM_IPV6,
        {"external_oam_subnet": "fd71:9::/48"},
        f"external_oam_subnet invalid: {LONG_PREFIX}",
        external_oam_subnet="fd71:9::/120",
    ),
)

INSIDE = (
    of_operators(
        SIMPLEX,
        {"management_gateway_address": "10.78.1.1"},
        "management_gateway_address invalid: Address must be in subnet 10.70.1.0/24",
    ),
    of_operators(
        DUAL,
        {"management_end_address": "10.70.1.90,fd70:1:0:1::90"},
        "management_end_address invalid: Address must be in subnet fd70:1::/64",
    ),
    of_operators(
        SIMPLEX,
        {"external_oam_node_0_address": "10.71.8.21"},
        "oam_node_0_address invalid: Address must be in subnet 10.71.9.0/24",
        external_oam_node_0_address="10.71.9.21",
    ),
    of_operators(
        SIMPLEX,
        {"management_start_address": "10.70.1.0"},
        "management_start_address invalid: Cannot use network address",
    ),
    of_operators(
        ADMIN,
        {"admin_gateway_address": "fd70:1::"},
        "admin_gateway_address invalid: Cannot use network address",
    ),
    of_operators(
        SIMPLEX,
        {"management_end_address": "10.70.1.255"},
        "management_end_address invalid: Cannot use broadcast address",
        management_end_address="10.70.1.254",
    ),
    of_operators(
        SIMPLEX,
        {"external_oam_gateway_address": "10.71.9.255"},
        "oam_gateway_address invalid: Cannot use broadcast address",
        **{**OAM_IPV6, "external_oam_gateway_address": "fd71:9::ffff:ffff:ffff:ffff"},
    ),
)

IN_ORDER = (
    of_copies(
        SIMPLEX,
        {"management_start_address": "10.70.1.91"},
        "management_start_address greater than management_end_address",
        management_start_address="10.70.1.90",
    ),
    of_copies(
        DUAL,
        {"management_end_address": "10.70.1.90,fd70:1::1"},
        "management_start_address greater than management_end_address",
        management_end_address="10.70.1.90,fd70:1::2",
    ),
    of_copies(
        ADMIN,
        {"admin_start_address": "fd70:1::91"},
        "admin_start_address greater than admin_end_address",
    ),
)

LONG_ENOUGH = (
    of_operators(
        DUPLEX,
        {"management_end_address": "10.70.1.2"},
        "management address range must contain at least 3 addresses",
        management_end_address="10.70.1.4",
    ),
    of_operators(
        {**DUAL, **DUPLEX},
        {"management_end_address": "10.70.1.90,fd70:1::3"},
        "management address range must contain at least 3 addresses",
        management_end_address="10.70.1.4,fd70:1::4",
    ),
    of_operators(
        {**ADMIN, **DUPLEX},
        {"admin_end_address": "fd70:1::3"},
        "admin address range must contain at least 3 addresses",
        admin_end_address="fd70:1::4",
    ),
    of_operators(
        {"system_mode": "duplex-direct"},
        {"management_end_address": "10.70.1.3"},
        "management address range must contain at least 3 addresses",
    ),
)

# The subnet is shared in what is right: the ranges are beside each other.
RANGES_FREE = (
    of_copies(
        SIMPLEX,
        management("10.70.40.0/24", "10.70.40.90", "10.70.40.99", "10.70.40.1"),
        "Management address range overlaps with that of subcloud quay-40",
        **management("10.70.40.0/24", "10.70.40.91", "10.70.40.99", "10.70.40.1"),
    ),
    of_copies(
        SIMPLEX,
        management("10.70.0.0/16", "10.70.39.2", "10.70.41.1", "10.70.0.1"),
        "Management address range overlaps with that of subcloud quay-40",
        **management("10.70.41.0/24", "10.70.41.2", "10.70.41.90", "10.70.41.1"),
    ),
    of_copies(
        DUAL,
        management(
            "10.70.1.0/24,fd70:41::/64",
            "10.70.1.2,fd70:41::80",
            "10.70.1.90,fd70:41::a0",
            "10.70.1.1,fd70:41::1",
        ),
        "Management address range overlaps with that of subcloud quay-41",
        **management(
            "10.70.1.0/24,fd70:41::/64",
            "10.70.1.2,fd70:41::91",
            "10.70.1.90,fd70:41::a0",
            "10.70.1.1,fd70:41::1",
        ),
    ),
    of_copies(
        ADMIN,
        admin("fd70:41::/64", "fd70:41::90", "fd70:41::92", "fd70:41::1"),
        "Admin address range overlaps with that of subcloud quay-41",
        **admin("fd70:41::/64", "fd70:41::b1", "fd70:41::b2", "fd70:41::1"),
    ),
    of_copies(
        ADMIN,
        {
            "management_subnet": "10.75.41.0/24",
            "management_start_address": "10.75.41.5",
            "management_end_address": "10.75.41.5",
        },
        "Management address range overlaps with that of subcloud quay-41",
        management_subnet="10.75.41.0/24",
        management_start_address="10.75.41.91",
        management_end_address="10.75.41.91",
    ),
)

GATEWAYS_OUTSIDE = (
    of_operators(
        SIMPLEX,
        {"management_gateway_address": "10.70.1.90"},
        "management_gateway_address invalid, is within management pool: 10.70.1.2 - 10.70.1.90",
        management_gateway_address="10.70.1.91",
    ),
    of_operators(
        DUAL,
        {"management_gateway_address": "10.70.1.1,fd70:1:0::2"},
        "management_gateway_address invalid, is within management pool: fd70:1::2 - fd70:1::90",
    ),
    of_operators(
        ADMIN,
        {"admin_gateway_address": "fd70:1::10"},
        "admin_gateway_address invalid, is within admin pool: fd70:1::2 - fd70:1::90",
    ),
)

_OAM_BESIDE: Values = {
    "external_oam_subnet": "10.73.9.0/24",
    "external_oam_gateway_address": "10.73.9.1",
    "external_oam_floating_address": "10.73.9.20",
}

# A management network may meet the OAM network of another subcloud.
SUBNETS_APART = (
    of_operators(
        SIMPLEX,
        {
            "external_oam_subnet": "10.70.40.0/25",
            "external_oam_gateway_address": "10.70.40.100",
            "external_oam_floating_address": "10.70.40.101",
        },
        f"external_oam_subnet invalid: {OVERLAP}",
        **management("10.71.9.0/24", "10.71.9.2", "10.71.9.9", "10.71.9.1"),
        **_OAM_BESIDE,
    ),
    of_operators(
        SIMPLEX,
        {
            "external_oam_subnet": "10.73.9.0/24,fd70:41::/72",
            "external_oam_gateway_address": "10.73.9.1,fd70:41::99",
            "external_oam_floating_address": "10.73.9.20,fd70:41::9a",
        },
        f"external_oam_subnet invalid: {OVERLAP}",
        **{key: f"{_OAM_BESIDE[key]},{OAM_IPV6[key]}" for key in OAM_IPV6},
    ),
    of_operators(
        SIMPLEX,
        {
            "external_oam_subnet": "10.70.1.0/24",
            "external_oam_gateway_address": "10.70.1.100",
            "external_oam_floating_address": "10.70.1.101",
        },
        f"external_oam_subnet invalid: {OVERLAP}",
    ),
    of_operators(
        ADMIN,
        {
            **admin("10.70.1.128/25", "10.70.1.130", "10.70.1.140", "10.70.1.129"),
            "systemcontroller_gateway_address": "10.69.0.1",
        },
        f"admin_subnet invalid: {OVERLAP}",
        **admin("10.75.1.128/25", "10.75.1.130", "10.75.1.140", "10.75.1.129"),
        systemcontroller_gateway_address="10.69.0.1",
    ),
    of_operators(
        DUAL,
        management(
            "10.70.1.0/24,fd71:9::/64",
            "10.70.1.2,fd71:9::100",
            "10.70.1.9,fd71:9::109",
            "10.70.1.1,fd71:9::99",
        )
        | OAM_IPV6,
        f"external_oam_subnet invalid: {OVERLAP}",
    ),
)

GATEWAY_REACHED = (
    of_operators(
        IPV6,
        {"systemcontroller_gateway_address": "10.69.0.1"},
        "systemcontroller_gateway_address invalid: Expected IPv6",
    ),
    of_operators(
        ADMIN,
        {"systemcontroller_gateway_address": "10.69.0.1,fd69::1"},
        "systemcontroller_gateway_address invalid: Expected IPv6",
        systemcontroller_gateway_address="fd69::1,10.69.0.1",
    ),
    of_operators(
        SIMPLEX,
        {"systemcontroller_gateway_address": "fd69::1"},
        "systemcontroller_gateway_address invalid: Expected IPv4",
    ),
    of_operators(
        DUAL,
        {"systemcontroller_gateway_address": "fd69::1"},
        "systemcontroller_gateway_address invalid: Expected IPv4",
    ),
    of_operators(
        SIMPLEX,
        management(
            "fd70:1::/64,10.70.1.0/24", "fd70:1::2,10.70.1.2", "fd70:1::9,10.70.1.9", "fd70:1::1,10.70.1.1"
        ),
        "systemcontroller_gateway_address invalid: Expected IPv6",
        **DUAL,
    ),
)

FLOATING_IS_START = (
    of_operators(
        SIMPLEX,
        {"management_floating_address": "10.70.1.3"},
        "management_floating_address does not match management_start_address",
        **FLOATING,
    ),
    of_operators(
        ADMIN,
        {"admin_floating_address": "fd70:1::3", "admin_end_address": None},
        "admin_floating_address does not match admin_start_address",
        admin_floating_address="FD70:1:0::3",
        admin_start_address=None,
    ),
    of_operators(
        DUAL,
        {"management_floating_address": "10.70.1.2,fd70:1::3"},
        "management_floating_address does not match management_start_address",
        management_floating_address="10.70.1.2,fd70:1::2",
    ),
)
