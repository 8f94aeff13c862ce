"""When ``migrating`` at an original is left over from a migration that nobody carries on. Pure.

An original that dies in the middle says ``migrating`` for ever, gives way to nobody and audits nothing. It is
stale when two readings, long enough apart, show the same row and no member on its way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from dcapi.models.states import REHOMING_STATES, Deploy, Management
from dcapi.peers.remote import RemoteGroup, RemoteSubcloud

# Patiences between two readings that show the same.
PATIENCES = 3.0
# Characters that are kept of a date.
LONGEST_DATE = 128


class Leftover(StrEnum):
    """What is known of a ``migrating`` at an original."""

    NONE = "it does not say migrating, or shows that it migrates"
    PERHAPS = "it says migrating, and that has not been seen for long enough"
    STALE = "nothing stands behind it: it may be reset"
    STUCK = "it was reset, and says so still"


@dataclass(frozen=True)
class Reading:
    """What an original's copy of a group says, and when it had changed; ``moves``: a member is on its way."""

    migrating: bool
    changed_at: str
    moves: bool = False


@dataclass(frozen=True)
class Note:
    """Since when the same is seen, in seconds since the epoch, and when the copy had changed."""

    seen_at: float
    changed_at: str


def date_of(group: RemoteGroup) -> str:
    """When a group had changed there, "" when it never did: equal before and after means no change."""
    return (group.changed_at or "")[:LONGEST_DATE]


def reading_of(group: RemoteGroup, members: Iterable[RemoteSubcloud]) -> Reading:
    return Reading(group.is_migrating, date_of(group), any(map(is_on_its_way, members)))


def is_on_its_way(member: RemoteSubcloud) -> bool:
    """Whether a site is rehoming a subcloud, or waits for it to come online."""
    waits = member.management_state == Management.UNMANAGED and member.deploy_status == Deploy.COMPLETE
    return waits or member.deploy_status in REHOMING_STATES


def observe(note: Note | None, reading: Reading, now: float, *, set_at: float = -math.inf) -> Note | None:
    """The note after a reading: None when that contradicts it, a new one when the copy changed meanwhile.

    ``set_at`` is when this process last found that the clock had been set: how old a note from before is,
    nobody knows.
    """
    if reading.moves or not reading.migrating:
        return None
    # Seen in the future: the clock was set back.
    if note is None or note.changed_at != reading.changed_at or not set_at <= note.seen_at <= now:
        return Note(now, reading.changed_at)
    return note


def judge(note: Note | None, reset_for: str | None, *, now: float, patience: float) -> Leftover:
    """What the last reading's ``note`` shows; ``reset_for``: the date of the copy that was reset already."""
    if note is None:
        return Leftover.NONE
    if note.changed_at == reset_for:
        return Leftover.STUCK
    return Leftover.STALE if now - note.seen_at >= PATIENCES * patience else Leftover.PERHAPS


def stuck_text(peer_name: str) -> str:
    """What the operator is told of an original that takes no reset."""
    return (
        f"Site {peer_name} says that it migrates the group and cannot be told otherwise: run migrate there."
    )
