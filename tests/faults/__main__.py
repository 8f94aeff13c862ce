"""``python -m tests.faults``: play runs with random faults, and say which seeds failed."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from dcapi.lab.site import LabSite
from tests.faults.app import PLANTS
from tests.faults.databases import KINDS, POSTGRESQL, SQLITE
from tests.faults.run import Outcome, play
from tests.faults.world import World
from tests.postgres import SKIPPED, server_url

LOG_LINES = 150
# Of so many runs at least half have to have a change that lands during a sync: else they try too little.
MANY_RUNS = 100
UNTELLING = (" gunicorn.access ", " dcapi.audit ")


class Player:
    """Plays run after run in one world, and in a new one after a run that failed."""

    def __init__(self, kind: str, plant: str = "", *, tells_all: bool = False) -> None:
        self.kind = kind
        self.plant = plant
        self.tells_all = tells_all
        self._stack = ExitStack()
        self._world: World | None = None

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self, seed: int) -> Outcome:
        """Play a run; of one that failed the story is told at once, while its world is there."""
        if self._world is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-"))
            self._world = self._stack.enter_context(World(Path(folder), self.kind, self.plant))
        outcome = play(self._world, seed)
        show(outcome.line())
        if outcome.problems or self.tells_all:
            show(story(outcome))
        if outcome.problems:
            self._stack.close()
            self._world = None
        return outcome


def show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def story(outcome: Outcome) -> str:
    """All that is known of a run that failed."""
    session = outcome.session
    said = "failed" if outcome.problems else "passed"
    lines = [f"=== seed {outcome.seed} {said}; again: --runs 1 --seed {outcome.seed}"]
    lines += [f"  problem: {problem}" for problem in outcome.problems]
    lines += ["--- history"] + [f"  {moment:8.3f} {text}" for moment, text in list(session.history)]
    lines += ["--- writes to B"]
    record = session.world.to_b.passed_since(session.origin)
    lines += [f"  {one.describe(session.origin)}" for one in record if one.is_write]
    for site in session.world.sites:
        lines += [f"--- end of {site.log_file}", *_telling_lines(site)]
    return "\n".join(lines)


def _telling_lines(site: LabSite) -> list[str]:
    """The last lines of a site's log that are about more than a request that was answered."""
    lines = site.log_file.read_text(errors="replace").splitlines()
    return [line for line in lines if not any(word in line for word in UNTELLING)][-LOG_LINES:]


def main() -> int:
    """The exit code: 0 when every run passed or, with a planted defect, when one failed of it."""
    arguments = _arguments()
    if arguments.database == POSTGRESQL and server_url() is None:
        show(SKIPPED)
        return 2
    # Asked to end, it still ends its sites.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started, outcomes = time.monotonic(), []
    with Player(arguments.database, arguments.plant, tells_all=arguments.story) as player:
        for seed in range(arguments.seed, arguments.seed + arguments.runs):
            outcomes.append(player.play(seed))
            if arguments.plant and outcomes[-1].problems:
                break
    show(totals(outcomes, time.monotonic() - started))
    found = any(outcome.problems for outcome in outcomes)
    if not arguments.plant and try_too_little(outcomes):
        show("too few changes came during a sync: what must hold then was hardly tried")
        return 1
    if arguments.plant:
        show(f"planted {arguments.plant}: {f'found in run {len(outcomes)}' if found else 'NOT FOUND'}")
    return int(found != bool(arguments.plant))


def try_too_little(outcomes: list[Outcome]) -> bool:
    """Whether fewer changes landed during a sync than there are to be in so many runs."""
    landed = sum(outcome.session.landed for outcome in outcomes)
    return len(outcomes) >= MANY_RUNS and landed < len(outcomes) / 2


def totals(outcomes: list[Outcome], seconds: float) -> str:
    faults: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.session.disturbed)
        operations.update(outcome.session.done)
    landed = sum(outcome.session.landed for outcome in outcomes)
    failed = [outcome.seed for outcome in outcomes if outcome.problems]
    return (
        f"{len(outcomes)} runs in {seconds:.0f} s ({seconds / max(1, len(outcomes)):.1f} s a run); "
        f"operations: {dict(operations)}; faults: {dict(faults)}; changes during a sync: {landed}; "
        f"failed: {failed or 'none'}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="of the first run; printed when not given")
    parser.add_argument("--database", choices=KINDS, default=SQLITE)
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="a defect that has to be found")
    parser.add_argument("--story", action="store_true", help="tell of every run what happened in it")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.randrange(10**6)
        show(f"first seed: {arguments.seed}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
