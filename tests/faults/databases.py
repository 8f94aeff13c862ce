"""The databases of the two sites, as somebody beside the sites sees and disturbs them."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, create_engine, make_url, text

from dcapi.models.states import DEPLOYING_STATES, REHOMING_STATES
from dcapi.tasks.leases import association_lease, group_lease, migration_lease, subcloud_lease

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
KINDS = (SQLITE, POSTGRESQL)

# Whose connections are never cut: who looks on from beside the sites.
OBSERVER = "observer"

# Leases under which something is being done to rows; a watched peer's is always held.
WORK_LEASES = tuple(
    name_of(0).removesuffix("0")
    for name_of in (association_lease, group_lease, subcloud_lease, migration_lease)
)


class Database(Protocol):
    """One site's database."""

    uri: str

    def cut(self, over: threading.Event, seconds: float) -> None:
        """Disturb all who work with it for so long, or until it is over."""

    def connect(self) -> contextlib.AbstractContextManager[Connection]:
        """A connection beside those of the site."""


class SqliteDatabase:
    """A file; who holds its write lock keeps all writers waiting."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.uri = f"sqlite:///{file}"
        self._engine = create_engine(self.uri, connect_args={"timeout": 20})

    def cut(self, over: threading.Event, seconds: float) -> None:
        with contextlib.closing(sqlite3.connect(self.file, timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            over.wait(seconds)
            connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection


class PostgresDatabase:
    """A database on a server, which ends the connections to it now and then."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._engine = create_engine(uri, connect_args={"application_name": OBSERVER})
        self._server = create_engine(make_url(uri).set(database="postgres"), isolation_level="AUTOCOMMIT")

    def cut(self, over: threading.Event, seconds: float) -> None:
        statement = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = :name AND application_name <> :observer"
        )
        values = {"name": make_url(self.uri).database, "observer": OBSERVER}
        with self._server.connect() as connection:
            for _ in range(max(1, round(seconds / 0.3))):
                connection.execute(statement, values)
                if over.wait(0.3):
                    return

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()
        self._server.dispose()


@dataclass(frozen=True)
class Leftovers:
    """What shows that something is still going on, or was left in the middle."""

    syncing: list[Any]
    deleting: list[Any]
    deploying: list[Any]
    tasks: list[Any]
    leases: list[Any]
    migrating: list[Any]
    auditing: list[Any]

    @property
    def nothing(self) -> bool:
        return not any(getattr(self, each.name) for each in fields(self))


def leftovers(database: Database, now: float) -> Leftovers:
    """What a database shows of work under way; ``now`` in seconds since the epoch."""
    states = ", ".join(f"'{state}'" for state in sorted(DEPLOYING_STATES | REHOMING_STATES))
    held = " OR ".join(f"name LIKE '{start}%'" for start in WORK_LEASES)
    with database.connect() as connection:
        return Leftovers(
            syncing=_rows(connection, "SELECT id FROM peer_group_association WHERE sync_status = 'syncing'"),
            deleting=_rows(connection, "SELECT id FROM peer_group_association WHERE deleting"),
            deploying=_rows(
                connection, f"SELECT name, deploy_status FROM subcloud WHERE deploy_status IN ({states})"
            ),
            migrating=_rows(
                connection,
                "SELECT peer_group_name FROM subcloud_peer_group WHERE migrating_here "
                "UNION SELECT name FROM subcloud WHERE rehome_step IS NOT NULL",
            ),
            auditing=_rows(
                connection,
                "SELECT id FROM peer_group_association WHERE unfollowed OR audit_asked <> audit_served",
            ),
            tasks=_rows(connection, f"SELECT kind, subject_id, tries, due_at - {now} FROM task"),
            leases=_rows(
                connection, f"SELECT name, owner, epoch FROM lease WHERE expires_at > {now} AND ({held})"
            ),
        )


def association_leases(database: Database, group_id: int) -> set[str]:
    """Names of the leases of a group's associations."""
    with database.connect() as connection:
        rows = _rows(connection, f"SELECT id FROM peer_group_association WHERE peer_group_id = {group_id:d}")
    return {association_lease(row[0]) for row in rows}


def rows_of(database: Database, query: str) -> list[Any]:
    """What a query finds in the database of a site."""
    with database.connect() as connection:
        return _rows(connection, query)


def _rows(connection: Connection, query: str) -> list[Any]:
    return [tuple(row) for row in connection.execute(text(query))]
