"""What is wrong with the database when a statement fails through no fault of the statement.

The words are those of ``/readyz``. Source: "Defaults" of the wire contract.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class DatabaseTrouble(StrEnum):
    """Why the database cannot do now what it could do at another time."""

    AWAY = "away"  # refused, vanished, too many connections, the file is gone
    LOCKED = "locked"  # a lock or a statement took too long, or two transactions were in each other's way
    FULL = "full"
    READ_ONLY = "read-only"
    REPLACED = "replaced"  # the file is another one than was opened
    FAILING = "failing"  # I/O errors, a broken file


# What whoever asks is told of each. What passes by itself comes first.
TEXTS: dict[DatabaseTrouble, str] = {
    DatabaseTrouble.LOCKED: "The database is busy, please try again.",
    DatabaseTrouble.AWAY: "The database cannot be reached, please try again.",
    DatabaseTrouble.FULL: "The database cannot be written: its disk is full.",
    DatabaseTrouble.READ_ONLY: "The database cannot be written: it is read-only.",
    DatabaseTrouble.REPLACED: "The database cannot be used: its file was replaced while the site runs.",
    DatabaseTrouble.FAILING: "The database cannot be used: its disk or its files fail.",
}

# Extended result codes of SQLite (https://sqlite.org/rescode.html), and the primary ones for all others.
SQLITE: dict[int, DatabaseTrouble] = {
    1032: DatabaseTrouble.REPLACED,  # SQLITE_READONLY_DBMOVED
    5: DatabaseTrouble.LOCKED,  # SQLITE_BUSY
    6: DatabaseTrouble.LOCKED,  # SQLITE_LOCKED
    8: DatabaseTrouble.READ_ONLY,  # SQLITE_READONLY
    10: DatabaseTrouble.FAILING,  # SQLITE_IOERR
    11: DatabaseTrouble.FAILING,  # SQLITE_CORRUPT
    13: DatabaseTrouble.FULL,  # SQLITE_FULL
    14: DatabaseTrouble.AWAY,  # SQLITE_CANTOPEN
    26: DatabaseTrouble.FAILING,  # SQLITE_NOTADB
}

# Codes of PostgreSQL (its manual, appendix A), and their classes for all others.
POSTGRESQL: dict[str, DatabaseTrouble] = {
    "08": DatabaseTrouble.AWAY,  # connection exceptions
    "25006": DatabaseTrouble.READ_ONLY,  # read_only_sql_transaction
    "25P03": DatabaseTrouble.AWAY,  # idle_in_transaction_session_timeout
    "25P04": DatabaseTrouble.LOCKED,  # transaction_timeout
    "40001": DatabaseTrouble.LOCKED,  # serialization_failure
    "40P01": DatabaseTrouble.LOCKED,  # deadlock_detected
    "53100": DatabaseTrouble.FULL,  # disk_full
    "53200": DatabaseTrouble.FAILING,  # out_of_memory
    "53300": DatabaseTrouble.AWAY,  # too_many_connections
    "55P03": DatabaseTrouble.LOCKED,  # lock_not_available
    "57014": DatabaseTrouble.LOCKED,  # query_canceled: the statement was over its time
    "57P01": DatabaseTrouble.AWAY,  # admin_shutdown
    "57P02": DatabaseTrouble.AWAY,  # crash_shutdown
    "57P03": DatabaseTrouble.AWAY,  # cannot_connect_now
    "57P05": DatabaseTrouble.AWAY,  # idle_session_timeout
    "58": DatabaseTrouble.FAILING,  # system errors, as io_error
    "XX001": DatabaseTrouble.FAILING,  # data_corrupted
    "XX002": DatabaseTrouble.FAILING,  # index_corrupted
}


def trouble_of(error: BaseException) -> DatabaseTrouble | None:
    """What is wrong with the database; None when the statement was, or it is no error of a database."""
    if isinstance(error, PoolTimeout):
        return DatabaseTrouble.LOCKED
    if not isinstance(error, DBAPIError):
        return None
    return _told_trouble(error.orig) or _trouble_of_connection(error)


def _told_trouble(cause: BaseException | None) -> DatabaseTrouble | None:
    """What the driver's error says by a code."""
    sqlite_code = getattr(cause, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return SQLITE.get(sqlite_code) or SQLITE.get(sqlite_code & 0xFF)
    state = getattr(cause, "sqlstate", None) or ""
    return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2])


def _trouble_of_connection(error: DBAPIError) -> DatabaseTrouble | None:
    """What follows from when it failed: of connecting the driver names no code, whatever the server said."""
    if error.connection_invalidated:
        return DatabaseTrouble.AWAY
    has_code = getattr(error.orig, "sqlite_errorcode", None) or getattr(error.orig, "sqlstate", None)
    connecting = isinstance(error, OperationalError) and error.statement is None
    return DatabaseTrouble.AWAY if connecting and not has_code else None
