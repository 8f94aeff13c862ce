"""Which requests change something, and whose turn it is: they take at most half of a worker's threads.

The others wait outside of threads, in the order in which they came, so that whoever only reads has a thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from dcapi.serving.connection import Connection

READING = frozenset({"GET", "HEAD", "OPTIONS"})
# They have a line of their own (``dcapi.auth.turns``).
LOGIN = "/v3/auth/tokens"
# Seconds that a writer waits for its turn: sites that call this one give up at ten.
PATIENCE = 8.0
# And one whose answer decides about a takeover. Source: rule 13 of the design; R4 of the original as a peer.
LONG_PATIENCE = 30.0
SITE = "dcmanager/1.0"
SUBCLOUD = "/v1.0/subclouds/"


def is_writer(request: Any) -> bool:
    return request.method not in READING and request.path.rstrip("/") != LOGIN


def patience_of(request: Any) -> float:
    """Seconds that it waits. Whether it may say that it is a site is known only where it has its turn."""
    decides = request.method == "PATCH" and request.path.startswith(SUBCLOUD)
    agent = next((value for name, value in request.headers if name == "USER-AGENT"), "")
    return LONG_PATIENCE if decides and agent.startswith(SITE) else PATIENCE


class Writers:
    """The line of a worker's writers, for its main loop alone."""

    def __init__(self, most: int) -> None:
        """``most``: how many may work at once."""
        self._most = most
        self._working: set[Connection] = set()
        # Those that change nothing any more, and still hold a thread.
        self._watching: set[Connection] = set()
        self._line: deque[tuple[float, Connection]] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def enter(self, connection: Connection) -> bool:
        """Whether it has its turn at once; else it waits."""
        if len(self._working) < self._most and not self._line:
            self._working.add(connection)
            return True
        self._line.append((time.monotonic() + patience_of(connection.request), connection))
        return False

    def end_turn(self, connection: Connection) -> None:
        """It works no more; more than once does no harm."""
        self._working.discard(connection)
        self._watching.discard(connection)

    def step_back(self, connection: Connection) -> None:
        """It only waits for an outcome from now on: others may write meanwhile, but half as many as write
        hold a thread that way, so that those who read still find one."""
        if connection in self._working and len(self._watching) < max(1, self._most // 2):
            self._working.remove(connection)
            self._watching.add(connection)

    def next_ones(self) -> Iterator[Connection]:
        """Those who have waited and have their turn now."""
        while self._line and len(self._working) < self._most:
            _, connection = self._line.popleft()
            self._working.add(connection)
            yield connection

    def overdue(self) -> list[Connection]:
        """Take out those who have waited too long."""
        now = time.monotonic()
        late = [connection for until, connection in self._line if until <= now]
        if late:
            self._line = deque(entry for entry in self._line if entry[0] > now)
        return late
