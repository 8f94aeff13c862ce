"""Wakes a thread that would otherwise sleep until its next turn."""

from __future__ import annotations

import threading


class Bell:
    """Rung by whoever has news, heard by the one thread that waits."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the bell is rung, at most this long; returns whether it was. It is silent afterwards."""
        heard = self._rung.wait(seconds)
        self._rung.clear()
        return heard
