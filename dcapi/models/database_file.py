"""Whether the file of a SQLite database is still the one that this process opened.

Whoever removes or replaces the file of a running site leaves its connections with a file that nobody sees any
more: what they write there is lost.
"""

from __future__ import annotations

import os
import sqlite3
from urllib.parse import unquote, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from dcapi.models.database_trouble import TEXTS, DatabaseTrouble

ATTRIBUTE = "dcapi_file"

# What SQLite itself would say of each.
CODES = {
    DatabaseTrouble.AWAY: sqlite3.SQLITE_CANTOPEN,
    DatabaseTrouble.LOCKED: sqlite3.SQLITE_BUSY,
    DatabaseTrouble.REPLACED: sqlite3.SQLITE_READONLY_DBMOVED,
}


class DatabaseFile:
    """A file, known by device and inode from when it was first seen."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None

    def trouble(self) -> DatabaseTrouble | None:
        """``away`` for a file that is gone, ``replaced`` for another one in its place, None for the same."""
        try:
            found = os.stat(self._path)
        except OSError:
            # A file that was never there is about to be made.
            return DatabaseTrouble.AWAY if self._known else None
        seen = (found.st_dev, found.st_ino)
        if self._known is None:
            self._known = seen
        return None if seen == self._known else DatabaseTrouble.REPLACED

    def check(self) -> None:
        """Raises OperationalError, as SQLite would, when the file is not the known one."""
        trouble = self.trouble()
        if trouble is not None:
            raise error_of(trouble)


def error_of(trouble: DatabaseTrouble) -> OperationalError:
    """The error that stands for what SQLite does not notice by itself."""
    cause = sqlite3.OperationalError(TEXTS[trouble])
    cause.sqlite_errorcode = CODES[trouble]
    return OperationalError(None, None, cause)


def watch_file(engine: Engine) -> DatabaseFile | None:
    """Remember the file of an engine as it is now; None for a database that is no file."""
    path = _path_of(engine.url.database or "")
    file = DatabaseFile(path) if path else None
    if file is not None:
        file.trouble()
    # On the dialect, which belongs to one engine.
    setattr(engine.dialect, ATTRIBUTE, file)
    return file


def file_trouble(engine: Engine) -> DatabaseTrouble | None:
    """What is wrong with the file of an engine: ``away``, ``replaced`` or None, as for any other database."""
    file: DatabaseFile | None = getattr(engine.dialect, ATTRIBUTE, None)
    return None if file is None else file.trouble()


def _path_of(database: str) -> str:
    """The path in the database of a SQLite URL; empty for one in memory."""
    if database.startswith("file:"):
        database = unquote(urlsplit(database).path)
    return "" if database == ":memory:" else database
