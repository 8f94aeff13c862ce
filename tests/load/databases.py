"""The database of the busy site, which can be taken away while the site works on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from dcapi.lab.ports import HOST
from tests.faults.databases import POSTGRESQL
from tests.postgres import server_url, temporary_database
from tests.trouble.wire import Wire

POSTGRESQL_PORT = 5432


@dataclass(frozen=True)
class TakenDatabase:
    """Where a database is, and how it is taken from the site and given back."""

    uri: str
    workers: int
    how: str
    take: Callable[[], None]
    give_back: Callable[[], None]


@contextmanager
def database(kind: str, folder: Path) -> Iterator[TakenDatabase]:
    """A new, empty database of a kind (``KINDS`` of the fault runs); it is gone at the end."""
    made = _on_postgresql() if kind == POSTGRESQL else _on_sqlite(folder)
    with made as taken:
        yield taken


@contextmanager
def _on_postgresql() -> Iterator[TakenDatabase]:
    """Behind a wire that cuts and refuses: the server itself is not ours to stop."""
    wire = Wire(make_url(server_url() or "").port or POSTGRESQL_PORT)
    try:
        with temporary_database() as direct:
            uri = make_url(direct).set(host=HOST, port=wire.port.number).render_as_string(hide_password=False)
            yield TakenDatabase(uri, 4, "all connections are cut, and refused", wire.refuse, wire.accept)
    finally:
        wire.close()


@contextmanager
def _on_sqlite(folder: Path) -> Iterator[TakenDatabase]:
    """One worker, the default: only within it do writers have their turn in the order in which they came."""
    file = folder / "busy.sqlite3"
    lock = _WriteLock(file)
    try:
        yield TakenDatabase(f"sqlite:///{file}", 1, "another process writes", lock.take, lock.give_back)
    finally:
        lock.give_back()


class _WriteLock:
    """What another process does that writes into the file of the site and does not come to an end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def take(self) -> None:
        self._connection = sqlite3.connect(self._file, timeout=10, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
