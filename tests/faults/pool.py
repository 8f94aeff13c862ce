"""Runs side by side: each lane is a process with a world of its own, and plays one run at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol, Self, TypeVar

from tests.faults.player import Player, Report

MakePlayer = Callable[[], Player]


class Playing(Protocol):
    """Something that plays one run at a time."""

    def begin(self, seed: int) -> None:
        """Begin to play the run of a seed."""

    def end(self) -> Report:
        """Wait for the end of the run that was begun; returns what became of it."""


AnyLane = TypeVar("AnyLane", bound=Playing)


def play_seeds(
    seeds: Iterable[int],
    lanes: Sequence[AnyLane],
    await_some: Callable[[Sequence[AnyLane]], Iterable[AnyLane]],
    *,
    until_found: bool = False,
) -> Iterator[Report]:
    """Play the runs of all seeds over the lanes; yields the reports as the runs end.

    ``await_some`` waits until some of the busy lanes have ended their runs. ``until_found``: after a run that
    failed none begins any more.
    """
    left, idle, found = iter(seeds), list(lanes), False
    busy: list[AnyLane] = []
    while True:
        for seed in _next_seeds(left, 0 if until_found and found else len(idle)):
            busy.append(idle.pop(0))
            busy[-1].begin(seed)
        if not busy:
            return
        for lane in list(await_some(busy)):
            busy.remove(lane)
            idle.append(lane)
            report = lane.end()
            found = found or bool(report.problems)
            yield report


def _next_seeds(left: Iterator[int], most: int) -> list[int]:
    # In this order: zip would take one seed more than there are lanes, and drop it.
    return [seed for _, seed in zip(range(most), left, strict=False)]


class Lane:
    """A process that plays runs. It is made when it is needed, also after one that ended in a run."""

    def __init__(self, make_player: MakePlayer) -> None:
        self._make_player = make_player
        self._seed = 0
        self._process: SpawnProcess | None = None
        self.connection: Connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, also in the middle of a run; its sites end with it."""
        if self._process is not None:
            self._process.terminate()
            self._give_up(self._process)

    def begin(self, seed: int) -> None:
        if self._process is None:
            self._launch()
        self._seed = seed
        # A process that ended meanwhile shows when its report is read.
        with contextlib.suppress(OSError):
            self.connection.send(seed)

    def end(self) -> Report:
        assert self._process is not None
        try:
            found: Report = self.connection.recv()
        except (EOFError, OSError):
            return self._lost(self._give_up(self._process))
        return found

    def _launch(self) -> None:
        self.connection, far_end = multiprocessing.Pipe()
        # Forked, it would keep the connections of the other lanes open.
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_play_what_comes, args=(far_end, self._make_player))
        self._process.start()
        far_end.close()

    def _give_up(self, process: SpawnProcess) -> int | None:
        process.join()
        self.connection.close()
        self._process = None
        return process.exitcode

    def _lost(self, code: int | None) -> Report:
        problem = f"the process that played it ended with {code}"
        return Report(self._seed, f"seed {self._seed}: FAILED: {problem}", [problem])


def await_lanes(lanes: Sequence[Lane]) -> list[Lane]:
    """Wait until some of the lanes have something to report."""
    ready = wait([lane.connection for lane in lanes])
    return [lane for lane in lanes if lane.connection in ready]


def _play_what_comes(connection: Connection, make_player: MakePlayer) -> None:
    """What the process of a lane does, until it is told to end or nobody is left to send it anything."""
    # Asked to end, it still ends its sites. What the terminal says to all, its parent hears.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, lambda *_: None)
    with make_player() as player, contextlib.suppress(EOFError):
        while True:
            connection.send(player.play(connection.recv()))
