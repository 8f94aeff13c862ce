"""``python -m dcapi.lab [--keep]``: two sites on this machine go through the scenarios."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from dcapi.lab.directions import directions
from dcapi.lab.pair import Pair
from dcapi.lab.report import Report, report_for
from dcapi.lab.scenarios import SCENARIOS, Scenario
from dcapi.lab.site import SiteFailedError

# Where the two sites listen, unless these are taken.
PORT_A = 8119
PORT_B = 8219

# Exit codes: all passed, one failed, no site to try them on, ended from outside.
PASSED, FAILED, NOT_STARTED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Play the scenarios and return the exit code: 0 when all passed."""
    options = _parser().parse_args(arguments)
    report = report_for(sys.stdout)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="dcapi-lab-") as folder:
            return _run(Path(folder), report, keep=options.keep)
    except SiteFailedError as error:
        report.line(str(error))
        return NOT_STARTED
    except KeyboardInterrupt:
        report.line("\nInterrupted; both sites are ended.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dcapi.lab", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave both sites running until Ctrl-C")
    return parser


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(folder: Path, report: Report, *, keep: bool) -> int:
    pair = Pair(folder, ports=(PORT_A, PORT_B), report=report)
    report.line(f"Site A at {pair.a.url}, site B at {pair.b.url}; A reaches B through {pair.proxy.url}.")
    with pair:
        for scenario in SCENARIOS:
            _play(scenario, pair)
        report.summary()
        if keep:
            report.line(directions(pair))
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
            report.line("\nEnding both sites.")
    return FAILED if report.failed else PASSED


def _play(scenario: Scenario, pair: Pair) -> None:
    with pair.report.scenario(str(scenario)):
        try:
            scenario.play(pair)
        except Exception:
            for site in (pair.a, pair.b):
                pair.report.line(site.log_tail())
            raise


if __name__ == "__main__":
    sys.exit(main())
