"""What is played on which version and database: in CI a part, by ``make original`` all of it."""

from __future__ import annotations

import pytest

from dcapi.lab.original.version import Version

# Left out in CI.
WHOLE = pytest.mark.whole


def versions(*in_ci: str) -> pytest.MarkDecorator:
    """Plays a test on each version; in CI on these, and on the newest."""
    played = {"V3", *in_ci}
    return pytest.mark.parametrize(
        "version",
        [pytest.param(each, id=each.name, marks=() if each.name in played else WHOLE) for each in Version],
    )


# SQLite and PostgreSQL for the tests that are decided by locks.
both_databases = pytest.mark.parametrize("site", ["sqlite", "postgres"], indirect=True)
