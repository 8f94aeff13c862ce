"""``make schemathesis REQUESTS=5000 SEED=1``: that run; without a seed two, with 1 and with a random one."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from dcapi import prepare
from dcapi.log import configure_logging
from dcapi.settings import settings_from
from tests.conformance.run import Outcome, run
from tests.conformance.site import serving
from tests.conftest import site_settings
from tests.postgres import server_url, temporary_database


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--requests", type=int, default=5000, help="at least so many for each seed")
    parser.add_argument(
        "--seed", type=int, action="append", help="one run for each; default: 1 and a random one"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    seeds = asked.seed or [1, random.SystemRandom().getrandbits(32)]
    failed = [seed for seed in seeds if not _passes(seed, asked.requests, asked.database)]
    return 1 if failed else 0


def _passes(seed: int, requests: int, database: str) -> bool:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = stack.enter_context(temporary_database()) if _on_postgresql(database) else ""
        prepared = settings_from(site_settings(folder / "prepared", SQLALCHEMY_DATABASE_URI=uri))
        prepare(prepared)
        configure_logging(prepared)
        site = stack.enter_context(serving(folder / "prepared", folder, SQLALCHEMY_DATABASE_URI=uri))
        outcome = run(site, seed, requests)
    print(report(outcome, requests, database), flush=True)  # noqa: T201
    return not outcome.failures


def _on_postgresql(database: str) -> bool:
    if database == "postgresql" and server_url() is None:
        sys.exit("DCAPI_TEST_POSTGRES_URL names no server")
    return database == "postgresql"


def report(outcome: Outcome, requests: int, database: str) -> str:
    """What a run did, and what failed."""
    made = sum(outcome.statuses.values())
    lines = [
        f"seed {outcome.seed} on {database}: {made} requests (at least {requests} wanted), "
        f"{len(outcome.failures)} kinds of failures",
        "  parts: " + ", ".join(f"{part} {count}" for part, count in sorted(outcome.parts.items())),
        "  answers: " + ", ".join(f"{status}: {count}" for status, count in sorted(outcome.statuses.items())),
    ]
    for what, how in sorted(outcome.failures.items()):
        lines += [f"* {what}", *(f"    {line}" for line in how.splitlines())]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
