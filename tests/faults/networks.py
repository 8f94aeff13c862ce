"""The networks of members in fault runs: those that they may get, and what a site must say of them.

A marker, a whole number, stands for a network: its kind (a sample of the lab) and its place. Some places are
common to all members, so that they come into each other's way; the others are a member's own.
"""

from __future__ import annotations

import ipaddress
import json
import random
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from dcapi.lab.members import (
    DUPLEX,
    DUPLEX_DUAL,
    SIMPLEX,
    SIMPLEX_DUAL,
    Member,
    is_of_network,
    member,
)
from dcapi.lab.operator import Json
from tests.faults.databases import Database, rows_of

GATEWAY_KEY = "systemcontroller_gateway_address"
KINDS = (SIMPLEX, DUPLEX, DUPLEX_DUAL, SIMPLEX_DUAL)
# What is in sync in one run: members of all kinds, or of one primary IP version.
ANY, IPV4, IPV6 = "any", "IPv4", "IPv6"
KINDS_OF = {ANY: KINDS, IPV4: (SIMPLEX, DUPLEX_DUAL), IPV6: (DUPLEX, SIMPLEX_DUAL)}
# Numbers of places that all members may have, as the lab numbers its members.
COMMON = range(9000, 9005)

# Kind and place are read off a marker in this way.
PLACES = 2 * len(COMMON)
# One that is always free, for it is the member's own.
OWN = PLACES - 1
OAM = "external_oam_"

Span = tuple[int, int, int]  # IP version, first and last address


def random_marker(chance: random.Random, family: str, *, place: int | None = None) -> int:
    """A marker for a network of a family, in a place of those that are in common, or the member's own."""
    kind = KINDS.index(chance.choice(KINDS_OF[family]))
    place = chance.randrange(PLACES) if place is None else place
    return (chance.randrange(1, 10**4) * PLACES + place) * len(KINDS) + kind


def random_gateways(chance: random.Random, family: str) -> str:
    """What a system peer may name as its gateway, so that members of a family can be synced to it."""
    number = chance.randrange(1, 250)
    ipv4, ipv6 = f"10.33.{number}.1", f"fd21:{number}::1"
    both = [f"{ipv4},{ipv6}", f"{ipv6},{ipv4}"]
    return chance.choice({ANY: both, IPV4: [ipv4, ipv4, *both], IPV6: [ipv6, ipv6, *both]}[family])


def with_network(own: Member, marker: int) -> Json:
    """The bootstrap values of a member with the network that a marker stands for.

    Its OAM network keeps its place, and IPv4 comes first there: its bootstrap address lies in it.
    """
    kind, place = KINDS[marker % len(KINDS)], marker // len(KINDS) % PLACES
    home = int(own.name.rpartition("-")[2])
    number = COMMON[place] if place < len(COMMON) else home
    rest = {key: value for key, value in own.bootstrap_values.items() if not is_network(key)}
    pool = "admin_" if kind == DUPLEX else "management_"
    oam = _sample(home, DUPLEX_DUAL if kind == DUPLEX_DUAL else SIMPLEX)
    # What is hidden behind an admin network lies where nobody else gets to.
    hidden = {key: value for key, value in _sample(home, kind).items() if not key.startswith(OAM)}
    return rest | hidden | _only(_sample(number, kind), pool) | _only(oam, OAM)


def _sample(number: int, kind: str) -> Json:
    return network_of(member(number, sample=kind).bootstrap_values)


def _only(values: Json, start: str) -> Json:
    return {key: value for key, value in values.items() if key.startswith(start)}


def is_network(key: str) -> bool:
    """Whether a bootstrap value belongs to what a marker stands for."""
    return is_of_network(key) or key in (GATEWAY_KEY, "system_mode")


def network_of(values: Json) -> Json:
    return {key: value for key, value in values.items() if is_network(key)}


def compared_network(values: Json) -> Json:
    """The networks among values as sites compare them: blanks around a comma do not count."""
    return {key: value.replace(" ", "") for key, value in network_of(values).items()}


# -- What must hold of all subclouds of a site --

SUBCLOUDS = (
    "SELECT id, name, rehome_data, deploy_values, management_subnet, management_start_ip, "
    "management_end_ip, management_gateway_ip, systemcontroller_gateway_ip, oam_floating_ip FROM subcloud"
)
SPANS = "SELECT subcloud_id, kind, first, last FROM shown_span"


def shown_wrongly(site: str, database: Database) -> list[str]:
    """Subclouds of which a site shows another network than it keeps, or one that meets another's."""
    spans: dict[int, set[tuple[str, Span]]] = {}
    for owner, kind, first, last in rows_of(database, SPANS):
        span = bytes(first)[0], _number(first), _number(last)
        spans.setdefault(owner, set()).add((kind, span))
    found, ranges = [], []
    for number, name, rehome, deployed, *columns in rows_of(database, SUBCLOUDS):
        payload = _payload(rehome) or _payload(deployed)
        wanted = set(_spans(payload))
        if spans.get(number, set()) != wanted:
            found.append(f"{site} guards {spans.get(number)} of {name}, should guard {wanted}")
        if columns != _columns(payload):
            found.append(f"{site} shows {columns} of {name}, keeps {_columns(payload)}")
        ranges += [(name, span) for kind, span in spans.get(number, ()) if kind == "range"]
    return found + [
        f"{site}: ranges of {one} and {other} meet" for one, other in dict.fromkeys(_meeting(ranges))
    ]


def _number(stored: Any) -> int:
    return int.from_bytes(bytes(stored)[1:])


def _payload(text: str | None) -> Json:
    return dict((json.loads(text) if text else {}).get("saved_payload") or {})


def _pool(payload: Json) -> str:
    return "admin" if payload.get("admin_subnet") else "management"


def _parts(payload: Json, key: str) -> list[str]:
    return [part.strip() for part in str(payload[key]).split(",")]


def _spans(payload: Json) -> Iterator[tuple[str, Span]]:
    pool = _pool(payload)
    for text in _parts(payload, f"{pool}_subnet"):
        subnet = ipaddress.ip_network(text)
        yield "subnet", (subnet.version, int(subnet.network_address), int(subnet.broadcast_address))
    ends = (map(ipaddress.ip_address, _parts(payload, f"{pool}_{end}_address")) for end in ("start", "end"))
    for start, end in zip(*ends, strict=True):
        yield "range", (start.version, int(start), int(end))


def _columns(payload: Json) -> list[str]:
    """What the columns of a row show: of each value the first part."""
    ends = ("subnet", "start_address", "end_address", "gateway_address")
    keys = [*(f"{_pool(payload)}_{end}" for end in ends), GATEWAY_KEY, "external_oam_floating_address"]
    return [_parts(payload, key)[0] for key in keys]


def _meeting(ranges: Sequence[tuple[str, Span]]) -> Iterator[tuple[str, str]]:
    for (one, (version, first, last)), (other, (of_other, begin, end)) in combinations(ranges, 2):
        if one != other and version == of_other and first <= end and begin <= last:
            yield one, other
