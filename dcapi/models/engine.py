"""How this project opens a database: SQLite so that writers wait for each other, PostgreSQL as it comes."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from dcapi.models.keyring import Keyring
from dcapi.models.types import give_keyring
from dcapi.settings import Settings

logger = logging.getLogger(__name__)

SQLITE_FILE = "dcapi.sqlite3"

# The user_version of a file in which nothing is left of the time before the table of secrets.
CLEARED = 1

READ_ONLY = "dcapi_read_only"

# Threads beside those of requests and jobs that open the database: reconciler, members of a run.
SPARE_CONNECTIONS = 16
# Connections that a worker keeps while it has nothing to do: a server of PostgreSQL bears a hundred in all.
KEPT_CONNECTIONS = 8


def database_uri(settings: Settings, instance: Path) -> str:
    """The database of a site: the given one, else a file in the instance folder."""
    uri = settings.SQLALCHEMY_DATABASE_URI or f"sqlite:///{instance / SQLITE_FILE}"
    # Other tools write postgres://; SQLAlchemy knows only the long name.
    return "postgresql://" + uri.removeprefix("postgres://") if uri.startswith("postgres://") else uri


def engine_options(settings: Settings, uri: str) -> dict[str, Any]:
    """Pool options: every thread of a worker finds a connection, and a dead one is noticed before its use."""
    options: dict[str, Any] = {
        "pool_size": KEPT_CONNECTIONS,
        "max_overflow": most_connections(settings) - KEPT_CONNECTIONS,
        "pool_pre_ping": True,
        # Else an error of the database would name what was to be written.
        "hide_parameters": True,
    }
    if is_sqlite(uri):
        # The busy timeout bounds the wait for another writer; the pool must not give up before it.
        options["connect_args"] = {"timeout": settings.SQLITE_BUSY_TIMEOUT, "check_same_thread": False}
    return options


def most_connections(settings: Settings) -> int:
    """How many connections a worker may have open at once: one for each thread that may want one."""
    members = settings.JOB_THREADS * settings.PEER_MEMBER_THREADS
    return settings.THREADS + settings.JOB_THREADS + SPARE_CONNECTIONS + members


def is_sqlite(uri: str) -> bool:
    return make_url(uri).get_backend_name() == "sqlite"


def make_engine(uri: str, settings: Settings, keyring: Keyring) -> Engine:
    """An engine for work outside of the Flask application: preparation, tests."""
    engine = create_engine(uri, **engine_options(settings, uri))
    equip(engine, keyring)
    return engine


def equip(engine: Engine, keyring: Keyring) -> None:
    """Give an engine its keyring and, for SQLite, transactions that do not lose updates."""
    give_keyring(engine, keyring)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)


def _prepare_sqlite_connection(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: its deferred BEGIN lets two writers read the same row.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite_transaction(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def clear_sqlite_file(engine: Engine) -> None:
    """Write the file of a SQLite database anew, once: its free space may hold what an older version stored.

    Where that cannot be done, the next start tries again.
    """
    with engine.connect() as connection:  # a VACUUM is no matter of a transaction
        driver: Any = connection.connection.dbapi_connection
        [[cleared]] = driver.execute("PRAGMA user_version")
        if cleared >= CLEARED:
            return
        try:
            for statement in ("VACUUM", f"PRAGMA user_version={CLEARED}", "PRAGMA wal_checkpoint(TRUNCATE)"):
                driver.execute(statement)
        except sqlite3.Error as error:
            logger.warning("the file of the database could not be written anew: %s", error)


def read_only(session: Session) -> Session:
    """Declare that this session's next transaction only reads, so that it waits for no writer."""
    session.connection(execution_options={READ_ONLY: True})
    return session
