"""Looks all the time, while nothing is disturbed, that no member is two sites' at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from tests.faults.original.picture import half_of_d, half_of_o, held_twice
from tests.faults.original.session import OriginalSession, Shared

LOOK_SECONDS = 0.03


@contextmanager
def watching(session: OriginalSession) -> Iterator[list[str]]:
    """Watch for the block; what is found is in the list, also after it."""
    found: list[str] = []
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(session, found, ended), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _watch(session: OriginalSession, found: list[str], ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        for shared in session.groups:
            try:
                problems = _look(session, shared)
            except OperationalError:
                continue
            except LookupError as error:
                problems = [f"gone while nothing was disturbed: {error}"]
            for problem in problems:
                if problem not in found:
                    session.say(problem)
                    found.append(problem)


def _look(session: OriginalSession, shared: Shared) -> list[str]:
    """What one site holds before and after is no handover in between."""
    world = session.world
    first = half_of_o(world, shared)
    between = half_of_d(world, shared)
    last = half_of_o(world, shared)
    return [f"{name} is held at both sites" for name in held_twice(first, between, last)]
