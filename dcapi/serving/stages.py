"""Which connections a worker has, at which stage each is, and which has been there too long."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from dcapi.serving.connection import Connection, Stage
from dcapi.settings import Settings

# Where a connection may be closed for another one: nobody would miss an answer.
SPARE = (Stage.HANDSHAKE, Stage.HEAD, Stage.IDLE)
# How often the speed of a body is looked at while as many seconds pass as it has at first.
LOOKS = 3


@dataclass(frozen=True)
class Deadlines:
    """Seconds of a head, a handshake, an idle connection and an answer without progress, and of a body
    whatever its speed; then its bytes a second."""

    head: float
    idle: float
    answer: float
    body: float
    body_rate: float

    @classmethod
    def of(cls, settings: Settings) -> Deadlines:
        return cls(
            settings.HEAD_SECONDS,
            settings.IDLE_SECONDS,
            settings.ANSWER_SECONDS,
            settings.BODY_SECONDS,
            settings.BODY_BYTES_PER_SECOND,
        )

    def is_over(self, connection: Connection, now: float) -> bool:
        waited = now - connection.since
        match connection.stage:
            case Stage.HANDSHAKE | Stage.HEAD:
                return waited > self.head
            case Stage.IDLE:
                return waited > self.idle
            case Stage.BODY:
                body = connection.body
                if body is None or waited <= self.body:
                    return False
                return body.is_slow(now, self.body_rate, every=self.body / LOOKS)
            case Stage.ANSWERING:
                return now - max(connection.outbox.progress, connection.since) > self.answer
        return False


class Stages:
    """The connections of a worker, for its main loop alone."""

    def __init__(self) -> None:
        # Stage → its connections, the one that has been there longest first.
        self._rooms: dict[Stage, dict[Connection, None]] = {stage: {} for stage in Stage}
        # Client → its connections that are not idle, and connection → the client that it counts for.
        self._busy: Counter[str] = Counter()
        self._clients: dict[Connection, str] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._clients

    def add(self, connection: Connection, stage: Stage) -> None:
        self._clients[connection] = connection.address
        self._place(connection, stage)

    def move(self, connection: Connection, stage: Stage) -> None:
        """To another stage; the time there begins anew."""
        self._leave(connection)
        if stage is Stage.IDLE:
            self._clients[connection] = connection.address
        self._place(connection, stage)

    def count_for(self, connection: Connection, client: str) -> int:
        """Count a request for the client that a proxy names; returns how many of its connections are busy."""
        self._count(connection, -1)
        self._clients[connection] = client
        self._count(connection, 1)
        return self._busy[client]

    def remove(self, connection: Connection) -> None:
        """Take out; one that is not there any more is none of its business."""
        if connection in self._clients:
            self._leave(connection)
            del self._clients[connection]

    def _place(self, connection: Connection, stage: Stage) -> None:
        connection.stage = stage
        connection.since = time.monotonic()
        self._rooms[stage][connection] = None
        self._count(connection, 1)

    def _leave(self, connection: Connection) -> None:
        self._count(connection, -1)
        del self._rooms[connection.stage][connection]

    def _count(self, connection: Connection, change: int) -> None:
        if connection.stage is Stage.IDLE:
            return
        client = self._clients[connection]
        self._busy[client] += change
        if not self._busy[client]:
            del self._busy[client]

    def at(self, *stages: Stage) -> list[Connection]:
        return [connection for stage in stages for connection in self._rooms[stage]]

    def oldest_spare(self) -> Connection | None:
        """The one that has been longest at its head, its handshake or idle."""
        firsts = (next(iter(self._rooms[stage]), None) for stage in SPARE)
        return min(filter(None, firsts), key=lambda connection: connection.since, default=None)

    def overdue(self, deadlines: Deadlines) -> Iterator[Connection]:
        now = time.monotonic()
        # Of these the first one is due first; of the others any may be.
        for stage in SPARE:
            for connection in list(self._rooms[stage]):
                if not deadlines.is_over(connection, now):
                    break
                yield connection
        yield from (each for each in self.at(Stage.BODY, Stage.ANSWERING) if deadlines.is_over(each, now))
