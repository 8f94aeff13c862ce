"""Rows of a site in memory: put, found by a value, copied out; a missing one is refused as a site does."""

from __future__ import annotations

import copy
from typing import Any

from dcapi.peers.errors import PeerRefused
from dcapi.peers.remote import Answer


def refused(status: int, text: str) -> PeerRefused:
    return PeerRefused(f"Fake peer: answered {status}: {text}", status, text)


def put(table: dict[int, Answer], row: Answer) -> int:
    table[row["id"]] = row
    row_id: int = row["id"]
    return row_id


def one(table: dict[int, Answer], key: str, value: Any, kind: str) -> Answer:
    """The row of this value; refuses like the site when there is none."""
    for row in table.values():
        if row[key] == value:
            return row
    raise refused(404, f"{kind} not found")


def copied(value: Any) -> Any:
    return copy.deepcopy(value)
