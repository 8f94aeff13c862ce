"""The networks among a subcloud's values: under which keys they stand, and what their texts say.

Each value is one network or address, or two of different IP versions with a comma between (dual stack); the
first one is the primary one, and is what answers show. Pure: values in, BadRequest out. Source: "Networks" in
the wire contract.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from dcapi.errors import BadRequest
from dcapi.models.secret_values import shown

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Part = TypeVar("Part", Network, Address)
Values = Mapping[str, Any]

MANAGEMENT_KEYS = ("management_subnet", "management_start_address", "management_end_address")
MANAGEMENT_GATEWAY = "management_gateway_address"
ADMIN_GATEWAY = "admin_gateway_address"
ADMIN_KEYS = ("admin_subnet", "admin_start_address", "admin_end_address", ADMIN_GATEWAY)
OAM_SUBNET = "external_oam_subnet"
OAM_FLOATING = "external_oam_floating_address"
OAM_KEYS = (OAM_SUBNET, "external_oam_gateway_address", OAM_FLOATING)
OAM_NODE_KEYS = ("external_oam_node_0_address", "external_oam_node_1_address")
CONTROLLER_GATEWAY = "systemcontroller_gateway_address"
# The pools that have a range of addresses; the later one is what others see.
POOLS = ("management", "admin")
# Where there is one node, its one address may stand for the whole range.
FLOATING_KEYS = tuple(f"{pool}_floating_address" for pool in POOLS)

REQUIRED_KEYS = (*MANAGEMENT_KEYS, CONTROLLER_GATEWAY, *OAM_KEYS)
SUBNET_KEYS = ("management_subnet", "admin_subnet", OAM_SUBNET)
ADDRESS_KEYS = (
    *MANAGEMENT_KEYS[1:],
    MANAGEMENT_GATEWAY,
    *ADMIN_KEYS[1:],
    *OAM_KEYS[1:],
    *OAM_NODE_KEYS,
    CONTROLLER_GATEWAY,
)
# What a form may hold beside the file.
FORM_KEYS = (*SUBNET_KEYS, *ADDRESS_KEYS, *FLOATING_KEYS)

SIMPLEX = "simplex"

# What one that cannot be read is called.
NO_ADDRESS = "Invalid address - not a valid IP address"
NO_SUBNET = "Invalid subnet - not a valid IP subnet"
# What is shorter spans many links, and a subcloud has one.
SHORTEST_IPV6_PREFIX = 64
PREFIX_TOO_SHORT = f"IPv6 minimum prefix length is {SHORTEST_IPV6_PREFIX}"


@dataclass(frozen=True)
class Span:
    """A subnet or a range of addresses as two numbers."""

    version: int
    first: int
    last: int

    def overlaps(self, other: Span) -> bool:
        return self.version == other.version and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class ShownNetwork:
    """What others see of a subcloud's network: texts of the primary family, and all families as spans.

    What stands beside the network is None where an older version took values without it.
    """

    subnet: str
    start: str
    end: str
    gateway: str
    controller_gateway: str | None
    oam_floating: str | None
    subnets: tuple[Span, ...]
    ranges: tuple[Span, ...]


def is_given(values: Values, key: str) -> bool:
    """Whether there is a value under a key; null and "" are none."""
    return values.get(key) not in (None, "")


def is_simplex(values: Values) -> bool:
    return values.get("system_mode") == SIMPLEX


def uses_admin_network(values: Values) -> bool:
    return any(is_given(values, key) for key in ADMIN_KEYS)


def shown_pool(values: Values) -> str:
    """The pool that others see: the admin network where there is one."""
    return POOLS[uses_admin_network(values)]


def completed(values: Values) -> dict[str, Any]:
    """The values with what a floating address stands for: where there is one node, a missing start or end."""
    found = dict(values)
    if not is_simplex(values):
        return found
    for pool in POOLS:
        for end in ("start", "end"):
            key, floating = f"{pool}_{end}_address", f"{pool}_floating_address"
            if not is_given(found, key) and is_given(found, floating):
                found[key] = found[floating]
    return found


def checked_subnet(name: str, text: str) -> Network:
    """The one subnet that a text says; raises BadRequest that calls it by this name."""
    try:
        subnet = network_of(text)
    except ValueError as error:
        raise BadRequest(f"{name} invalid: {NO_SUBNET}") from error
    if subnet.version == 6 and subnet.prefixlen < SHORTEST_IPV6_PREFIX:
        raise BadRequest(f"{name} invalid: {PREFIX_TOO_SHORT}")
    return subnet


def parsed_address(value: object) -> Address | None:
    """The one address that a text says; None for whatever says none."""
    try:
        return address_of(value) if isinstance(value, str) else None
    except ValueError:
        return None


def undetected(field: str, value: object) -> str:
    """What is said of a value under this field that is no address."""
    return f"{field} invalid: failed to detect a valid IP address from '{shown(value)}'"


def texts_of(values: Values, key: str) -> tuple[str, ...]:
    """The parts of a value, without the blanks around them; what is no text is one that nobody can read."""
    value = values.get(key)
    if not isinstance(value, str):
        return (shown(value),)
    return tuple(part.strip() for part in value.split(","))


def label(key: str) -> str:
    """What a message calls a key: the addresses of the OAM network go without the word before them."""
    return key if key in SUBNET_KEYS else key.removeprefix("external_")


def subnets_of(values: Values, key: str) -> tuple[Network, ...]:
    """The subnets under a key; raises BadRequest that names the key."""
    return _parts(values, key, network_of, NO_SUBNET)


def addresses_of(values: Values, key: str) -> tuple[Address, ...]:
    """The addresses under a key; raises BadRequest that names the key."""
    return _parts(values, key, address_of, NO_ADDRESS)


def _parts(values: Values, key: str, read: Callable[[str], Part], wrong: str) -> tuple[Part, ...]:
    try:
        return tuple(map(read, texts_of(values, key)))
    except ValueError as error:
        raise BadRequest(f"{label(key)} invalid: {wrong}") from error


@lru_cache(maxsize=8192)
def network_of(text: str) -> Network:
    """The subnet that a text says; raises ValueError."""
    # A host's address with its prefix length stands for the subnet: clients have always been let do that.
    if "/" not in text or "%" in text:
        raise ValueError(text)
    network = ipaddress.ip_network(text, strict=False)
    if network.is_multicast or network.is_loopback or network.prefixlen == 0:
        raise ValueError(text)
    return network


@lru_cache(maxsize=8192)
def address_of(text: str) -> Address:
    """The address that a text says; raises ValueError."""
    # A zone names an interface of one machine, so it means nothing to another.
    if "%" in text:
        raise ValueError(text)
    return ipaddress.ip_address(text)


def says_the_same(key: str, one: Any, other: Any) -> bool:
    """Whether two values under a key are the same networks or addresses, however they are written."""
    read = subnets_of if key.endswith("subnet") else addresses_of
    try:
        return read({key: one}, key) == read({key: other}, key)
    except BadRequest:
        return bool(one == other)


def shown_network(values: Values) -> ShownNetwork:
    """What others see of values whose form was judged; raises BadRequest for a network that is none."""
    found = completed(values)
    pool, subnets = shown_pool(found), shown_subnets(found)
    starts, ends, gateways = (
        addresses_of(found, f"{pool}_{name}_address") for name in ("start", "end", "gateway")
    )
    return ShownNetwork(
        subnet=str(subnets[0]),
        start=str(starts[0]),
        end=str(ends[0]),
        gateway=str(gateways[0]),
        controller_gateway=_primary(found, CONTROLLER_GATEWAY),
        oam_floating=_primary(found, OAM_FLOATING),
        subnets=tuple(map(span_of, subnets)),
        ranges=spans_between(starts, ends),
    )


def _primary(values: Values, key: str) -> str | None:
    try:
        return str(addresses_of(values, key)[0])
    except BadRequest:
        return None


def shown_ranges(values: Values) -> tuple[Span, ...]:
    """The ranges that others see of values, wherever they come from; none of values without form."""
    try:
        return shown_network(values).ranges
    except BadRequest:
        return ()


def primary_version(values: Values) -> int:
    """The IP version of the primary network that is shown; raises BadRequest for values without form."""
    return shown_subnets(values)[0].version


def shown_subnets(values: Values) -> tuple[Network, ...]:
    """The subnets that others see; raises BadRequest for values without form."""
    return subnets_of(values, f"{shown_pool(values)}_subnet")


def version_of(address: str) -> int:
    """The IP version of an address; raises ValueError for what is none."""
    return address_of(address).version


def span_of(network: Network) -> Span:
    return Span(network.version, int(network.network_address), int(network.broadcast_address))


def spans_between(starts: tuple[Address, ...], ends: tuple[Address, ...]) -> tuple[Span, ...]:
    """The ranges from each start to the end in the same place."""
    pairs = zip(starts, ends, strict=False)
    return tuple(Span(start.version, int(start), int(end)) for start, end in pairs)
