"""What bootstrap values must hold, and in what form, before anybody can make a system of them.

Sites judge each other's values by this alone, and their own before they send them; more is judged where an
operator brings them (``dcapi/services/inventory/networks.py``). Pure: values in, BadRequest out. Source:
"Networks" and the required fields of a subcloud in the wire contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from dcapi.errors import BadRequest
from dcapi.models.network_values import (
    ADDRESS_KEYS,
    ADMIN_GATEWAY,
    ADMIN_KEYS,
    CONTROLLER_GATEWAY,
    FLOATING_KEYS,
    MANAGEMENT_GATEWAY,
    POOLS,
    REQUIRED_KEYS,
    SUBNET_KEYS,
    Address,
    Network,
    Span,
    Values,
    address_of,
    addresses_of,
    completed,
    is_given,
    is_simplex,
    label,
    network_of,
    spans_between,
    subnets_of,
    texts_of,
    undetected,
    uses_admin_network,
)

SYSTEM_MODES = ("simplex", "duplex", "duplex-direct")
NOT_AS_MANY = "Invalid address - Not of same size (single or dual-stack) with subnet"
OTHER_VERSION = "Invalid IP version - must match network version"


@dataclass(frozen=True)
class Networks:
    """The networks among values that are judged."""

    given: Values

    @cached_property
    def values(self) -> Values:
        """The values, with what floating addresses stand for."""
        return completed(self.given)

    @cached_property
    def subnet_keys(self) -> list[str]:
        return [key for key in SUBNET_KEYS if is_given(self.values, key)]

    @cached_property
    def address_keys(self) -> list[str]:
        # Where there are two nodes the floating addresses mean nothing, whatever they are.
        keys = (*ADDRESS_KEYS, *(FLOATING_KEYS if is_simplex(self.values) else ()))
        return [key for key in keys if is_given(self.values, key)]

    @cached_property
    def pools(self) -> list[str]:
        """The pools whose subnet, start and end are there."""
        ends = ("subnet", "start_address", "end_address")
        return [pool for pool in POOLS if all(is_given(self.values, f"{pool}_{end}") for end in ends)]

    def ranges(self, pool: str) -> tuple[Span, ...]:
        starts, ends = (addresses_of(self.values, f"{pool}_{end}_address") for end in ("start", "end"))
        return spans_between(starts, ends)

    def belonging(self) -> Iterator[tuple[str, tuple[Address, ...], tuple[Network, ...]]]:
        """The addresses under each key with the subnets that they belong to."""
        for key in self.address_keys:
            subnet = subnet_key_of(key)
            if subnet is not None and is_given(self.values, subnet):
                yield key, addresses_of(self.values, key), subnets_of(self.values, subnet)


def subnet_key_of(key: str) -> str | None:
    """The key of the subnet that an address belongs to; None for the gateway of the system controller."""
    return next((f"{kind}_subnet" for kind in (*POOLS, "external_oam") if key.startswith(f"{kind}_")), None)


def check_required(values: Values) -> None:
    """Raises BadRequest with ``<field> required`` for the first field that is missing, but for the name."""
    mode = values.get("system_mode")
    if mode in (None, ""):
        raise BadRequest("system_mode required")
    if mode not in SYSTEM_MODES:
        raise BadRequest(f"system_mode invalid: must be one of {', '.join(SYSTEM_MODES)}")
    values = completed(values)
    gateways = ADMIN_KEYS if uses_admin_network(values) else (MANAGEMENT_GATEWAY,)
    for key in (*REQUIRED_KEYS, *gateways):
        if not is_given(values, key):
            raise BadRequest(f"{key} required")
    if is_given(values, MANAGEMENT_GATEWAY) and is_given(values, ADMIN_GATEWAY):
        raise BadRequest(f"{ADMIN_GATEWAY} and {MANAGEMENT_GATEWAY} cannot be given at the same time")


def check_form(networks: Networks) -> None:
    """Raises BadRequest unless each value is networks or addresses, as many as belong together."""
    for rule in FORM_RULES:
        rule(networks)


def objection(values: Values) -> str | None:
    """Why values could make no system: what they lack, or what has no form; None when nothing is wrong."""
    try:
        check_required(values)
        check_form(Networks(values))
    except BadRequest as error:
        return error.message
    return None


def _at_most_two(networks: Networks) -> None:
    for keys, kind, many in _kinds(networks):
        for key in keys:
            if len(texts_of(networks.values, key)) > 2:
                raise BadRequest(f"{label(key)} invalid: Invalid {kind} - more than two IP {many}")


def _of_two_versions(networks: Networks) -> None:
    for keys, kind, _ in _kinds(networks):
        read = network_of if kind == "subnet" else address_of
        for key in keys:
            versions = [_version(read, text) for text in texts_of(networks.values, key)]
            if None not in versions and len(set(versions)) < len(versions):
                raise BadRequest(f"{label(key)} invalid: Invalid {kind} - dual-stack of same IP family")


def _kinds(networks: Networks) -> tuple[tuple[list[str], str, str], ...]:
    return (networks.subnet_keys, "subnet", "subnets"), (networks.address_keys, "address", "addresses")


def _version(read: Callable[[str], Network | Address], text: str) -> int | None:
    try:
        return read(text).version
    except ValueError:
        return None


def _readable(networks: Networks) -> None:
    for key in networks.subnet_keys:
        subnets_of(networks.values, key)
    for key in networks.address_keys:
        if key != CONTROLLER_GATEWAY:
            addresses_of(networks.values, key)
            continue
        for text in texts_of(networks.values, key):
            if _version(address_of, text) is None:
                raise BadRequest(undetected(key, text))


def _as_many_as_subnets(networks: Networks) -> None:
    for key, addresses, subnets in networks.belonging():
        if len(addresses) != len(subnets):
            raise BadRequest(f"{label(key)} invalid: {NOT_AS_MANY}")
        for address, subnet in zip(addresses, subnets, strict=True):
            if address.version != subnet.version:
                raise BadRequest(f"{label(key)} invalid: {OTHER_VERSION} IPv{subnet.version}")


FORM_RULES: tuple[Callable[[Networks], None], ...] = (
    _at_most_two,
    _of_two_versions,
    _readable,
    _as_many_as_subnets,
)
