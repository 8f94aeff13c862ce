"""Leases between real processes: contended, and held by one that is killed, or stopped beyond their end."""

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

from dcapi.tasks.hold import Hold, LeaseLost, UnitOfWork, held_leases, take_hold
from dcapi.tasks.holders import SYSTEM, own_name, read_state
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def hold_until_killed(connection: Connection, uri: str) -> None:
    """Hold the lease under the name of this process, tell so, and live until the test ends."""
    engine = engine_of(uri)
    hold = take_hold(unit_of_work_of(engine), NAME, f"{own_name()}/0123abcd", 600)
    connection.send(hold is not None)
    connection.recv()
    engine.dispose()


def is_held(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work() as session:
        return held_leases(session, [NAME]) == {NAME}


def wait_for_state(process: BaseProcess, state: str) -> None:
    assert process.pid is not None
    deadline = time.monotonic() + PATIENCE
    while read_state(SYSTEM, process.pid).state != state:
        assert time.monotonic() < deadline, f"the process does not come into state {state}"
        time.sleep(0.01)


@pytest.fixture
def holder(start: Start, database_uri: str) -> BaseProcess:
    """A process that holds the lease for ten minutes."""
    process, connection = start(hold_until_killed, database_uri)
    assert told(connection)
    return process


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "a zombie"])
def test_the_lease_of_a_killed_process_is_free_at_once(
    holder: BaseProcess, unit_of_work: UnitOfWork, *, reaped: bool
) -> None:
    assert is_held(unit_of_work)
    assert take_hold(unit_of_work, NAME, own_name(), 600) is None
    holder.kill()
    if reaped:
        holder.join()
    else:
        wait_for_state(holder, "Z")

    assert not is_held(unit_of_work)
    after = take_hold(unit_of_work, NAME, own_name(), 600)
    assert after is not None
    assert after.epoch == 2


def test_a_stopped_process_keeps_its_lease_until_it_expires(
    holder: BaseProcess, unit_of_work: UnitOfWork
) -> None:
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGSTOP)
    wait_for_state(holder, "T")

    assert is_held(unit_of_work)
    assert take_hold(unit_of_work, NAME, own_name(), 600) is None


def take_once(connection: Connection, uri: str, barrier: Barrier) -> None:
    engine = engine_of(uri)
    barrier.wait(PATIENCE)
    hold = take_hold(unit_of_work_of(engine), NAME, own_name(), 600)
    connection.send(None if hold is None else hold.epoch)
    # It must not be dead before the others have asked.
    connection.recv()
    engine.dispose()


def test_of_several_processes_one_takes_the_lease_of_a_dead_one(
    holder: BaseProcess, start: Start, database_uri: str
) -> None:
    holder.kill()
    holder.join()
    barrier = spawn.Barrier(3)
    connections = [start(take_once, database_uri, barrier)[1] for _ in range(3)]

    epochs = [told(connection) for connection in connections]
    assert sorted(epochs, key=str) == [2, None, None]
