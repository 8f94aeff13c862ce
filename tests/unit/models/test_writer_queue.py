"""The turns of those who write to one SQLite database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcapi.models.writer_queue import QueuedConnection, WriterQueue


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[QueuedConnection]:
    made = QueuedConnection(str(tmp_path / "site.sqlite3"), isolation_level=None)
    made.queue = WriterQueue()
    yield made
    made.close()


def begin(connection: QueuedConnection) -> None:
    assert connection.take_turn(0)
    connection.execute("BEGIN IMMEDIATE")


def is_free(queue: WriterQueue | None) -> bool:
    assert queue is not None
    entered = queue.enter(0)
    if entered:
        queue.leave()
    return entered


def test_one_writer_at_a_time_has_the_turn() -> None:
    queue = WriterQueue()
    assert queue.enter(0)
    assert not queue.enter(0)
    assert not queue.enter(0.01)
    queue.leave()
    assert is_free(queue)


ENDS: dict[str, Callable[[QueuedConnection], object]] = {
    "commit": QueuedConnection.commit,
    "rollback": QueuedConnection.rollback,
    "close": QueuedConnection.close,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_turn_ends_with_its_transaction(connection: QueuedConnection, end: str) -> None:
    begin(connection)
    assert not is_free(connection.queue)
    ENDS[end](connection)
    assert is_free(connection.queue)


def test_a_turn_lasts_when_a_commit_leaves_the_transaction_open(connection: QueuedConnection) -> None:
    connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    connection.execute("PRAGMA foreign_keys=ON")
    begin(connection)
    connection.execute("INSERT INTO b VALUES (1)")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        connection.commit()
    assert not is_free(connection.queue)
    connection.rollback()
    assert is_free(connection.queue)


def test_a_connection_that_is_forgotten_gives_up_its_turn(tmp_path: Path) -> None:
    queue = WriterQueue()
    connection = QueuedConnection(str(tmp_path / "site.sqlite3"), isolation_level=None)
    connection.queue = queue
    begin(connection)
    connection.execute("ROLLBACK")
    assert not is_free(queue)
    connection.__del__()
    assert is_free(queue)
    connection.close()


def test_whoever_has_the_turn_waits_for_nobody(connection: QueuedConnection) -> None:
    assert connection.take_turn(0)
    assert connection.take_turn(0)
    connection.give_up_turn()
    assert is_free(connection.queue)
