"""How many connections a worker takes, and which of its files are kept for other work."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dcapi.models.engine import most_connections
from dcapi.serving import outbox, temporary_files
from dcapi.serving.body import IN_MEMORY, BodyRoom, IncomingBody
from dcapi.serving.capacity import OTHER_FILES, Capacity
from dcapi.serving.outbox import Outbox
from dcapi.settings import Settings

LARGE = IN_MEMORY + 1


def capacity(monkeypatch: pytest.MonkeyPatch, files: int, connections: int = 1000) -> Capacity:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    return Capacity(Settings(CONNECTIONS=connections))


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as stack:
        here, there = socket.socketpair()
        yield stack.enter_context(here), stack.enter_context(there)


@pytest.mark.parametrize("connections", [1, 16])
def test_no_more_connections_are_taken_than_the_setting_says(
    monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    room = capacity(monkeypatch, 100_000, connections)
    assert room.has_room(connections - 1, temporary=500)
    assert not room.has_room(connections, temporary=0)


def test_files_are_kept_for_the_database_and_temporary_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = OTHER_FILES + most_connections(Settings())
    room = capacity(monkeypatch, kept + kept + 100)
    most = kept + 100
    assert room.has_room(most - 1, temporary=0)
    assert not room.has_room(most, temporary=0)
    assert room.has_room(most - 41, temporary=40)
    assert not room.has_room(most - 40, temporary=40)


def test_of_few_files_half_are_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    room = capacity(monkeypatch, 100)
    assert room.has_room(49, temporary=0)
    assert not room.has_room(50, temporary=0)


def test_the_file_of_a_large_body_counts_until_its_request_ends() -> None:
    before = temporary_files.count()
    body = IncomingBody(2 * LARGE, BodyRoom(4 * LARGE), LARGE)
    body.take(bytearray(LARGE - 1))
    assert temporary_files.count() == before
    body.take(bytearray(1))
    assert temporary_files.count() == before + 1
    body.close()
    assert temporary_files.count() == before


def test_the_file_of_a_large_answer_counts_until_it_has_gone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    before = temporary_files.count()
    answer = Outbox(pair[0])
    answer.sendall(bytes(outbox.IN_MEMORY + 1))
    assert temporary_files.count() == before + 1
    answer.take_back()
    assert temporary_files.count() == before
