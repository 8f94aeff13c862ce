"""``python -m tests.faults``: play runs with random faults, and say which seeds failed."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial

from tests.faults.app import PLANTS
from tests.faults.databases import KINDS, POSTGRESQL, SQLITE
from tests.faults.player import CASTS, LANDINGS, OURS, Player, Report
from tests.faults.pool import Lane, await_lanes, play_seeds
from tests.postgres import SKIPPED, server_url

# Of so many runs at least half have to come to what they are made for: else they try too little.
MANY_RUNS = 100


def show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 0 when every run passed or, with a planted defect, when one failed of it."""
    arguments = _arguments()
    if arguments.database == POSTGRESQL and server_url() is None:
        show(SKIPPED)
        return 2
    # Asked to end, it still ends its lanes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    reports = _play(arguments)
    show(totals(reports, time.monotonic() - started, LANDINGS[arguments.peer]))
    return _verdict(arguments.plant, reports, LANDINGS[arguments.peer])


def _play(arguments: argparse.Namespace) -> list[Report]:
    """Play the runs, so many side by side, and tell of each as it ends; a planted defect is found once."""
    make_player = partial(
        Player, arguments.database, arguments.plant, peer=arguments.peer, tells_all=arguments.story
    )
    seeds = range(arguments.seed, arguments.seed + arguments.runs)
    reports = []
    with ExitStack() as stack:
        lanes = [stack.enter_context(Lane(make_player)) for _ in range(arguments.jobs)]
        for report in play_seeds(seeds, lanes, await_lanes, until_found=bool(arguments.plant)):
            reports.append(report)
            show(report.text)
    return reports


def _verdict(plant: str, reports: list[Report], landing: str) -> int:
    """Say what the runs amount to; returns the exit code."""
    found = [bool(report.problems) for report in reports]
    if plant:
        show(f"planted {plant}: {f'found in run {found.index(True) + 1}' if any(found) else 'NOT FOUND'}")
        return int(not any(found))
    if try_too_little(reports):
        show(f"too few {landing}: what must hold then was hardly tried")
        return 1
    return int(any(found))


def try_too_little(reports: list[Report]) -> bool:
    """Whether that for which runs are made came about less often than it has to in so many runs."""
    landed = sum(report.landed for report in reports)
    return len(reports) >= MANY_RUNS and landed < len(reports) / 2


def totals(reports: list[Report], seconds: float, landing: str) -> str:
    faults: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for report in reports:
        faults.update(report.disturbed)
        operations.update(report.done)
    landed = sum(report.landed for report in reports)
    failed = [report.seed for report in reports if report.problems]
    return (
        f"{len(reports)} runs in {seconds:.0f} s ({seconds / max(1, len(reports)):.1f} s a run); "
        f"operations: {dict(operations)}; faults: {dict(faults)}; {landing}: {landed}; "
        f"failed: {failed or 'none'}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--jobs", type=_positive, default=1, help="how many runs are played side by side")
    parser.add_argument("--seed", type=int, default=None, help="of the first run; printed when not given")
    parser.add_argument("--database", choices=KINDS, default=SQLITE)
    parser.add_argument("--peer", choices=sorted(CASTS), default=OURS, help="what the other site runs")
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="a defect that has to be found")
    parser.add_argument("--story", action="store_true", help="tell of every run what happened in it")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.randrange(10**6)
        show(f"first seed: {arguments.seed}")
    return arguments


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
