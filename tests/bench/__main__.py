"""``python -m tests.bench [NAME …]``: measures, and exits with 1 when a limit was missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    group_migration,
    keep_alive,
    member_updates,
    side_by_side_writers,
    subcloud_creation,
    subcloud_list,
)
from tests.bench.figures import Note, Verdict

MET, MISSED = 0, 1

Measure = Callable[[Path, int, Note], list[Verdict]]

# Name → what takes the times, and how often.
BENCHES: dict[str, tuple[Measure, int]] = {
    "list": (subcloud_list.measure, 100),
    "creation": (subcloud_creation.measure, 100),
    "updates": (member_updates.measure, 200),
    "writers": (side_by_side_writers.measure, 100),
    "migration": (group_migration.measure, 1),
    "keep-alive": (keep_alive.measure, 20),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the named benches, all when none is named; returns the exit code."""
    options = _options(arguments)
    verdicts: list[Verdict] = []
    for name in options.names or BENCHES:
        measure, rounds = BENCHES[name]
        with tempfile.TemporaryDirectory(prefix="dcapi-bench-") as folder:
            verdicts += measure(Path(folder), options.rounds or rounds, _say)
    _say("")
    for verdict in verdicts:
        _say(str(verdict))
    return MET if all(verdict.met for verdict in verdicts) else MISSED


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    parser.add_argument("--rounds", type=int, help="how often each thing is measured")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHES:
            parser.error(f"there is no bench {name}")
    return options


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
