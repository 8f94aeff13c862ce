"""Which members are sent side by side, so that no range is asked for that another copy still shows. Pure.

A site takes no copy whose range meets that of another subcloud. Where networks change hands among members,
the one that gets a network is sent in a later wave than the one that had it. In a ring, one copy is deleted
before all others, and made anew in its wave.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dcapi.errors import BadRequest
from dcapi.models.bootstrap_forms import Networks
from dcapi.models.network_values import Span, shown_ranges
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.member import Member

# Region names of members → those of the members whose copies are in their way.
Waits = dict[str, set[str]]


@dataclass
class Waves:
    """Members by their region names."""

    # Those of one wave are sent side by side, the next wave when all of them are done.
    order: list[list[str]] = field(default_factory=list)
    # Those whose copies are deleted before anything is sent.
    cleared: list[str] = field(default_factory=list)


def waves(members: Iterable[Member], copies: Mapping[str, RemoteSubcloud]) -> Waves:
    """The waves of all members that are sent; ``copies``: what the peer has of them, by region name."""
    waits = _waits(list(members), copies)
    found = Waves()
    while waits:
        wave = [region for region, others in waits.items() if not others & waits.keys()]
        if not wave:
            cleared = _in_a_ring(waits)
            found.cleared.append(cleared)
            for others in waits.values():
                others.discard(cleared)
            continue
        found.order.append(wave)
        for region in wave:
            del waits[region]
    return found


def _in_a_ring(waits: Waits) -> str:
    """A member that waits for itself in the end; every member waits for one that is left."""
    seen: set[str] = set()
    region = next(iter(waits))
    while region not in seen:
        seen.add(region)
        region = min(waits[region] & waits.keys())
    return region


def _waits(members: list[Member], copies: Mapping[str, RemoteSubcloud]) -> Waits:
    regions = {member.region_name for member in members} & copies.keys()
    held = [(span, region) for region in regions for span in shown_ranges(copies[region].saved_payload)]
    held.sort(key=lambda one: (one[0].version, one[0].first))
    starts = [(span.version, span.first) for span, _ in held]
    waits: Waits = {member.region_name: set() for member in members}
    for member in members if held else ():
        for span in _wanted_ranges(member):
            # What a peer shows does not meet: those in the way stand side by side.
            position = bisect_right(starts, (span.version, span.last))
            while position and span.overlaps(held[position - 1][0]):
                position -= 1
                waits[member.region_name].add(held[position][1])
        waits[member.region_name].discard(member.region_name)
    return waits


def _wanted_ranges(member: Member) -> list[Span]:
    networks = Networks(member.payload.bootstrap_values or {})
    try:
        return [span for pool in networks.pools for span in networks.ranges(pool)]
    except BadRequest:
        return []
