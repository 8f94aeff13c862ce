"""Waiting for something to become true: asking again and again, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

POLL_SECONDS = 0.05


class OverdueError(AssertionError):
    """What was waited for did not come true in time; the message tells what was seen last."""


def wait_until(
    what: str,
    look: Callable[[], Seen],
    good: Callable[[Seen], object] = bool,
    *,
    within: float = 30.0,
    every: float = POLL_SECONDS,
) -> Seen:
    """Call ``look`` until ``good`` accepts what it returns, and return that; raises OverdueError."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if good(seen):
            return seen
        if time.monotonic() >= deadline:
            raise OverdueError(f"{what}: not within {within:g} s; seen last: {seen!r}")
        time.sleep(every)


def wait_until_still(
    what: str, look: Callable[[], Seen], *, seconds: float, within: float = 30.0, every: float = POLL_SECONDS
) -> Seen:
    """Call ``look`` until it returned the same for ``seconds``, and return that; raises OverdueError."""
    seen = look()
    since = time.monotonic()

    def look_again() -> Seen:
        nonlocal seen, since
        before, seen = seen, look()
        if seen != before:
            since = time.monotonic()
        return seen

    return wait_until(
        what, look_again, lambda _: time.monotonic() - since >= seconds, within=within, every=every
    )
