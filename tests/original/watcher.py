"""Looks all the time at who manages the members of a group, at both sites."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from dcapi.lab.operator import Operator, RefusedError
from tests.original.world import LED, State, World

# Seconds between two looks, and the longest time that one may take.
PAUSE = 0.02
LAST_LOOK = 70.0

Holding = Callable[[State], bool]


def is_managed(state: State) -> bool:
    return state[0] == LED[0]


def is_worked_on(state: State) -> bool:
    """Managed, or being rehomed; one that is ``pre-rehome`` may still wait for the other site."""
    return is_managed(state) or state[1] == "rehoming"


class Watcher:
    """A thread that reads both sites; ``seen`` has what no two sites should have at once.

    ``taker`` is the site that takes members, "D" or "O": it is read first, or a hand-over counts double. With
    "" either may, and what both had must be seen at O before and after it is seen at D. A site that does not
    answer is not reached by the other one either.
    """

    def __init__(self, world: World, taker: str, holding: Holding = is_managed) -> None:
        self._world, self._taker, self._holding = world, taker, holding
        self._operator: Operator = world.at_site.twin()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher")
        self._error: Exception | None = None
        self.looks = 0
        self.seen: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(LAST_LOOK)
        self._operator.close()

    def expect_one_manager(self) -> None:
        """Fail with what was seen, or when there was nothing to see."""
        if self._error is not None:
            raise self._error
        assert not self.seen, f"{len(self.seen)} of {self.looks} looks; first {self.seen[0]}"
        assert self.looks

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(PAUSE):
                self._look()
        except Exception as error:  # noqa: BLE001 (it is raised on the test's own thread)
            self._error = error

    def _look(self) -> None:
        if not self._world.original.running:
            return
        before = self._world.states_at_original()
        try:
            at_site = {
                each["region-name"]: (each["management-state"], each["deploy-status"])
                for each in self._operator.members(self._world.group)
            }
        except (requests.RequestException, RefusedError):
            return
        after = self._world.states_at_original()
        self.looks += 1
        held = set(self._held(at_site))
        if self._taker != "D":
            held &= set(self._held(before))
        if self._taker != "O":
            held &= set(self._held(after))
        if held:
            self.seen.append(f"{sorted(held)}: D {at_site}, O {before} then {after}")

    def _held(self, states: dict[str, State]) -> Iterator[str]:
        return (region for region, state in states.items() if self._holding(state))


@contextmanager
def one_manager(world: World, taker: str = "", holding: Holding = is_managed) -> Iterator[Watcher]:
    """Watch during the block; fail at its end if a member was managed at both sites, at any moment."""
    watcher = Watcher(world, taker, holding)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()
    watcher.expect_one_manager()
