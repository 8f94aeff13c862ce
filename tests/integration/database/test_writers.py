"""Threads that write to one SQLite file: in the order in which they came, and for a bounded time."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import eq
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcapi.lab.polling import wait_until
from dcapi.models.database_trouble import DatabaseTrouble, trouble_of
from dcapi.models.engine import make_engine, read_only
from dcapi.models.keyring import Keyring
from dcapi.models.time_budget import waiting_at_most
from dcapi.models.writer_queue import QueuedConnection
from dcapi.settings import Settings

WRITERS = 6
BUSY_SECONDS = 20.0


def engine_of(folder: Path, busy_timeout: float) -> Engine:
    keyring = Keyring([Fernet.generate_key().decode()])
    return make_engine(
        f"sqlite:///{folder / 'site.sqlite3'}", Settings(SQLITE_BUSY_TIMEOUT=busy_timeout), keyring
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = engine_of(tmp_path, BUSY_SECONDS)
    with made.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.execute("PRAGMA journal_mode=WAL")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE came (number INTEGER)"))
    yield made
    made.dispose()


def write(engine: Engine, number: int) -> None:
    with Session(engine) as session:
        session.execute(text("INSERT INTO came VALUES (:number)"), {"number": number})
        session.commit()


def written(engine: Engine) -> list[int]:
    with Session(engine) as session:
        return list(read_only(session).scalars(text("SELECT number FROM came ORDER BY rowid")))


def waiting(engine: Engine) -> int:
    """How many threads wait for their turn."""
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, QueuedConnection)
        assert driver.queue is not None
        return len(driver.queue._waiting)


def test_writers_are_served_in_the_order_in_which_they_came(engine: Engine) -> None:
    with ThreadPoolExecutor(WRITERS) as pool, Session(engine) as first:
        first.execute(text("INSERT INTO came VALUES (0)"))
        others = []
        for number in range(1, WRITERS + 1):
            others.append(pool.submit(write, engine, number))
            wait_until("the writer to wait", lambda: waiting(engine), partial(eq, number))
        assert written(engine) == []  # nobody who reads waits
        first.commit()
        for other in others:
            other.result(BUSY_SECONDS)
    assert written(engine) == list(range(WRITERS + 1))


def test_a_writer_waits_no_longer_than_the_busy_timeout(engine: Engine, tmp_path: Path) -> None:
    """Of which what it waits for the threads of its process, and for other processes, are parts."""
    hasty = engine_of(tmp_path, 1.0)
    with ThreadPoolExecutor(2) as pool, engine.begin() as other_process:
        other_process.execute(text("INSERT INTO came VALUES (0)"))
        begun = time.monotonic()
        both = [pool.submit(write, hasty, number) for number in (1, 2)]
        errors = [one.exception(BUSY_SECONDS) for one in both]
        assert 0.9 < time.monotonic() - begun < 1.9
    assert [trouble_of(error) for error in errors if error] == [DatabaseTrouble.LOCKED] * 2
    write(hasty, 3)
    assert written(engine)[-1] == 3
    hasty.dispose()


def trouble(work: Future[None]) -> DatabaseTrouble | None:
    """What ended this work, well before the busy timeout."""
    error = work.exception(BUSY_SECONDS / 2)
    return None if error is None else trouble_of(error)


def test_a_request_whose_time_is_spent_waits_no_more_and_may_write(engine: Engine) -> None:
    with ThreadPoolExecutor(1) as pool, waiting_at_most(0.2):
        with engine.begin() as other:
            other.execute(text("INSERT INTO came VALUES (0)"))
            refused = pool.submit(contextvars.copy_context().run, write, engine, 1)
            assert trouble(refused) is DatabaseTrouble.LOCKED
        write(engine, 2)
    assert written(engine) == [0, 2]


def test_time_that_is_left_bounds_the_wait_for_other_processes(engine: Engine, tmp_path: Path) -> None:
    other_process = engine_of(tmp_path, BUSY_SECONDS)
    with ThreadPoolExecutor(1) as pool, waiting_at_most(0.2), other_process.begin() as other:
        other.execute(text("INSERT INTO came VALUES (0)"))
        refused = pool.submit(contextvars.copy_context().run, write, engine, 1)
        assert trouble(refused) is DatabaseTrouble.LOCKED
    other_process.dispose()
    write(engine, 2)
    assert written(engine) == [0, 2]


def test_a_writer_that_fails_keeps_nobody_waiting(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(OperationalError):
        session.execute(text("INSERT INTO nothing VALUES (1)"))
    write(engine, 1)
    connection = engine.connect()
    connection.execute(text("INSERT INTO came VALUES (2)"))
    connection.invalidate()
    connection.close()
    write(engine, 3)
    assert written(engine) == [1, 3]


def test_one_thread_may_write_in_one_session_after_another(engine: Engine) -> None:
    with Session(engine) as outer:
        outer.execute(text("INSERT INTO came VALUES (1)"))
        outer.commit()
        write(engine, 2)
        outer.execute(text("INSERT INTO came VALUES (3)"))
        outer.commit()
    assert written(engine) == [1, 2, 3]
