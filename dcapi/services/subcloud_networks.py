"""The networks of a subcloud: whether its addresses fit their subnets, and its subnets those of the others.

Pure: values in, BadRequest out. Source: the required fields of a subcloud in the wire contract.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

OVERLAP = "Subnet overlaps with another configured subnet"
NO_ADDRESS = "Invalid address - not a valid IP address"
# What is shorter spans many links, and a subcloud has one.
SHORTEST_IPV6_PREFIX = 64


@dataclass(frozen=True)
class ShownNetwork:
    """The network that the ``management-*`` fields of an answer show, in canonical form."""

    subnet: str
    start: str
    end: str
    gateway: str


@dataclass(frozen=True)
class Span:
    """A subnet as two numbers: a thousand of them are compared in well under a millisecond."""

    version: int
    first: int
    last: int

    def overlaps(self, other: Span) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last


def check_required(values: Mapping[str, Any]) -> None:
    """Raises BadRequest with ``<field> required`` for the first network field that is missing."""
    gateways = ADMIN_KEYS if uses_admin_network(values) else (MANAGEMENT_GATEWAY,)
    for key in (*REQUIRED_KEYS, *gateways):
        if not _is_there(values, key):
            raise BadRequest(f"{key} required")
    if _is_there(values, MANAGEMENT_GATEWAY) and _is_there(values, ADMIN_GATEWAY):
        raise BadRequest(f"{ADMIN_GATEWAY} and {MANAGEMENT_GATEWAY} cannot be given at the same time")


def uses_admin_network(values: Mapping[str, Any]) -> bool:
    return any(_is_there(values, key) for key in ADMIN_KEYS)


def _is_there(values: Mapping[str, Any], key: str) -> bool:
    return values.get(key) not in (None, "")


def check_forms(values: Mapping[str, Any]) -> None:
    """Raises BadRequest when a value under one of the known keys is no subnet or no address."""
    for key in SUBNET_KEYS:
        if _is_there(values, key):
            subnet_of(values, key)
    for key in ADDRESS_KEYS:
        if _is_there(values, key):
            address_of(values, key)


def check_networks(values: Mapping[str, Any], others: Iterable[str]) -> None:
    """Judge all networks of a subcloud whose required values are there.

    ``others`` are the subnets of the other subclouds, as text. Raises BadRequest that names the field.
    """
    taken = [span for text in others if (span := _span_of_text(text)) is not None]
    check_forms(values)
    management = _checked_pool(values, "management", taken)
    own = [_span(management)]
    if uses_admin_network(values):
        own.append(_span(_checked_pool(values, "admin", [*taken, *own])))
    _check_oam(values, [*taken, *own])


def check_pool(values: Mapping[str, Any], prefix: str, others: Iterable[str]) -> None:
    """Judge the subnet, range and gateway whose keys begin with ``prefix``, beside the other subnets.

    Raises BadRequest that names the field.
    """
    own = [values[key] for key in SUBNET_KEYS if _is_there(values, key) and not key.startswith(prefix)]
    spans = (_span_of_text(text) for text in (*others, *own))
    _checked_pool(values, prefix, [span for span in spans if span is not None])


def canonical(field: str, text: str) -> str:
    """A subnet or an address as it is shown; raises BadRequest that names the field."""
    value = {field: text}
    return str(subnet_of(value, field) if field.endswith("subnet") else address_of(value, field))


def shown_network(values: Mapping[str, Any]) -> ShownNetwork:
    """What the ``management-*`` fields show: the admin network where there is one."""
    prefix = "admin" if uses_admin_network(values) else "management"
    return ShownNetwork(
        subnet=str(subnet_of(values, f"{prefix}_subnet")),
        start=str(address_of(values, f"{prefix}_start_address")),
        end=str(address_of(values, f"{prefix}_end_address")),
        gateway=str(address_of(values, f"{prefix}_gateway_address")),
    )


def _checked_pool(values: Mapping[str, Any], prefix: str, taken: Iterable[Span]) -> Network:
    """Judge a subnet with a range of addresses and perhaps a gateway; the keys begin with ``prefix``."""
    subnet = _free_subnet(values, f"{prefix}_subnet", taken)
    start = _address_in(values, f"{prefix}_start_address", subnet)
    end = _address_in(values, f"{prefix}_end_address", subnet)
    if int(start) > int(end):
        raise BadRequest(f"{prefix}_start_address greater than {prefix}_end_address")
    gateway_key = f"{prefix}_gateway_address"
    if _is_there(values, gateway_key):
        gateway = _address_in(values, gateway_key, subnet)
        if int(start) <= int(gateway) <= int(end):
            raise BadRequest(f"{gateway_key} invalid, is within {prefix} pool: {start} - {end}")
    return subnet


def _check_oam(values: Mapping[str, Any], taken: Iterable[Span]) -> None:
    subnet = _free_subnet(values, "external_oam_subnet", taken)
    seen: dict[Address, str] = {}
    for key in (*OAM_KEYS[1:], *OAM_NODE_KEYS):
        if not _is_there(values, key):
            continue
        address = _address_in(values, key, subnet)
        if address in seen:
            raise BadRequest(f"{key} invalid: the same address as {seen[address]}")
        seen[address] = key


def _free_subnet(values: Mapping[str, Any], key: str, taken: Iterable[Span]) -> Network:
    subnet = subnet_of(values, key)
    span = _span(subnet)
    if any(span.overlaps(other) for other in taken):
        raise BadRequest(f"{key} invalid: {OVERLAP}")
    return subnet


def subnet_of(values: Mapping[str, Any], key: str) -> Network:
    """The subnet under a key; raises BadRequest that names the key."""
    try:
        subnet = _network(_text(values, key))
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


def _address_in(values: Mapping[str, Any], key: str, subnet: Network) -> Address:
    address = address_of(values, key)
    if address.version != subnet.version:
        raise BadRequest(f"{key} invalid: Invalid IP version - must match network version {subnet.version}")
    if address not in subnet:
        raise BadRequest(f"{key} invalid: Address must be in subnet {subnet}")
    if address == subnet.network_address:
        raise BadRequest(f"{key} invalid: Cannot use network address")
    if subnet.version == 4 and address == subnet.broadcast_address:
        raise BadRequest(f"{key} invalid: Cannot use broadcast address")
    return address


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise BadRequest(f"{key} invalid: must be a text")
    return value


def _span_of_text(text: object) -> Span | None:
    """The span of a stored subnet; None for one that cannot be read: it is nobody's fault here."""
    if not isinstance(text, str):
        return None
    try:
        return _span(_network(text))
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _network(text: str) -> Network:
    # A host's address with its prefix length stands for the subnet: clients have always been let do that.
    if "/" not in text or "%" in text:
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=False)


def _span(network: Network) -> Span:
    return Span(network.version, int(network.network_address), int(network.broadcast_address))
