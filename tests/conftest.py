"""Fixtures of the whole suite: a site in this process, prepared once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from dcapi import create_app, prepare
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.parts import Parts
from dcapi.settings import settings_from
from tests.postgres import SKIPPED, server_url, temporary_database
from tests.site_client import SiteClient

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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest, postgres_template: str | None) -> Iterator[str]:
    """The setting for a database of the test's own: empty for a SQLite file in the instance folder."""
    if request.param == "sqlite":
        yield ""
    elif postgres_template is None:
        pytest.skip(SKIPPED)
    else:
        with temporary_database(postgres_template) as uri:
            yield uri


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
def parts(app: Flask) -> Parts:
    built: Parts = app.extensions[EXTENSION]
    return built


@pytest.fixture
def operator(app: Flask) -> SiteClient:
    """The administrator of the site, logged in."""
    return SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)


@pytest.fixture
def other_site(app: Flask) -> SiteClient:
    """The same user, calling as another site does."""
    return SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
