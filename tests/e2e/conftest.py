"""Sites for the tests: one pair that a test process keeps for all its tests, and sites for one test.

Whatever the tests did with them, no site may have told a secret when it has ended.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite
from tests.e2e.canaries import expect_nothing_told
from tests.postgres import SKIPPED, server_url, temporary_database

# Two workers, so that what one process alone knows does not help; a sweep soon, so that tests need not wait.
PAIR_SETTINGS = {"WORKERS": "2", "THREADS": "8", "RECONCILE_SECONDS": "2"}

# Steps of a migration that are tried again soon, and a sweep at once.
MIGRATION_SETTINGS = {**PAIR_SETTINGS, "RECONCILE_SECONDS": "0.5", "REHOME_RETRY_SECONDS": "0.2"}

MakePair = Callable[[Mapping[str, str]], Pair]
MakeSite = Callable[..., LabSite]


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites that all tests of this process use; a test makes groups of its own and leaves both up."""
    with Pair(tmp_path_factory.mktemp("pair"), settings=PAIR_SETTINGS) as made:
        yield made
    expect_nothing_told(made.a, made.b)


def _variant(database: str, workers: str) -> ParameterSet:
    """A pair of its own, kept by one process of the tests, which plays all scenarios on it."""
    name = f"{database}-{workers}"
    return pytest.param((database, workers), id=name, marks=pytest.mark.xdist_group(name))


# Ended with the last test that may use it: idle sites cost the other tests time, and a server connections.
@pytest.fixture(
    scope="package",
    params=[_variant(database, workers) for database in ("sqlite", "postgresql") for workers in "14"],
)
def any_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair on each kind of database, its sites with one worker and with four."""
    database, workers = request.param
    if database == "postgresql" and server_url() is None:
        pytest.skip(SKIPPED)
    settings = {**PAIR_SETTINGS, "WORKERS": workers}
    made = Pair(tmp_path_factory.mktemp("any-pair"), settings=settings)
    with ExitStack() as databases:
        if database == "postgresql":
            for site in (made.a, made.b):
                site.settings["SQLALCHEMY_DATABASE_URI"] = databases.enter_context(temporary_database())
        with made:
            yield made
    expect_nothing_told(made.a, made.b)


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    """Makes a started pair with these settings, for one test."""
    with ExitStack() as pairs:

        def make(settings: Mapping[str, str]) -> Pair:
            made = Pair(tmp_path, settings={**PAIR_SETTINGS, **settings})
            pairs.callback(expect_nothing_told, made.a, made.b)
            return pairs.enter_context(made)

        yield make


@pytest.fixture(params=["sqlite", "postgresql"])
def make_any_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakePair]:
    """Makes a started pair on each kind of database, for one test."""
    if request.param == "postgresql" and server_url() is None:
        pytest.skip(SKIPPED)
    with ExitStack() as stack:

        def make(settings: Mapping[str, str]) -> Pair:
            made = Pair(tmp_path, settings={**MIGRATION_SETTINGS, **settings})
            if request.param == "postgresql":
                for site in (made.a, made.b):
                    site.settings["SQLALCHEMY_DATABASE_URI"] = stack.enter_context(temporary_database())
            stack.callback(expect_nothing_told, made.a, made.b)
            return stack.enter_context(made)

        yield make


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """Makes a site that is not started, for one test; takes what LabSite takes."""
    numbers = itertools.count()
    with ExitStack() as sites:

        def make(settings: Mapping[str, str] | None = None) -> LabSite:
            number = next(numbers)
            site = LabSite(f"site-{number}", tmp_path / str(number), settings=settings)
            sites.callback(expect_nothing_told, site)
            sites.callback(site.close)
            return site

        yield make
