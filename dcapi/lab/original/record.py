"""What a site was asked and what it asked others, request by request."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

SERVED = "served"
SENT = "sent"


@dataclass
class Entry:
    """One request, noted when it began; ``code`` is None while, or because, it was not answered.

    ``body`` is what it bore: a value of JSON, or the parts of a form by name; None for no body.
    """

    direction: str
    method: str
    path: str
    user_agent: str
    body: Any = field(default=None, repr=False)
    code: int | None = None
    # Of this machine's clock: when it began, and when it was answered.
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    # The text of an answer that was no success, or why there was none.
    error: str = ""

    def answered(self, code: int | None, error: str = "") -> None:
        self.code, self.error, self.ended = code, error, time.monotonic()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Record:
    """All requests of a site, over all its lives, in the order of their beginning."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def note(self, entry: Entry) -> Entry:
        with self._lock:
            self._entries.append(entry)
        return entry

    def entries(self, direction: str = "", method: str = "", path: str = ".*", since: int = 0) -> list[Entry]:
        """The entries that match, ``path`` being a regular expression for the whole path.

        ``since`` leaves out those that were there when ``len(record)`` was that.
        """
        with self._lock:
            found = self._entries[since:]
        return [
            each
            for each in found
            if direction in ("", each.direction)
            and method in ("", each.method)
            and re.fullmatch(path, each.path)
        ]

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)
