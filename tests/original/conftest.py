"""D for all tests of a process, and for each test a stand-in that it knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dcapi.lab.original.version import Version
from dcapi.lab.site import LabSite
from tests.e2e.canaries import expect_nothing_told
from tests.original.pace import PATIENCE
from tests.original.world import MISTAKEN, World
from tests.postgres import SKIPPED, server_url, temporary_database, together

FOLDER = Path(__file__).parent
IS_ALONE = "DCAPI_TEST_ALONE" in os.environ

# Two workers, so that what one process alone knows does not help; steps of a migration that take a moment.
SETTINGS = {
    "WORKERS": "2",
    "THREADS": "8",
    "PEER_PATIENCE_SECONDS": f"{PATIENCE:g}",
    "RECONCILE_SECONDS": "0.5",
    "REHOME_RETRY_SECONDS": "0.2",
    "DEPLOY_PHASE_SECONDS": "0.2",
    "DEPLOY_FAILURES": ",".join(f"{each.bootstrap_address}:rehome" for each in MISTAKEN),
}

MakeWorld = Callable[[Version], World]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = "seconds count here: make original plays it alone"
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.skipif(not IS_ALONE, reason=reason))
            if "postgres" in item.nodeid:
                item.add_marker(together("original", "postgresql"))


@contextmanager
def started_site(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[LabSite]:
    """D with these settings beside the usual ones; it has told no secret when it has ended."""
    site = LabSite("site", folder, settings={**SETTINGS, **(settings or {})})
    try:
        site.start()
        yield site
    finally:
        site.close()
    expect_nothing_told(site)


@contextmanager
def started_world(site: LabSite, version: Version = Version.V3) -> Iterator[World]:
    """A stand-in beside D. What the two asked each other is shown if the test fails."""
    world = World(site, version)
    try:
        world.start()
        yield world
    finally:
        sys.stdout.write(world.story())
        world.close()


@pytest.fixture(scope="package")
def sqlite_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    """D on SQLite; every test leaves it running, and uses a group of its own."""
    with started_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="package")
def postgres_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSite]:
    """The same on PostgreSQL."""
    if server_url() is None:
        pytest.skip(SKIPPED)
    with temporary_database() as uri:
        settings = {"SQLALCHEMY_DATABASE_URI": uri}
        with started_site(tmp_path_factory.mktemp("postgres-site"), settings) as made:
            yield made


@pytest.fixture
def site(request: pytest.FixtureRequest) -> LabSite:
    """D on SQLite, or on the database that a test names."""
    made: LabSite = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_site")
    return made


@pytest.fixture
def make_world(site: LabSite) -> Iterator[MakeWorld]:
    """Makes a stand-in of a version beside D, for one test."""
    with ExitStack() as worlds:
        yield lambda version: worlds.enter_context(started_world(site, version))


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A stand-in of the newest version."""
    return make_world(Version.V3)
