"""The networks among a subcloud's values: under which keys they stand, and whether they are any.

Pure: values in, BadRequest out. Source: the required fields of a subcloud in the wire contract.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dcapi.errors import BadRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MANAGEMENT_KEYS = ("management_subnet", "management_start_address", "management_end_address")
MANAGEMENT_GATEWAY = "management_gateway_address"
ADMIN_GATEWAY = "admin_gateway_address"
ADMIN_KEYS = ("admin_subnet", "admin_start_address", "admin_end_address", ADMIN_GATEWAY)
OAM_KEYS = ("external_oam_subnet", "external_oam_gateway_address", "external_oam_floating_address")
OAM_NODE_KEYS = ("external_oam_node_0_address", "external_oam_node_1_address")
CONTROLLER_GATEWAY = "systemcontroller_gateway_address"

REQUIRED_KEYS = (*MANAGEMENT_KEYS, CONTROLLER_GATEWAY, *OAM_KEYS)
SUBNET_KEYS = ("management_subnet", "admin_subnet", "external_oam_subnet")
ADDRESS_KEYS = (
    *MANAGEMENT_KEYS[1:],
    MANAGEMENT_GATEWAY,
    *ADMIN_KEYS[1:],
    *OAM_KEYS[1:],
    *OAM_NODE_KEYS,
    CONTROLLER_GATEWAY,
)

NO_ADDRESS = "Invalid address - not a valid IP address"
# What is shorter spans many links, and a subcloud has one.
SHORTEST_IPV6_PREFIX = 64


def is_given(values: Mapping[str, Any], key: str) -> bool:
    """Whether there is a value under a key; null and "" are none."""
    return values.get(key) not in (None, "")


def check_forms(values: Mapping[str, Any]) -> None:
    """Raises BadRequest when a value under one of the known keys is no subnet or no address."""
    for key in SUBNET_KEYS:
        if is_given(values, key):
            subnet_of(values, key)
    for key in ADDRESS_KEYS:
        if is_given(values, key):
            address_of(values, key)


def subnet_of(values: Mapping[str, Any], key: str) -> Network:
    """The subnet under a key; raises BadRequest that names the key."""
    try:
        subnet = network_of(_text(values, key))
    except ValueError as error:
        raise BadRequest(f"{key} invalid: Invalid subnet - not a valid IP subnet") from error
    if subnet.version == 6 and subnet.prefixlen < SHORTEST_IPV6_PREFIX:
        raise BadRequest(f"{key} invalid: IPv6 minimum prefix length is {SHORTEST_IPV6_PREFIX}")
    if subnet.is_multicast or subnet.is_loopback or subnet.prefixlen == 0:
        raise BadRequest(f"{key} invalid: not a subnet for hosts")
    return subnet


def address_of(values: Mapping[str, Any], key: str) -> Address:
    """The address under a key; raises BadRequest that names the key."""
    text = _text(values, key)
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise BadRequest(f"{key} invalid: {NO_ADDRESS}") from error
    # A zone names an interface of one machine, so it means nothing to another.
    if getattr(address, "scope_id", None) is not None:
        raise BadRequest(f"{key} invalid: {NO_ADDRESS}")
    return address


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise BadRequest(f"{key} invalid: must be a text")
    return value


@lru_cache(maxsize=8192)
def network_of(text: str) -> Network:
    """The subnet that a text says; raises ValueError."""
    # A host's address with its prefix length stands for the subnet: clients have always been let do that.
    if "/" not in text or "%" in text:
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=False)
