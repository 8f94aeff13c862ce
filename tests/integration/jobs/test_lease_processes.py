"""Leases between real processes: contended, and held by one that is stopped beyond their end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from dcapi.jobs.hold import Hold, LeaseLost, UnitOfWork, take_hold
from tests.integration.jobs.database import engine_of, unit_of_work_of

NAME = "association:1"
ROUNDS = 20
# How long anything here may take before the test gives up on it.
PATIENCE = 60.0

spawn = multiprocessing.get_context("spawn")
Start = Callable[..., tuple[BaseProcess, Connection]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that talks over a connection, and ends it with the test."""
    started: list[tuple[BaseProcess, Connection]] = []

    def start_one(target: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=target, args=(theirs, *arguments))
        process.start()
        theirs.close()
        started.append((process, ours))
        return process, ours

    yield start_one
    for process, connection in started:
        if process.is_alive():
            process.kill()
        process.join()
        process.close()
        connection.close()


def told(connection: Connection) -> Any:
    """The next thing that a process says."""
    assert connection.poll(PATIENCE), "the process says nothing"
    return connection.recv()


def contend(connection: Connection, uri: str, barrier: Barrier, inside: Path, owner: str) -> None:
    """Hold the lease ROUNDS times, each time alone, and tell the epochs."""
    engine = engine_of(uri)
    unit_of_work = unit_of_work_of(engine)
    barrier.wait(PATIENCE)
    epochs: list[int] = []
    deadline = time.monotonic() + PATIENCE
    while len(epochs) < ROUNDS and time.monotonic() < deadline:
        hold = take_hold(unit_of_work, NAME, owner, 60)
        if hold is None:
            continue
        with hold:
            # Fails when the other one is inside, too.
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            epochs.append(hold.epoch)
            inside.unlink()
    connection.send(epochs)
    engine.dispose()


def test_two_processes_never_hold_a_lease_at_once(start: Start, database_uri: str, tmp_path: Path) -> None:
    barrier = spawn.Barrier(2)
    connections = [
        start(contend, database_uri, barrier, tmp_path / "inside", f"process-{number}")[1]
        for number in range(2)
    ]

    one, other = (told(connection) for connection in connections)
    assert len(one) == len(other) == ROUNDS
    assert sorted(one + other) == list(range(1, 2 * ROUNDS + 1))


def hold_and_wait(connection: Connection, uri: str, seconds: float, first: str) -> None:
    """Take the lease, tell so, and try to go on under it once the other side says so."""
    engine = engine_of(uri)
    unit_of_work = unit_of_work_of(engine)
    hold = take_hold(unit_of_work, NAME, "stopped", seconds)
    assert hold is not None
    connection.send(hold.epoch)
    connection.recv()
    with hold:
        if first == "confirm":
            connection.send(raises(lambda: confirm(hold, unit_of_work)))
        connection.send(raises(lambda: hold.ensure(seconds / 10)))
        connection.send(raises(lambda: confirm(hold, unit_of_work)))
    connection.send("left")
    engine.dispose()


def confirm(hold: Hold, unit_of_work: UnitOfWork) -> None:
    with unit_of_work() as session:
        hold.confirm(session)


def raises(act: Callable[[], None]) -> str:
    try:
        act()
    except LeaseLost:
        return "LeaseLost"
    return "went on"


def take_when_free(unit_of_work: UnitOfWork) -> int:
    """Ask for the lease until it is ours; returns the epoch. It stays taken."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        hold = take_hold(unit_of_work, NAME, "next", 600)
        if hold is not None:
            return hold.epoch
        time.sleep(0.02)
    raise AssertionError("the lease did not expire")


@pytest.mark.parametrize("first", ["ensure", "confirm"])
def test_a_holder_that_was_stopped_beyond_its_lease_finds_it_lost(
    start: Start, database_uri: str, unit_of_work: UnitOfWork, first: str
) -> None:
    process, connection = start(hold_and_wait, database_uri, 1.0, first)
    assert told(connection) == 1
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert take_when_free(unit_of_work) == 2
    finally:
        os.kill(process.pid, signal.SIGCONT)

    connection.send("go on")
    said = iter(lambda: told(connection), "left")
    assert list(said) == ["LeaseLost"] * (2 if first == "ensure" else 3)
    # The end of the former holder leaves the next one its lease.
    assert take_hold(unit_of_work, NAME, "third", 60) is None
