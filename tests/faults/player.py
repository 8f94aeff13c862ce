"""Plays runs in a world, and tells of each what became of it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dcapi.lab.site import LabSite
from tests.faults import run
from tests.faults.course import Outcome, Scenery
from tests.faults.original import run as original_run
from tests.faults.original.world import OriginalWorld
from tests.faults.world import World

LOG_LINES = 150
UNTELLING = (" gunicorn.access ", " dcapi.audit ")


class Cast(NamedTuple):
    """Who plays: a world of two sites, entered, and a run in it."""

    world: Callable[[Path, str, str], AbstractContextManager[Scenery]]
    play: Callable[[Any, int], Outcome]


# What is at the other end: a site of this project, or a stand-in of the original.
OURS, ORIGINAL = "ours", "original"
CASTS = {OURS: Cast(World, run.play), ORIGINAL: Cast(OriginalWorld, original_run.play)}
LANDINGS = {OURS: run.LANDING, ORIGINAL: original_run.LANDING}


@dataclass(frozen=True)
class Report:
    """What is kept of a run after its world is gone; it can be sent from process to process."""

    seed: int
    text: str
    problems: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    disturbed: Counter[str] = field(default_factory=Counter)
    # How often that came about for which the runs are made.
    landed: int = 0


class Player:
    """Plays run after run in one world, and in a new one after a run that failed."""

    def __init__(self, kind: str, plant: str = "", *, peer: str = OURS, tells_all: bool = False) -> None:
        self.kind = kind
        self.plant = plant
        self._cast = CASTS[peer]
        self.tells_all = tells_all
        self._stack = ExitStack()
        self._world: Any = None

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self, seed: int) -> Report:
        """Play a run; the story of one that failed is told while its world is there."""
        if self._world is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-"))
            self._world = self._stack.enter_context(self._cast.world(Path(folder), self.kind, self.plant))
        outcome = self._cast.play(self._world, seed)
        found = report(outcome, tells_all=self.tells_all)
        if outcome.problems:
            self._stack.close()
            self._world = None
        return found


def report(outcome: Outcome, *, tells_all: bool = False) -> Report:
    """What is to be said of a run: a line, and its story if it failed or all are to be told."""
    session, text = outcome.session, outcome.line()
    if outcome.problems or tells_all:
        text = f"{text}\n{story(outcome)}"
    return Report(
        outcome.seed, text, outcome.problems, session.done, session.disturbed, landed=session.landed
    )


def story(outcome: Outcome) -> str:
    """All that is known of a run that failed."""
    session = outcome.session
    said = "failed" if outcome.problems else "passed"
    lines = [f"=== seed {outcome.seed} {said}; again: --runs 1 --seed {outcome.seed}"]
    lines += [f"  problem: {problem}" for problem in outcome.problems]
    lines += ["--- history"] + [f"  {moment:8.3f} {text}" for moment, text in list(session.history)]
    for name, wire in session.world.told_wires.items():
        lines += [f"--- writes to {name}"]
        record = wire.passed_since(session.origin)
        lines += [f"  {one.describe(session.origin)}" for one in record if one.is_write]
    for site in session.world.sites:
        lines += [f"--- end of {site.log_file}", *_telling_lines(site)]
    return "\n".join(lines)


def _telling_lines(site: LabSite) -> list[str]:
    """The last lines of a site's log that are about more than a request that was answered."""
    lines = site.log_file.read_text(errors="replace").splitlines()
    return [line for line in lines if not any(word in line for word in UNTELLING)][-LOG_LINES:]
