"""PostgreSQL for tests: a prepared template once, and a copy that each test finds as it began."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from dcapi.models import Base

URL_VARIABLE = "DCAPI_TEST_POSTGRES_URL"
SKIPPED = f"{URL_VARIABLE} is not set: give the URL of a PostgreSQL server to test on it as well"


def server_url() -> str | None:
    """Where databases can be made; None when there is no such server."""
    return os.environ.get(URL_VARIABLE)


def together(what: str, database: str) -> pytest.MarkDecorator:
    """Keeps tests in one process of the test run, which starts their sites once.

    All sites on PostgreSQL are kept in the same one: together they may want more connections
    than a server has.
    """
    return pytest.mark.xdist_group("postgresql" if database == "postgresql" else f"{what}-{database}")


def _administer(statement: str) -> None:
    engine = create_engine(server_url() or "", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def temporary_database(template: str | None = None) -> Iterator[str]:
    """A new database, a copy of the one at the URL ``template`` if given; yields its URL and drops it.

    Its commits do not wait for the disk: tests kill processes of ours, never the database server.
    """
    name = f"dcapi_{uuid.uuid4().hex}"
    copied = f" TEMPLATE {make_url(template).database}" if template else ""
    _administer(f"CREATE DATABASE {name}{copied}")
    try:
        _administer(f"ALTER DATABASE {name} SET synchronous_commit = off")
        yield make_url(server_url() or "").set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(f"DROP DATABASE {name} WITH (FORCE)")


def dump(uri: str) -> str:
    """The dump of a database; empty where the program for that is missing."""
    if shutil.which("pg_dump") is None:
        return ""
    return subprocess.run(["pg_dump", uri], capture_output=True, check=True, text=True).stdout


class RestoredDatabase:
    """A prepared database for one test after another: a copy for each would take longer than most tests."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._engine = create_engine(uri)
        with self._engine.begin() as connection:
            _remember(connection)
            self._restoring = text("; ".join(_restoring(connection)))

    def restore(self) -> None:
        """Put every row and every sequence back where it began; whoever is still connected is cut off."""
        with self._engine.begin() as connection:
            connection.execute(text(OTHERS_CUT_OFF))
            connection.execute(self._restoring)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def restored_database(template: str) -> Iterator[RestoredDatabase]:
    """A copy of the database at the URL ``template`` for many tests."""
    with temporary_database(template) as uri:
        database = RestoredDatabase(uri)
        try:
            yield database
        finally:
            database.close()


OTHERS_CUT_OFF = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
REMEMBERED = "remembered"


def _tables() -> list[str]:
    """Every table, each after those that it refers to."""
    return [*(table.name for table in Base.metadata.sorted_tables), "alembic_version"]


def _remember(connection: Connection) -> None:
    connection.execute(text(f"CREATE SCHEMA {REMEMBERED}"))
    for table in _tables():
        connection.execute(text(f"CREATE TABLE {REMEMBERED}.{table} AS TABLE {table}"))


def _restoring(connection: Connection) -> Iterator[str]:
    """Statements; the lock waits for transactions that were cut off and have not ended yet."""
    tables = _tables()
    yield f"LOCK TABLE {', '.join(tables)}"
    yield from (f"DELETE FROM {table}" for table in reversed(tables))
    yield from (f"INSERT INTO {table} SELECT * FROM {REMEMBERED}.{table}" for table in tables)
    for name in connection.scalars(text("SELECT sequencename FROM pg_sequences")).all():
        last, called = connection.execute(text(f"SELECT last_value, is_called FROM {name}")).one()
        yield f"SELECT setval('{name}', {last}, {called})"
