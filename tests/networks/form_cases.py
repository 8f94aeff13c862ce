"""Rows of the contract's table on the form of values: of both sites' subclouds alike."""

from __future__ import annotations

from tests.networks.case import ADMIN, ADMIN_POOL, DUAL, DUPLEX, FLOATING, OAM_IPV6, SIMPLEX, of_copies

SUBNET, ADDRESS = "Invalid subnet -", "Invalid address -"
MANY_SUBNETS = f"{SUBNET} more than two IP subnets"
MANY_ADDRESSES = f"{ADDRESS} more than two IP addresses"
SUBNETS_OF_ONE = f"{SUBNET} dual-stack of same IP family"
ADDRESSES_OF_ONE = f"{ADDRESS} dual-stack of same IP family"
NO_SUBNET = f"{SUBNET} not a valid IP subnet"
NO_ADDRESS = f"{ADDRESS} not a valid IP address"
OTHER_SIZE = f"{ADDRESS} Not of same size (single or dual-stack) with subnet"
NOT_IPV4 = "Invalid IP version - must match network version IPv4"
NOT_IPV6 = "Invalid IP version - must match network version IPv6"

REQUIRED_KEYS = (
    "system_mode",
    "management_subnet",
    "management_start_address",
    "management_end_address",
    "management_gateway_address",
    "systemcontroller_gateway_address",
    "external_oam_subnet",
    "external_oam_gateway_address",
    "external_oam_floating_address",
)
REQUIRED = (
    *(of_copies(SIMPLEX, {key: None}, f"{key} required") for key in REQUIRED_KEYS),
    *(of_copies(ADMIN, {key: None}, f"{key} required") for key in sorted(ADMIN_POOL)),
    of_copies(
        SIMPLEX,
        {"system_mode": "triplex"},
        "system_mode invalid: must be one of simplex, duplex, duplex-direct",
        system_mode="duplex-direct",
    ),
    of_copies(
        {**FLOATING, **DUPLEX},
        {"management_end_address": "10.70.1.90"},
        "management_start_address required",
        system_mode="simplex",
    ),
)

AT_MOST_TWO = (
    of_copies(
        DUAL,
        {"management_subnet": "10.70.1.0/24,fd70:1::/64,10.79.1.0/24"},
        f"management_subnet invalid: {MANY_SUBNETS}",
    ),
    of_copies(SIMPLEX, {"management_subnet": "a,b,c"}, f"management_subnet invalid: {MANY_SUBNETS}"),
    of_copies(
        SIMPLEX, {"external_oam_subnet": "10.71.9.0/24,,"}, f"external_oam_subnet invalid: {MANY_SUBNETS}"
    ),
    of_copies(
        DUAL,
        {"management_start_address": "10.70.1.2,fd70:1::2,fd70:1::3"},
        f"management_start_address invalid: {MANY_ADDRESSES}",
    ),
    of_copies(
        ADMIN,
        {"admin_gateway_address": "fd70:1::1,10.75.1.1,10.75.1.2"},
        f"admin_gateway_address invalid: {MANY_ADDRESSES}",
    ),
    of_copies(
        SIMPLEX,
        {"external_oam_node_0_address": "10.71.9.21,10.71.9.22,10.71.9.23"},
        f"oam_node_0_address invalid: {MANY_ADDRESSES}",
        external_oam_node_0_address="10.71.9.21",
    ),
    of_copies(
        SIMPLEX,
        {"systemcontroller_gateway_address": "10.69.0.1,fd69::1,10.69.0.2"},
        f"systemcontroller_gateway_address invalid: {MANY_ADDRESSES}",
        systemcontroller_gateway_address="10.69.0.1,fd69::1",
    ),
)

