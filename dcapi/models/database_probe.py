"""A look at the database from outside of its pool: whether it can be read and written, within seconds.

What the process met lately counts as well: where a disk is full, the small write of a look may go well.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from dcapi.models.database_file import file_trouble, watch_file
from dcapi.models.database_trouble import DatabaseTrouble, trouble_of

logger = logging.getLogger(__name__)

# Seconds that connecting, a statement and a wait for a lock may take here: who asks waits for few.
LIMIT_SECONDS = 2
# A write that went well counts for so many seconds.
WRITE_SECONDS = 3.0
# Seconds after which a look that is under way in another thread counts as one that hangs.
PATIENCE_SECONDS = 3 * LIMIT_SECONDS

# A trouble that others met in their work counts for so many seconds, if it is one that a look may miss.
MET_SECONDS = 10.0
MAY_BE_MISSED = frozenset({DatabaseTrouble.FULL, DatabaseTrouble.FAILING})

# What is there already, written as it is.
WRITE = text("UPDATE site SET uuid = uuid")


@dataclass(frozen=True)
class Seen:
    """What a look found: the trouble of the database, None for none, and what ``read`` said of it."""

    trouble: DatabaseTrouble | None = None
    read: bool | None = None


class DatabaseProbe:
    """Looks at a database, over a connection of its own each time, in one thread at a time.

    ``read`` is asked with that connection; its answer is part of what was seen.
    """

    def __init__(self, url: URL, read: Callable[[Connection], bool]) -> None:
        self._engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args=connect_args(url)
        )
        self._read = read
        self._looking = threading.Lock()
        self._last = Seen()
        self._written_at = self._begun_at = -WRITE_SECONDS
        self._told: DatabaseTrouble | None = None
        # What others met, when, and what the driver said.
        self._met: tuple[DatabaseTrouble, float, str] | None = None
        watch_file(self._engine)

    def learn_from(self, engine: Engine) -> None:
        """Take note of what those who work with this engine meet."""
        event.listen(engine, "handle_error", self._note)

    def _note(self, context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        trouble = None if error is None else trouble_of(error)
        if trouble in MAY_BE_MISSED:
            self._met = trouble, time.monotonic(), str(context.original_exception)

    def look(self) -> Seen:
        """What the database does now.

        While another thread looks: what it saw before; a look that hangs counts as one at a database away.
        """
        if not self._looking.acquire(timeout=LIMIT_SECONDS):
            hangs = time.monotonic() - self._begun_at > PATIENCE_SECONDS
            return Seen(DatabaseTrouble.AWAY) if hangs else self._last
        try:
            self._begun_at = time.monotonic()
            self._last = self._look()
        finally:
            self._looking.release()
        return self._last

    def _look(self) -> Seen:
        trouble = file_trouble(self._engine)
        if trouble is not None:
            return self._seen(trouble, None, None)
        read = None
        try:
            with self._engine.connect() as connection:
                read = self._read(connection)
                connection.rollback()
                self._write(connection)
        except SQLAlchemyError as error:
            reason = getattr(error, "orig", error)
            return self._seen(trouble_of(error) or DatabaseTrouble.FAILING, read, reason)
        return self._met_lately(read)

    def _met_lately(self, read: bool | None) -> Seen:
        if self._met is None or time.monotonic() - self._met[1] > MET_SECONDS:
            return self._seen(None, read, None)
        trouble, _, reason = self._met
        return self._seen(trouble, read, reason)

    def _write(self, connection: Connection) -> None:
        """Unless that went well a moment ago, and nothing has failed since."""
        if not self._last.trouble and time.monotonic() - self._written_at < WRITE_SECONDS:
            return
        connection.execute(WRITE)
        connection.commit()
        self._written_at = time.monotonic()

    def _seen(self, trouble: DatabaseTrouble | None, read: bool | None, reason: object) -> Seen:
        """Say in the log what has changed: whoever asks does so every few seconds."""
        if trouble != self._told:
            if trouble is None:
                logger.info("the database can be read and written again")
            else:
                logger.error("the database is in trouble: %s (%s)", trouble, reason)
            self._told = trouble
        return Seen(trouble, read)


def connect_args(url: URL) -> dict[str, Any]:
    """The limits of this look's connections, as their driver takes them."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": LIMIT_SECONDS}
    milliseconds = 1000 * LIMIT_SECONDS
    limits = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
    return {"connect_timeout": LIMIT_SECONDS, "tcp_user_timeout": milliseconds, "options": limits}
