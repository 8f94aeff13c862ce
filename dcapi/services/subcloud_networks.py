"""The networks of a subcloud: whether its addresses fit their subnets, and its subnets those of the others.

Pure: values in, BadRequest out. Source: the required fields of a subcloud in the wire contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models.network_values import (
    ADMIN_GATEWAY,
    ADMIN_KEYS,
    MANAGEMENT_GATEWAY,
    OAM_KEYS,
    OAM_NODE_KEYS,
    REQUIRED_KEYS,
    SUBNET_KEYS,
    Address,
    Network,
    address_of,
    check_forms,
    is_given,
    network_of,
    subnet_of,
)

OVERLAP = "Subnet overlaps with another configured subnet"


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
        if not is_given(values, key):
            raise BadRequest(f"{key} required")
    if is_given(values, MANAGEMENT_GATEWAY) and is_given(values, ADMIN_GATEWAY):
        raise BadRequest(f"{ADMIN_GATEWAY} and {MANAGEMENT_GATEWAY} cannot be given at the same time")


def uses_admin_network(values: Mapping[str, Any]) -> bool:
    return any(is_given(values, key) for key in ADMIN_KEYS)


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
    own = [values[key] for key in SUBNET_KEYS if is_given(values, key) and not key.startswith(prefix)]
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
    if is_given(values, gateway_key):
        gateway = _address_in(values, gateway_key, subnet)
        if int(start) <= int(gateway) <= int(end):
            raise BadRequest(f"{gateway_key} invalid, is within {prefix} pool: {start} - {end}")
    return subnet


def _check_oam(values: Mapping[str, Any], taken: Iterable[Span]) -> None:
    subnet = _free_subnet(values, "external_oam_subnet", taken)
    seen: dict[Address, str] = {}
    for key in (*OAM_KEYS[1:], *OAM_NODE_KEYS):
        if not is_given(values, key):
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


def _span_of_text(text: object) -> Span | None:
    """The span of a stored subnet; None for one that cannot be read: it is nobody's fault here."""
    if not isinstance(text, str):
        return None
    try:
        return _span(network_of(text))
    except ValueError:
        return None


def _span(network: Network) -> Span:
    return Span(network.version, int(network.network_address), int(network.broadcast_address))
