"""``python -m tests.load [--seconds N] [--database KIND]``: mixed traffic on a real site, and its limits."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults.databases import KINDS, POSTGRESQL, SQLITE
from tests.load.busy_site import BusySite
from tests.load.databases import database
from tests.load.measure import measure
from tests.load.verdicts import Verdict
from tests.postgres import SKIPPED, server_url

MET, MISSED, NOT_POSSIBLE = 0, 1, 2
SECONDS = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Run the traffic and print what was measured; returns 1 when a limit was missed."""
    options = _parser().parse_args(arguments)
    if options.database == POSTGRESQL and server_url() is None:
        _say(SKIPPED)
        return NOT_POSSIBLE
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="dcapi-load-") as folder:
        _say(f"a site on {options.database} is filled, and started; two peers answer, one hangs")
        with (
            database(options.database, Path(folder)) as taken,
            BusySite(Path(folder), taken) as site,
        ):
            verdicts = measure(site, options.seconds, _say)
    _say("")
    for verdict in verdicts:
        _say(str(verdict))
    return MET if all(verdict.met for verdict in verdicts) else MISSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the traffic lasts")
    parser.add_argument("--database", choices=KINDS, default=SQLITE)
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
