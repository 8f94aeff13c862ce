"""Sites for the tests: one pair that a test process keeps for all its tests, and sites for one test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite
from tests.postgres import SKIPPED, server_url, temporary_database

# Two workers, so that what one process alone knows does not help; a sweep soon, so that tests need not wait.
PAIR_SETTINGS = {"WORKERS": "2", "THREADS": "8", "RECONCILE_SECONDS": "2"}

MakePair = Callable[[Mapping[str, str]], Pair]
MakeSite = Callable[..., LabSite]


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites that all tests of this process use; a test makes groups of its own and leaves both up."""
    with Pair(tmp_path_factory.mktemp("pair"), settings=PAIR_SETTINGS) as made:
        yield made


@pytest.fixture(scope="session")
def postgres_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The same, each site with a database of its own on PostgreSQL."""
    if server_url() is None:
        pytest.skip(SKIPPED)
    made = Pair(tmp_path_factory.mktemp("postgres-pair"), settings=PAIR_SETTINGS)
    with temporary_database() as of_a, temporary_database() as of_b:
        made.a.settings["SQLALCHEMY_DATABASE_URI"] = of_a
        made.b.settings["SQLALCHEMY_DATABASE_URI"] = of_b
        with made:
            yield made


@pytest.fixture(params=["pair", "postgres_pair"], ids=["sqlite", "postgresql"])
def either_pair(request: pytest.FixtureRequest) -> Pair:
    """A pair on each kind of database."""
    found: Pair = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    """Makes a started pair with these settings, for one test."""
    with ExitStack() as pairs:
        yield lambda settings: pairs.enter_context(Pair(tmp_path, settings={**PAIR_SETTINGS, **settings}))


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """Makes a site that is not started, for one test; takes what LabSite takes."""
    numbers = itertools.count()
    with ExitStack() as sites:

        def make(settings: Mapping[str, str] | None = None) -> LabSite:
            number = next(numbers)
            site = LabSite(f"site-{number}", tmp_path / str(number), settings=settings)
            sites.callback(site.close)
            return site

        yield make
