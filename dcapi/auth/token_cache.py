"""What Keystone said about tokens, kept in this process for a short while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

# Answers that are kept; the oldest one goes first. One takes about two kilobytes.
KEPT_ANSWERS = 4096


class TokenCache:
    """Keeps bytes under keys, as auth_token asks its cache to: the keys are digests, no tokens.

    Never more than ``limit`` entries, and none for longer than the seconds that it came with.
    """

    def __init__(self, limit: int = KEPT_ANSWERS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        # Key → (end by the monotonic clock, value), the oldest first.
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """The value under the key; None when there is none, or none any more."""
        with self._lock:
            end, value = self._entries.get(key, (0.0, b""))
            if _now() < end:
                return value
            self._entries.pop(key, None)
            return None

    # The name of the parameter is auth_token's.
    def set(self, key: str, value: bytes, time: float = 0) -> None:
        """Keep a value for ``time`` seconds; 0 keeps nothing."""
        if time <= 0:
            return
        with self._lock:
            self._entries[key] = (_now() + time, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)

    def count(self) -> int:
        """How many entries are kept. No ``__len__``: auth_token takes an empty cache for none."""
        return len(self._entries)


def _now() -> float:
    return time.monotonic()
