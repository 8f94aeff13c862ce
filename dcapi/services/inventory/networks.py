"""The networks of an operator's subcloud: whether they suit it, and meet no others.

The rules are judged from above; the first one that does not hold gives the text. Source: "Networks" in the
wire contract. Pure but for ``taken``, which is asked what other subclouds have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dcapi.errors import BadRequest
from dcapi.models.bootstrap_forms import FORM_RULES, Networks
from dcapi.models.network_values import (
    CONTROLLER_GATEWAY,
    OAM_SUBNET,
    PREFIX_TOO_SHORT,
    SHORTEST_IPV6_PREFIX,
    Address,
    Network,
    Span,
    Values,
    addresses_of,
    is_given,
    is_simplex,
    label,
    primary_version,
    span_of,
    subnets_of,
)

OVERLAP = "Subnet overlaps with another configured subnet"
# Addresses that the nodes of a system need: one, or one for each of two and one that floats between them.
LEAST_RANGE = {True: 1, False: 3}
LEAST_POOL = {True: 4, False: 8}
LEAST_OAM = 3


class Taken(Protocol):
    """What other subclouds show, and what reconfigurations under way bring them."""

    def owner_of(self, span: Span) -> str | None:
        """The name of a subcloud whose range meets this one."""

    def has_subnet(self, span: Span) -> bool:
        """Whether a subnet that is shown meets this one."""


@dataclass(frozen=True)
class Case(Networks):
    """Values to be judged beside what is taken."""

    taken: Taken


Rule = Callable[[Case], None]


def check_networks(values: Values, taken: Taken, *, in_full: bool = True) -> None:
    """Judge the networks of a subcloud whose required values are there; raises BadRequest.

    Not ``in_full``, as for another site's subcloud: their form, and that their ranges are free here.
    """
    case = Case(values, taken)
    for rule in ALL_RULES if in_full else COPY_RULES:
        rule(case)


def _large_enough(case: Case) -> None:
    simplex = is_simplex(case.values)
    for key in case.subnet_keys:
        least = LEAST_OAM if key == OAM_SUBNET else LEAST_POOL[simplex]
        for subnet in subnets_of(case.values, key):
            why = size_objection(subnet, least)
            if why is not None:
                raise BadRequest(f"{key} invalid: {why}")


def size_objection(subnet: Network, least: int) -> str | None:
    """Why a subnet does not have the size for ``least`` addresses, or is too large; None when it fits."""
    if subnet.num_addresses < least:
        return f"Subnet too small - must have at least {least} addresses"
    if subnet.version == 6 and subnet.prefixlen < SHORTEST_IPV6_PREFIX:
        return PREFIX_TOO_SHORT
    return None


def _inside(case: Case) -> None:
    for key, addresses, subnets in case.belonging():
        for address, subnet in zip(addresses, subnets, strict=True):
            why = place_objection(address, subnet)
            if why is not None:
                raise BadRequest(f"{label(key)} invalid: {why}")


def place_objection(address: Address, subnet: Network) -> str | None:
    """Why no node can have this address in this subnet; None when one can."""
    if address not in subnet:
        return f"Address must be in subnet {subnet}"
    if address == subnet.network_address:
        return "Cannot use network address"
    if subnet.version == 4 and address == subnet.broadcast_address:
        return "Cannot use broadcast address"
    return None


def _in_order(case: Case) -> None:
    for pool in case.pools:
        if any(span.first > span.last for span in case.ranges(pool)):
            raise BadRequest(f"{pool}_start_address greater than {pool}_end_address")


def _long_enough(case: Case) -> None:
    least = LEAST_RANGE[is_simplex(case.values)]
    for pool in case.pools:
        if any(span.last - span.first + 1 < least for span in case.ranges(pool)):
            raise BadRequest(f"{pool} address range must contain at least {least} addresses")


def _ranges_free(case: Case) -> None:
    for pool in case.pools:
        for span in case.ranges(pool):
            owner = case.taken.owner_of(span)
            if owner is not None:
                raise BadRequest(f"{pool.capitalize()} address range overlaps with that of subcloud {owner}")


def _gateways_outside(case: Case) -> None:
    for pool in case.pools:
        key = f"{pool}_gateway_address"
        if not is_given(case.values, key):
            continue
        for gateway, span in zip(addresses_of(case.values, key), case.ranges(pool), strict=True):
            if span.first <= int(gateway) <= span.last:
                start, end = (type(gateway)(number) for number in (span.first, span.last))
                raise BadRequest(f"{key} invalid, is within {pool} pool: {start} - {end}")


def _subnets_apart(case: Case) -> None:
    earlier: list[Span] = []
    for key in case.subnet_keys:
        spans = [span_of(subnet) for subnet in subnets_of(case.values, key)]
        is_met = any(span.overlaps(other) for span in spans for other in earlier)
        if is_met or (key == OAM_SUBNET and any(map(case.taken.has_subnet, spans))):
            raise BadRequest(f"{key} invalid: {OVERLAP}")
        earlier += spans


def _gateway_reached(case: Case) -> None:
    """The subcloud reaches the system controller from its primary network."""
    if not is_given(case.values, CONTROLLER_GATEWAY):
        return
    version = primary_version(case.values)
    if addresses_of(case.values, CONTROLLER_GATEWAY)[0].version != version:
        raise BadRequest(f"{CONTROLLER_GATEWAY} invalid: Expected IPv{version}")


def _floating_is_start(case: Case) -> None:
    if not is_simplex(case.values):
        return
    for pool in case.pools:
        floating, start = (f"{pool}_{name}_address" for name in ("floating", "start"))
        both_given = is_given(case.given, floating) and is_given(case.given, start)
        if both_given and addresses_of(case.given, floating) != addresses_of(case.given, start):
            raise BadRequest(f"{floating} does not match {start}")


COPY_RULES: tuple[Rule, ...] = (*FORM_RULES, _in_order, _ranges_free)
ALL_RULES: tuple[Rule, ...] = (
    *FORM_RULES,
    _large_enough,
    _inside,
    _in_order,
    _long_enough,
    _ranges_free,
    _gateways_outside,
    _subnets_apart,
    _gateway_reached,
    _floating_is_start,
)
