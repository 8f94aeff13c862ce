"""Fixtures of the whole suite: a site in this process, prepared once and copied for each test."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from dcapi import create_app, prepare
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.runtime import Runtime
from dcapi.settings import settings_from
from tests.postgres import SKIPPED, RestoredDatabase, restored_database, server_url, temporary_database
from tests.site_client import SiteClient

TESTS = Path(__file__).parent
ADMIN_PASSWORD = "Adm1n*of-the-tests"


def site_settings(instance: Path, **more: Any) -> dict[str, Any]:
    """Settings of a site for tests: jobs run when the test says so, deployments take no time."""
    return {
        "INSTANCE_PATH": str(instance),
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "JOBS_ENGINE": "inline",
        "DEPLOY_PHASE_SECONDS": 0.0,
        "LOG_LEVEL": "WARNING",
        **more,
    }


# Bytes above which a value is no name for a test.
LONGEST_BYTES_ID = 40


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A process more than there are cores for ``-n auto``: tests of real servers mostly wait for them."""
    return (os.cpu_count() or 1) + 1


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: an archive holds the time at which it was made, so its own name would
    differ between the processes that run the tests."""
    return argname if isinstance(val, bytes) and len(val) > LONGEST_BYTES_ID else None


def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody has to look through it for garbage after each site."""
    gc.collect()
    gc.freeze()


# Folders whose tests start real servers, or playbooks.
SLOW_FOLDERS = frozenset(
    {
        "e2e",
        "integration/client",
        "integration/concurrency",
        "integration/deploy",
        "integration/docs",
        "keystone",
    }
)
# Servers that several tests of a folder use: these tests stay in one process, which starts them once.
SHARED_SERVERS = frozenset({"pair", "hasty_pair", "one_site"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.parent.relative_to(TESTS).as_posix()
        if folder in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
        for server in SHARED_SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(f"{folder}-{server}"))


@pytest.fixture(scope="session", autouse=True)
def _unsynchronised_commits() -> Iterator[None]:
    """SQLite in the test process leaves the disk to the system, which no test takes the power from."""

    def hurry(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", hurry)
    yield
    event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session")
def prepared_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with keys, tables and first user: making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("prepared") / "instance"
    prepare(settings_from(site_settings(path)))
    return path


@pytest.fixture(scope="session")
def postgres_template(prepared_instance: Path) -> Iterator[str | None]:
    """A prepared database on PostgreSQL, to be copied; None when there is no server."""
    if server_url() is None:
        yield None
        return
    with temporary_database() as uri:
        prepare(settings_from(site_settings(prepared_instance, SQLALCHEMY_DATABASE_URI=uri)))
        yield uri


@pytest.fixture(scope="session")
def postgres_copy(postgres_template: str | None) -> Iterator[RestoredDatabase | None]:
    """The copy that the tests of this process use in turn."""
    if postgres_template is None:
        yield None
        return
    with restored_database(postgres_template) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest, postgres_copy: RestoredDatabase | None) -> str:
    """The setting for a database of the test's own: empty for a SQLite file in the instance folder."""
    if request.param == "sqlite":
        return ""
    if postgres_copy is None:
        pytest.skip(SKIPPED)
    postgres_copy.restore()
    return postgres_copy.uri


@contextmanager
def make_site(prepared: Path, folder: Path, **more: Any) -> Iterator[Flask]:
    """A site in ``folder``, on SQLite unless ``more`` settings say otherwise."""
    instance = folder / "instance"
    shutil.copytree(prepared, instance)
    # The users are there already; with the password given again, each start would try it, which is slow.
    site = create_app(site_settings(instance, **{"ADMIN_PASSWORD": "", **more}))
    site.testing = True
    yield site
    with site.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Push none, unlike pytest-flask: under it all requests of a test would share one session."""


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path, database_uri: str) -> Iterator[Flask]:
    """A site on each database; pytest-flask builds its ``client`` from it."""
    with make_site(prepared_instance, tmp_path, SQLALCHEMY_DATABASE_URI=database_uri) as site:
        yield site


@pytest.fixture
def runtime(app: Flask) -> Runtime:
    built: Runtime = app.extensions[EXTENSION]
    return built


@pytest.fixture
def operator(app: Flask) -> SiteClient:
    """The administrator of the site, logged in."""
    return SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)


@pytest.fixture
def other_site(app: Flask) -> SiteClient:
    """The same user, calling as another site does."""
    return SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
