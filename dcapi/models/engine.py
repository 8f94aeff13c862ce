"""How this project opens a database: SQLite so that writers take turns, PostgreSQL with limits in time."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from dcapi.models.database_file import DatabaseFile, error_of, watch_file
from dcapi.models.database_trouble import DatabaseTrouble
from dcapi.models.keyring import Keyring
from dcapi.models.time_budget import one_wait
from dcapi.models.types import give_keyring
from dcapi.models.writer_queue import QueuedConnection, WriterQueue
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
# Seconds for which a thread waits for a connection; there is one for each, so that it hardly ever does.
POOL_SECONDS = 8.0
# Seconds that preparation waits for another writer of a SQLite database, at least: no request waits for it.
PREPARATION_SECONDS = 30.0
# Seconds of waiting in the queue of writers from which on they are taken from the wait for other processes.
NOTABLE_WAIT = 0.05
# Seconds that a request may wait for the database in all, beyond those of its longest wait.
SPARE_SECONDS = 1.0


def database_uri(settings: Settings, instance: Path) -> str:
    """The database of a site: the given one, else a file in the instance folder."""
    uri = settings.SQLALCHEMY_DATABASE_URI or f"sqlite:///{instance / SQLITE_FILE}"
    # Other tools write postgres://; SQLAlchemy knows only the long name.
    return "postgresql://" + uri.removeprefix("postgres://") if uri.startswith("postgres://") else uri


def engine_options(settings: Settings, uri: str, *, patient: bool = False) -> dict[str, Any]:
    """Pool options: every thread of a worker finds a connection, and a dead one is noticed before its use.

    ``patient``: for preparation, whose statements may take long, and wait for what others do.
    """
    return {
        "pool_size": KEPT_CONNECTIONS,
        "max_overflow": most_connections(settings) - KEPT_CONNECTIONS,
        "pool_timeout": POOL_SECONDS,
        "pool_pre_ping": True,
        # Else an error of the database would name what was to be written.
        "hide_parameters": True,
        "connect_args": _connect_args(settings, uri, patient=patient),
    }


def _connect_args(settings: Settings, uri: str, *, patient: bool) -> dict[str, Any]:
    if is_sqlite(uri):
        timeout = _busy_timeout(settings, patient=patient)
        return {"timeout": timeout, "check_same_thread": False, "factory": QueuedConnection}
    if is_postgresql(uri):
        # Only here: its driver is installed where it is used.
        from dcapi.models import postgres_connections

        return postgres_connections.connect_args(settings, uri, patient=patient)
    return {}


def _busy_timeout(settings: Settings, *, patient: bool) -> float:
    given = settings.SQLITE_BUSY_TIMEOUT
    return max(given, PREPARATION_SECONDS) if patient else given


def most_connections(settings: Settings) -> int:
    """How many connections a worker may have open at once: one for each thread that may want one."""
    members = settings.JOB_THREADS * settings.PEER_MEMBER_THREADS
    return settings.THREADS + settings.JOB_THREADS + SPARE_CONNECTIONS + members


def request_seconds(settings: Settings, uri: str) -> float:
    """Seconds that one request may wait for the database in all, whatever it does there."""
    longest = settings.SQLITE_BUSY_TIMEOUT if is_sqlite(uri) else settings.DATABASE_STATEMENT_TIMEOUT
    return longest + SPARE_SECONDS


def is_sqlite(uri: str) -> bool:
    return make_url(uri).get_backend_name() == "sqlite"


def is_postgresql(uri: str) -> bool:
    return make_url(uri).get_backend_name() == "postgresql"


def make_engine(uri: str, settings: Settings, keyring: Keyring, *, patient: bool = False) -> Engine:
    """An engine for work outside of the Flask application: preparation (which is patient), tests."""
    engine = create_engine(uri, **engine_options(settings, uri, patient=patient))
    equip(engine, keyring, settings, patient=patient)
    return engine


def equip(engine: Engine, keyring: Keyring, settings: Settings, *, patient: bool = False) -> None:
    """Give an engine its keyring, for SQLite transactions that do not lose updates and have a fair turn, for
    PostgreSQL limits in time."""
    give_keyring(engine, keyring)
    if engine.dialect.name == "sqlite":
        turns = _SqliteTurns(watch_file(engine), _busy_timeout(settings, patient=patient))
        event.listen(engine, "do_connect", turns.check_file)
        event.listen(engine, "connect", turns.prepare)
        event.listen(engine, "begin", turns.begin)
    elif engine.dialect.name == "postgresql" and not patient:
        from dcapi.models import postgres_connections

        postgres_connections.bound(engine, settings)


class _SqliteTurns:
    """How the transactions of one engine begin. Neither the file that is gone nor the one in its place is
    touched: SQLite would make a new file, or take the journal of the other one for its own."""

    def __init__(self, file: DatabaseFile | None, busy_timeout: float) -> None:
        self._file = file
        self._busy_timeout = busy_timeout
        self._queue = WriterQueue()

    def check_file(self, *_: Any) -> None:
        if self._file is not None:
            self._file.check()

    def prepare(self, connection: QueuedConnection, _record: Any) -> None:
        # The driver must not begin transactions by itself: its deferred BEGIN lets two writers read the same
        # row.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        connection.queue = self._queue

    def begin(self, connection: Connection) -> None:
        self.check_file()
        if connection.get_execution_options().get(READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        with one_wait(self._busy_timeout) as seconds:
            self._begin_writing(connection, seconds)

    def _begin_writing(self, connection: Connection, seconds: float) -> None:
        """Wait for the threads of this process and then for other processes, so many seconds in all."""
        driver: Any = connection.connection.dbapi_connection
        began = time.monotonic()
        if not driver.take_turn(seconds):
            raise error_of(DatabaseTrouble.LOCKED)
        try:
            self._lock_file(connection, max(seconds - (time.monotonic() - began), 0.0))
        except BaseException:
            driver.give_up_turn()
            raise

    def _lock_file(self, connection: Connection, seconds: float) -> None:
        """Take the lock that other processes want as well."""
        if seconds > self._busy_timeout - NOTABLE_WAIT:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        driver: Any = connection.connection.dbapi_connection
        _set_busy_timeout(driver, seconds)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            _set_busy_timeout(driver, self._busy_timeout)


def _set_busy_timeout(driver: sqlite3.Connection, seconds: float) -> None:
    driver.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")


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
