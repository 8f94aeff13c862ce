"""Wakes a thread before its pause is over."""

from __future__ import annotations

import threading


class Wakeup:
    """Set by whoever has news, waited for by one thread."""

    def __init__(self) -> None:
        self._news = threading.Event()

    def set(self) -> None:
        self._news.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most this long; returns whether it was. It is unset afterwards."""
        woken = self._news.wait(seconds)
        self._news.clear()
        return woken
