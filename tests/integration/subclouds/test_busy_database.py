"""What another site asks of a subcloud waits for a database that is busy: what passes is no answer to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.auth.guard import embedded_identity
from dcapi.services import subclouds
from dcapi.tasks.hold import LeaseLost
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.integration.subclouds.fleet import Fleet, done
from tests.site_client import SiteClient
from tests.subcloud_forms import form

PATIENCE = 1.0
ASKED = form(management__state="unmanaged", migrate="true")
AWAY = OperationalError(None, None, Exception("connection refused"))
LOST = OperationalError("SELECT 1", None, Exception("the connection is lost"), connection_invalidated=True)
PASSING = [PoolTimeout("no connection is free"), LeaseLost(), LOST]


@contextmanager
def fleet_on(app: Flask) -> Iterator[Fleet]:
    """A member of a group that another site is known to migrate."""
    operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
    other_site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
    fleet = Fleet(operator, other_site, app.extensions[EXTENSION])
    group = fleet.group()
    fleet.member("harbour")
    fleet.set_group(group["id"], migration_status="migrating")
    yield fleet


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path, database_uri: str) -> Iterator[Flask]:
    settings = {
        "SQLALCHEMY_DATABASE_URI": database_uri,
        "SQLITE_BUSY_TIMEOUT": 0.05,
        "PEER_PATIENCE_SECONDS": PATIENCE,
    }
    with make_site(prepared_instance, tmp_path, **settings) as site:
        yield site


@pytest.fixture
def fleet(app: Flask) -> Iterator[Fleet]:
    with fleet_on(app) as made:
        yield made


@contextmanager
def locked(app: Flask, seconds: float) -> Iterator[None]:
    """Somebody writes to the database, or to the subcloud's row, for so long."""
    done_writing = threading.Event()
    begun = threading.Event()

    def write() -> None:
        with app.app_context(), db.engine.connect() as connection:
            connection.exec_driver_sql("UPDATE subcloud SET location = 'here'")
            begun.set()
            done_writing.wait(seconds)

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(20)
    yield
    done_writing.set()
    writer.join()


def test_a_member_is_let_go_however_long_the_database_is_locked(app: Flask, fleet: Fleet) -> None:
    region = fleet.show(1)["region-name"]
    with locked(app, 1.5):
        begun = time.monotonic()
        answer = fleet.other_site.patch(f"/subclouds/{region}", **ASKED)
        assert time.monotonic() - begun > 1
    assert done(answer).json["deploy-status"] == "rehome-pending"


def test_a_database_that_stays_locked_is_said_to_be_busy_in_the_end(app: Flask, fleet: Fleet) -> None:
    if db_kind(app) != "sqlite":
        pytest.skip("PostgreSQL lets whoever waits for a row wait")
    region = fleet.show(1)["region-name"]
    with locked(app, 60):
        begun = time.monotonic()
        assert fleet.other_site.patch(f"/subclouds/{region}", **ASKED).status_code == 503
        assert 3 * PATIENCE <= time.monotonic() - begun < 3 * PATIENCE + 5
        assert fleet.operator.patch("/subclouds/1", **form(location="x")).status_code == 503
    assert fleet.show(1)["management-state"] == "managed"


def db_kind(app: Flask) -> str:
    with app.app_context():
        return db.engine.dialect.name


def fail_twice(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> list[int]:
    """Let a use case fail at its first two calls; returns what grows by one with each call."""
    serve: Callable[..., Any] = getattr(subclouds, name)
    calls: list[int] = []

    def fail(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise error
        return serve(*args, **more)

    monkeypatch.setattr(subclouds, name, fail)
    return calls


CALLS = {"show": "", "show_detail": "/detail", "update": None}


def call(client: SiteClient, reference: str, path: str | None) -> int:
    if path is None:
        return client.patch(f"/subclouds/{reference}", **ASKED).status_code
    return client.get(f"/subclouds/{reference}{path}").status_code


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", CALLS)
def test_whatever_passes_is_no_answer_to_another_site(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    region = fleet.show(1)["region-name"]
    calls = fail_twice(monkeypatch, name, error)
    assert call(fleet.other_site, region, CALLS[name]) == 200
    assert len(calls) == 3


@pytest.mark.parametrize("name", CALLS)
def test_an_operator_and_whoever_may_not_take_over_are_answered_at_once(
    app: Flask, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    region = fleet.show(1)["region-name"]
    with app.app_context():
        embedded_identity().users.add("watch", "Crow*nest 12 yards", ["operator"], ["admin"])
    watch = SiteClient.logged_in(app, "watch", "Crow*nest 12 yards", user_agent="dcmanager/1.0")
    calls = fail_twice(monkeypatch, name, PoolTimeout("no connection is free"))
    assert call(fleet.operator, "1", CALLS[name]) == 503
    assert call(watch, region, CALLS[name]) in {403, 503}
    assert len(calls) <= 2


def test_a_database_that_is_away_keeps_not_even_another_site_waiting(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = fleet.show(1)["region-name"]
    calls = fail_twice(monkeypatch, "show", AWAY)
    assert call(fleet.other_site, region, "") == 503
    assert len(calls) == 1


def test_what_does_not_pass_is_answered_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    region = fleet.show(1)["region-name"]
    calls = fail_twice(monkeypatch, "update", ValueError("a fault of ours"))
    assert call(fleet.other_site, region, None) == 500
    assert len(calls) == 1


def test_no_share_of_threads_keeps_another_site_waiting(fleet: Fleet) -> None:
    region = fleet.show(1)["region-name"]
    runtime = fleet.runtime
    for quota in (runtime.peer_callers, runtime.waiters):
        while quota._free.acquire(blocking=False):
            pass
    for path in CALLS.values():
        assert call(fleet.other_site, region, path) == 200
