"""Who writes to a SQLite database next: of the threads of a process, the one that came first.

SQLite itself serves its writers by chance: each looks again after a pause, and the pauses grow. Writers of
other processes are not in this queue; between processes it stays as SQLite does it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque


class WriterQueue:
    """One writer at a time, in the order in which they came."""

    def __init__(self) -> None:
        # A connection that is forgotten gives its turn up wherever the garbage collector comes by, here too.
        self._lock = threading.RLock()
        self._taken = False
        # A lock for each thread that waits; the turn is handed over by releasing it.
        self._waiting: deque[threading.Lock] = deque()

    def enter(self, seconds: float) -> bool:
        """Wait for the turn, at most so long; returns whether it is the caller's, who then has to leave."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=seconds):
            return True
        return not self._withdraw(turn)

    def leave(self) -> None:
        """Hand the turn over to whoever waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    def _withdraw(self, turn: threading.Lock) -> bool:
        """Wait no longer; False when the turn was handed over at the last moment."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True


class QueuedConnection(sqlite3.Connection):
    """A connection that has its turn at most as long as its transaction lasts.

    Whatever ends the transaction (commit, rollback, closing, being forgotten) ends the turn.
    """

    queue: WriterQueue | None = None
    _has_turn = False

    def take_turn(self, seconds: float) -> bool:
        """Wait for the turn before a transaction that writes; returns whether it came in time."""
        if self.queue is not None and not self._has_turn:
            self._has_turn = self.queue.enter(seconds)
            return self._has_turn
        return True

    def give_up_turn(self) -> None:
        """Let the next writer go on."""
        if self._has_turn and self.queue is not None:
            self._has_turn = False
            self.queue.leave()

    def commit(self) -> None:
        try:
            super().commit()
        finally:
            self._settle()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._settle()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.give_up_turn()

    def _settle(self) -> None:
        # A commit that fails may leave the transaction open: then its rollback ends the turn.
        if self._has_turn and not self.in_transaction:
            self.give_up_turn()

    def __del__(self) -> None:
        self.give_up_turn()
