"""Connections to PostgreSQL that wait for nothing for ever, and that leave a server which is the wrong one.

The server's own limits (for statements and locks) and those of TCP do not help when a proxy swallows what is
sent: its kernel acknowledges all of it. So the client's side has a limit as well. The driver waits without
blocking (it polls its socket), so a wait that is over its time ends in the waiting thread itself; then the
connection is closed, as its answer may still come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import QueryCanceled, _WaitTimeout
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext, make_url

from dcapi.models.database_trouble import DatabaseTrouble, trouble_of
from dcapi.models.time_budget import one_wait, waiting_at_least
from dcapi.settings import Settings

# Seconds that the client waits longer than the server, whose error says more.
CLIENT_GRACE = 0.5
# Seconds for the small question whether a kept connection still answers.
PING_SECONDS = 2.0
# Seconds for the end of a transaction, however little time the request has: what it did is kept, or undone.
END_SECONDS = 1.0
# Seconds after which a server gives up a transaction in which nothing happens: its client is gone.
IDLE_TRANSACTION_SECONDS = 60
# Seconds between two probes of a silent connection, and how many may go unanswered.
KEEPALIVE_INTERVAL = 2
KEEPALIVE_COUNT = 3

# A server whose sessions are to be left, all of them: after a failover, the next request finds the new one.
WRONG_SERVER = frozenset({DatabaseTrouble.AWAY, DatabaseTrouble.READ_ONLY})
TIME_IS_UP = "the request has waited for the database for as long as it may"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer in time."""

    # Seconds for one exchange; None: without a limit.
    limit: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None or self.limit is None:
            return super().wait(gen, interval, timeout)
        with one_wait(self.limit) as seconds:
            if not seconds:
                raise QueryCanceled(TIME_IS_UP)
            return self._wait(gen, interval, seconds)

    def _wait(self, gen: Any, interval: float, seconds: float) -> Any:
        try:
            return super().wait(gen, interval, seconds)
        except _WaitTimeout:
            self.close()
        if self.limit is not None and seconds < self.limit:
            raise QueryCanceled(TIME_IS_UP)
        raise psycopg.OperationalError(f"the server did not answer within {seconds:g} s")

    def commit(self) -> None:
        with waiting_at_least(END_SECONDS):
            super().commit()

    def rollback(self) -> None:
        with waiting_at_least(END_SECONDS):
            super().rollback()

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Within, one exchange takes at most so many seconds."""
        before, self.limit = self.limit, seconds
        try:
            yield
        finally:
            self.limit = before


def connect_args(settings: Settings, uri: str, *, patient: bool) -> dict[str, Any]:
    """What the driver is told beside the URI, which wins where it says something else.

    ``patient``: for work that may wait for locks and take long, such as a migration.
    """
    given = make_url(uri).query
    ours: dict[str, Any] = {
        "connect_timeout": math.ceil(settings.DATABASE_CONNECT_TIMEOUT),
        "keepalives": 1,
        "keepalives_idle": math.ceil(settings.DATABASE_TCP_TIMEOUT),
        "keepalives_interval": KEEPALIVE_INTERVAL,
        "keepalives_count": KEEPALIVE_COUNT,
        "tcp_user_timeout": _milliseconds(settings.DATABASE_TCP_TIMEOUT),
    }
    told = {name: value for name, value in ours.items() if name not in given}
    if not patient:
        own = given.get("options", "")
        told["options"] = (
            f"{_session_options(settings)} {own if isinstance(own, str) else ' '.join(own)}".strip()
        )
    return told


def _session_options(settings: Settings) -> str:
    """What the server is told of each session; it ends those of a client that is gone as well."""
    options = {
        "statement_timeout": _milliseconds(settings.DATABASE_STATEMENT_TIMEOUT),
        "lock_timeout": _milliseconds(settings.DATABASE_LOCK_TIMEOUT),
        "idle_in_transaction_session_timeout": IDLE_TRANSACTION_SECONDS * 1000,
        "tcp_keepalives_idle": math.ceil(settings.DATABASE_TCP_TIMEOUT),
        "tcp_keepalives_interval": KEEPALIVE_INTERVAL,
        "tcp_keepalives_count": KEEPALIVE_COUNT,
        "tcp_user_timeout": _milliseconds(settings.DATABASE_TCP_TIMEOUT),
    }
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def bound(engine: Engine, settings: Settings) -> None:
    """Let no connection of this engine wait for ever, and none stay with a server that is the wrong one."""
    limit = settings.DATABASE_STATEMENT_TIMEOUT + CLIENT_GRACE
    dialect: Any = engine.dialect
    ping = dialect.do_ping

    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        made = BoundedConnection.connect(*arguments, **options)
        made.limit = limit
        return made

    def do_ping(connection: Any) -> bool:
        with connection.limited(min(PING_SECONDS, limit)):
            return bool(ping(connection))

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "handle_error", _leave_wrong_server)
    dialect.do_ping = do_ping


def _leave_wrong_server(context: ExceptionContext) -> None:
    """Take the connection out of the pool, and with it those that were made before.

    One that was closed because its request's time was up says nothing of the others.
    """
    error = context.sqlalchemy_exception
    if context.connection is None or error is None:
        return
    if trouble_of(error) in WRONG_SERVER:
        context.is_disconnect = True
    elif isinstance(context.original_exception, QueryCanceled):
        context.invalidate_pool_on_disconnect = False


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)
