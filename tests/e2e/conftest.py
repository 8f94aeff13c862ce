"""Sites for the tests: one pair that a test process keeps for all its tests, and sites for one test.

Whatever the tests did with them, no site may have told a secret when it has ended.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from dcapi.lab.members import member
from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite
from tests.e2e.canaries import expect_nothing_told
from tests.postgres import SKIPPED, server_url, temporary_database, together

# Two workers, so that what one process alone knows does not help; a sweep soon, so that tests need not wait.
PAIR_SETTINGS = {"WORKERS": "2", "THREADS": "8", "RECONCILE_SECONDS": "2"}

# Subclouds that no site can take over, each for one test.
FAILING = (member(1000), member(1001))

# Steps of a migration that take a moment and are tried again soon, and a sweep at once.
MIGRATION_SETTINGS = {
    "RECONCILE_SECONDS": "0.5",
    "REHOME_RETRY_SECONDS": "0.2",
    "PEER_PATIENCE_SECONDS": "0.5",
    "DEPLOY_PHASE_SECONDS": "0.5",
    "DEPLOY_FAILURES": ",".join(f"{each.bootstrap_address}:rehome" for each in FAILING),
}

DATABASES = ("sqlite", "postgresql")
MakePair = Callable[[Mapping[str, str]], Pair]
MakeSite = Callable[..., LabSite]


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two sites that all tests of this process use; a test makes groups of its own and leaves both up."""
    with Pair(tmp_path_factory.mktemp("pair"), settings=PAIR_SETTINGS) as made:
        yield made
    expect_nothing_told(made.a, made.b)


def _databases(what: str) -> list[ParameterSet]:
    """The databases of a pair that one process of the tests keeps, and plays all that is played on it."""
    return [pytest.param(database, marks=together(what, database)) for database in DATABASES]


@contextmanager
def _started_pair(folder: Path, database: str, settings: Mapping[str, str]) -> Iterator[Pair]:
    """A pair on this kind of database, which has told no secret when it has ended."""
    if database == "postgresql" and server_url() is None:
        pytest.skip(SKIPPED)
    made = Pair(folder, settings={**PAIR_SETTINGS, **settings})
    with ExitStack() as databases:
        if database == "postgresql":
            for site in (made.a, made.b):
                site.settings["SQLALCHEMY_DATABASE_URI"] = databases.enter_context(temporary_database())
        with made:
            yield made
    expect_nothing_told(made.a, made.b)


# They end with the last test that may use them: idle sites cost the others time, and a server connections.
@pytest.fixture(scope="package", params=_databases("scenarios"))
def any_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair on each kind of database, its sites with two workers each; the lab has one a site."""
    with _started_pair(tmp_path_factory.mktemp("any-pair"), request.param, {}) as made:
        yield made


@pytest.fixture(scope="package", params=_databases("takeovers"))
def migrating_pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A pair on each kind of database for takeovers, which last long enough to be met in their middle.

    A test leaves both sites up, and names the group and the members that it makes like no other one.
    """
    with _started_pair(tmp_path_factory.mktemp("migrating"), request.param, MIGRATION_SETTINGS) as made:
        yield made


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    """Makes a started pair with these settings, for one test."""
    with ExitStack() as pairs:

        def make(settings: Mapping[str, str]) -> Pair:
            made = Pair(tmp_path, settings={**PAIR_SETTINGS, **settings})
            pairs.callback(expect_nothing_told, made.a, made.b)
            return pairs.enter_context(made)

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
