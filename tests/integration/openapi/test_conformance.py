"""A short run of requests out of the description; ``make schemathesis`` makes long ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import run as runs
from tests.conformance.__main__ import report
from tests.conformance.site import serving

REQUESTS = 700


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # those of schemathesis about its own
def test_the_answers_to_made_up_requests_are_as_described(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the limits of each schema one by one, which take most of the time of a long run."""
    monkeypatch.setattr(runs, "SYSTEMATIC", ("examples", "fuzzing"))
    monkeypatch.setattr(runs, "EXAMPLES", 3)
    with serving(prepared_instance, tmp_path, SQLALCHEMY_DATABASE_URI=database_uri) as site:
        outcome = runs.run(site, seed=7, requests=REQUESTS)
    assert not outcome.failures, report(outcome, REQUESTS, "this database")
    assert sum(outcome.statuses.values()) >= REQUESTS
    assert not [status for status in outcome.statuses if status >= 500]
