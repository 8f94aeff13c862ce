"""The course of one run, whatever the two sites are: what befalls it, what is said, and how it ended."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import requests

from dcapi.lab.operator import Operator, RefusedError
from dcapi.lab.site import LabSite
from tests.faults.databases import Database
from tests.faults.pace import paced
from tests.faults.record import Pause
from tests.faults.wire import Wire

# What is not quiet, or not equal after a sync, by then will never be.
QUIET_SECONDS = paced(40.0)
# Quiet means quiet for so long.
STEADY_SECONDS = paced(0.7)
POLL_SECONDS = 0.15
DOWN = (RefusedError, requests.RequestException)


@dataclass(frozen=True)
class Poser:
    """Somebody who says, at a site of this project, that another site calls.

    ``may_modify``: may do to subclouds what another site's user may.
    """

    site: str
    operator: Operator
    may_modify: bool


class Scenery(Protocol):
    """What disturbances, and the story of a run, need of its world."""

    databases: dict[str, Database]
    pauses: list[Pause]
    posers: list[Poser]

    @property
    def sites(self) -> Sequence[LabSite]:
        """The sites of this project, whose processes and logs are at hand."""

    @property
    def told_wires(self) -> Mapping[str, Wire]:
        """The wires whose writes are told when a run failed, by where they lead."""

    def some_site(self, chance: random.Random) -> LabSite:
        """One that is to come to harm."""

    def some_wire(self, chance: random.Random) -> tuple[Wire, str]:
        """One that is to come to harm, and where it leads."""

    def some_worker(self, site: LabSite, chance: random.Random) -> list[int]:
        """One of a site's workers; none when it is down."""

    def pause(self, pids: list[int], over: threading.Event, seconds: float) -> None:
        """Let processes stand still for so long, or until it is over, and note it."""

    def mend(self) -> None:
        """Faults off."""


class Course:
    """What operations and disturbances of one run share; ``say`` may be called from any thread."""

    def __init__(self, world: Scenery, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.origin = time.monotonic()
        self.history: list[tuple[float, str]] = []
        self.done: Counter[str] = Counter()
        self.disturbed: Counter[str] = Counter()
        # How often that came about for which the runs are made.
        self.landed = 0
        # Disturbances that could not be made.
        self.broken: list[str] = []
        # What a disturbance saw, and what must not be.
        self.caught: list[str] = []
        # Set when the faults are off.
        self.over = threading.Event()

    def say(self, text: str) -> None:
        self.history.append((time.monotonic() - self.origin, text))


@dataclass
class Outcome:
    """How a run ended: ``problems`` is empty when all held."""

    seed: int
    seconds: float
    session: Course
    # What the course counts as landed.
    landing: str
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        done, disturbed = self.session.done, self.session.disturbed
        operations = " ".join(f"{count} {name}" for name, count in sorted(done.items()))
        faults = ", ".join(
            f"{name}" + (f" x{count}" if count > 1 else "") for name, count in disturbed.items()
        )
        said = "ok" if not self.problems else "FAILED: " + self.problems[0]
        return (
            f"seed {self.seed}: {self.seconds:5.1f} s; operations: {operations}; faults: {faults or 'none'}; "
            f"{self.landing}: {self.session.landed}; {said}"
        )


Befalling = Callable[[random.Random], None]


def befall(course: Course, name: str, what: Befalling, delay: float, chance: random.Random) -> None:
    """Let something befall the run after a delay, unless it is over by then; a thread of its own does it."""
    if not course.over.wait(delay):
        try:
            what(chance)
        # The thread boundary: the run has to hear of it.
        except Exception as error:  # noqa: BLE001
            course.broken.append(f"{name}: {type(error).__name__}: {error}")


def end_faults(course: Course, threads: list[threading.Thread], *, patient: bool = False) -> None:
    """Faults off; ``patient``: let each take the time that it was to take."""
    if not patient:
        course.over.set()
    for thread in threads:
        thread.join(paced(60))
    threads.clear()
    course.over.set()
    course.world.mend()


def wait_until_quiet(look: Callable[[], list[str]], *, within: float = QUIET_SECONDS) -> list[str]:
    """Look until nothing is found for a while; returns what is found when the time is over."""
    deadline, steady = time.monotonic() + within, None
    while True:
        try:
            found = look()
        except DOWN as error:
            found = [f"a site does not answer: {error}"]
        now = time.monotonic()
        steady = None if found else steady or now
        if steady is not None and now - steady >= STEADY_SECONDS:
            return []
        if found and now > deadline:
            return found
        time.sleep(POLL_SECONDS)