OF_TWO_VERSIONS = (
    of_copies(
        SIMPLEX,
        {"management_subnet": "10.70.1.0/25,10.70.1.128/25"},
        f"management_subnet invalid: {SUBNETS_OF_ONE}",
    ),
    of_copies(
        ADMIN, {"admin_subnet": "fd70:1::/64, fd70:1:0:1::/64"}, f"admin_subnet invalid: {SUBNETS_OF_ONE}"
    ),
    of_copies(
        DUAL,
        {"management_end_address": "10.70.1.90,10.70.1.91"},
        f"management_end_address invalid: {ADDRESSES_OF_ONE}",
    ),
    of_copies(
        SIMPLEX,
        {"external_oam_floating_address": "10.71.9.20,10.71.9.20"},
        f"oam_floating_address invalid: {ADDRESSES_OF_ONE}",
    ),
    of_copies(
        SIMPLEX,
        {"systemcontroller_gateway_address": "10.69.0.1 , 10.69.0.2"},
        f"systemcontroller_gateway_address invalid: {ADDRESSES_OF_ONE}",
        systemcontroller_gateway_address="10.69.0.1 , fd69::2",
    ),
)

# The text in the place of an address of the system controller is quoted: the part that is wrong.
READABLE = (
    *(
        of_copies(SIMPLEX, {"management_subnet": wrong}, f"management_subnet invalid: {NO_SUBNET}")
        for wrong in ("10.70.1.0", "10.70.1.0/33", "10.70.1.0/24,", "224.0.0.0/8", "0.0.0.0/0", "127.0.0.0/8")
    ),
    of_copies(
        SIMPLEX,
        {"management_subnet": 167772160},
        f"management_subnet invalid: {NO_SUBNET}",
        management_subnet="10.70.1.0/255.255.255.0",
    ),
    of_copies(
        SIMPLEX, {"external_oam_subnet": ["10.71.9.0/24"]}, f"external_oam_subnet invalid: {NO_SUBNET}"
    ),
    of_copies(ADMIN, {"admin_subnet": "fd70:1::/129"}, f"admin_subnet invalid: {NO_SUBNET}"),
    *(
        of_copies(
            SIMPLEX, {"management_start_address": wrong}, f"management_start_address invalid: {NO_ADDRESS}"
        )
        for wrong in ("10.70.1", "10.70.1.2,", "10.70.1.2/24", ",10.70.1.2")
    ),
    of_copies(
        ADMIN,
        {"admin_start_address": "fd70:1::2%eth0"},
        f"admin_start_address invalid: {NO_ADDRESS}",
        admin_start_address="FD70:1:0::0002",
    ),
    of_copies(
        SIMPLEX,
        {"external_oam_node_1_address": "10.71.9"},
        f"oam_node_1_address invalid: {NO_ADDRESS}",
        external_oam_node_1_address="10.71.9.22",
    ),
    of_copies(
        SIMPLEX,
        {"management_floating_address": "quay"},
        f"management_floating_address invalid: {NO_ADDRESS}",
        management_floating_address="10.70.1.2",
    ),
    *(
        of_copies(
            SIMPLEX,
            {"systemcontroller_gateway_address": wrong},
            f"systemcontroller_gateway_address invalid: failed to detect a valid IP address from '{part}'",
        )
        for wrong, part in (
            ("gateway", "gateway"),
            ("10.69.0.1, fd69::x", "fd69::x"),
            ("10.69.0.1,", ""),
            (7, "7"),
        )
    ),
)

AS_MANY_AS_SUBNETS = (
    of_copies(
        DUAL,
        {"management_start_address": "10.70.1.2"},
        f"management_start_address invalid: {OTHER_SIZE}",
        management_start_address="10.70.1.2 , fd70:1::2",
    ),
    of_copies(
        SIMPLEX,
        {"management_end_address": "10.70.1.90,fd70:1::90"},
        f"management_end_address invalid: {OTHER_SIZE}",
    ),
    of_copies(
        SIMPLEX,
        {"external_oam_gateway_address": "10.71.9.1,fd71:9::1"},
        f"oam_gateway_address invalid: {OTHER_SIZE}",
    ),
    of_copies(
        DUAL,
        {"management_gateway_address": "fd70:1::1,10.70.1.1"},
        f"management_gateway_address invalid: {NOT_IPV4}",
    ),
    of_copies(ADMIN, {"admin_end_address": "10.70.1.90"}, f"admin_end_address invalid: {NOT_IPV6}"),
    of_copies(
        SIMPLEX,
        {"external_oam_floating_address": "fd71:9::20"},
        f"oam_floating_address invalid: {NOT_IPV4}",
        **OAM_IPV6,
    ),
)
