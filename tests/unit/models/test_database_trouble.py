"""What the errors of both databases say about them."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dcapi.models.database_trouble import TEXTS, DatabaseTrouble, trouble_of


class _Postgres(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("driver's text")
        self.sqlstate = sqlstate


def _sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the driver's text")
    error.sqlite_errorcode = code
    return error


def _raised(cause: Any, kind: type[DBAPIError] = OperationalError, **options: Any) -> DBAPIError:
    return kind("UPDATE x", {}, cause, **options)


def _connecting(cause: Any) -> DBAPIError:
    return OperationalError(None, None, cause)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (_raised(_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT)), DatabaseTrouble.LOCKED),
        (_raised(_sqlite(sqlite3.SQLITE_LOCKED)), DatabaseTrouble.LOCKED),
        (_raised(_sqlite(sqlite3.SQLITE_FULL)), DatabaseTrouble.FULL),
        (_raised(_sqlite(sqlite3.SQLITE_READONLY)), DatabaseTrouble.READ_ONLY),
        (_raised(_sqlite(sqlite3.SQLITE_READONLY_DBMOVED)), DatabaseTrouble.REPLACED),
        (_raised(_sqlite(sqlite3.SQLITE_IOERR_WRITE)), DatabaseTrouble.FAILING),
        (_connecting(_sqlite(sqlite3.SQLITE_CANTOPEN)), DatabaseTrouble.AWAY),
        (_connecting(_sqlite(sqlite3.SQLITE_CORRUPT)), DatabaseTrouble.FAILING),
        (_raised(_sqlite(sqlite3.SQLITE_CONSTRAINT), IntegrityError), None),
        (_raised(_Postgres("40P01")), DatabaseTrouble.LOCKED),
        (_raised(_Postgres("57014")), DatabaseTrouble.LOCKED),
        (_raised(_Postgres("53100")), DatabaseTrouble.FULL),
        (_raised(_Postgres("25006")), DatabaseTrouble.READ_ONLY),
        (_raised(_Postgres("58030")), DatabaseTrouble.FAILING),
        (_raised(_Postgres("08006")), DatabaseTrouble.AWAY),
        (_raised(_Postgres("57P01"), connection_invalidated=True), DatabaseTrouble.AWAY),
        (_raised(_Postgres(None), connection_invalidated=True), DatabaseTrouble.AWAY),
        (_raised(_Postgres("23505"), IntegrityError), None),
        (_raised(_Postgres(None)), None),
        # Of "too many clients already" the driver says nothing but the text.
        (_connecting(_Postgres(None)), DatabaseTrouble.AWAY),
        (PoolTimeout(), DatabaseTrouble.LOCKED),
        (ValueError("database is locked"), None),
    ],
    ids=str,
)
def test_trouble_of_the_database_is_told_from_a_wrong_statement(
    error: Exception, trouble: DatabaseTrouble | None
) -> None:
    assert trouble_of(error) is trouble


def test_each_trouble_has_a_text() -> None:
    assert set(TEXTS) == set(DatabaseTrouble)
