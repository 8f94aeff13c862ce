"""How many threads may do one kind of slow thing at once, so that the others stay free."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dcapi.errors import TooBusy


class Quota:
    """At most ``limit`` threads inside at once; who finds it full is told at once and never waits.

    A limit of 0 lets nobody in. Raises ValueError for a negative one.
    """

    def __init__(self, limit: int) -> None:
        self._free = threading.BoundedSemaphore(limit)

    @contextmanager
    def attempt(self) -> Iterator[bool]:
        """Yields whether there was room; the caller goes without when there was none."""
        entered = self._free.acquire(blocking=False)
        try:
            yield entered
        finally:
            if entered:
                self._free.release()

    @contextmanager
    def require(self, message: str, *, retry_after: int = 1) -> Iterator[None]:
        """Raises TooBusy (503 with Retry-After) with this message when there is no room."""
        with self.attempt() as entered:
            if not entered:
                raise TooBusy(message, retry_after=retry_after)
            yield


class KeyedQuota:
    """At most ``limit`` threads at once for each of the things that they have to do with; none waits."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: Counter[int] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def attempt(self, key: int) -> Iterator[bool]:
        """Yields whether there was room for one more with this key."""
        with self._lock:
            entered = self._inside[key] < self._limit
            self._inside[key] += entered
        try:
            yield entered
        finally:
            with self._lock:
                self._inside[key] -= entered
                if not self._inside[key]:
                    del self._inside[key]
