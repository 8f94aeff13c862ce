"""No port is asked inside a transaction: whoever is asked may take its time, and others wait for the rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event

from dcapi.api.database import db
from dcapi.deploy.port import Deployer
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.runtime import Runtime
from dcapi.services import subclouds
from tests.fakes.peer import FakePeer
from tests.integration.migration.conftest import surviving_site
from tests.integration.subclouds.fleet import Fleet, done
from tests.integration.sync.conftest import leading_site
from tests.integration.sync.takeovers import (
    AT_HOME,
    LETTING_GO,
    audit,
    begin_migration,
    follow_there,
    in_sync,
    states,
)
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, form


class Watch:
    """Knows how many transactions the thread has open, and notes what a port is asked meanwhile."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.asked_inside: set[str] = set()
        self._open = threading.local()

    def look_at(self, app: Flask) -> None:
        with app.app_context():
            engine: Engine = db.engine
        event.listen(engine, "begin", lambda connection: self._count(connection, 1))
        for end in ("commit", "rollback"):
            event.listen(engine, end, lambda connection: self._count(connection, -1))

    def _count(self, _connection: Connection, change: int) -> None:
        self._open.count = getattr(self._open, "count", 0) + change

    def note(self, name: str) -> None:
        self.asked.add(name)
        if getattr(self._open, "count", 0):
            self.asked_inside.add(name)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watches over all that a deployer or a peer is asked."""
    watch = Watch()

    def noting(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **more: Any) -> Any:
            watch.note(name)
            return ask(*arguments, **more)

        return noted

    for name in (name for name, value in vars(Deployer).items() if name[0] != "_" and callable(value)):
        monkeypatch.setattr(SimulatedDeployer, name, noting(name, getattr(SimulatedDeployer, name)))
    monkeypatch.setattr(FakePeer, "_call", noting("a peer", FakePeer._call))
    yield watch
    assert watch.asked_inside == set()


def test_the_life_of_a_subcloud_asks_its_deployer_outside(
    watch: Watch, app: Flask, runtime: Runtime, operator: SiteClient, other_site: SiteClient
) -> None:
    watch.look_at(app)
    fleet = Fleet(operator, other_site, runtime)
    fleet.managed()
    done(operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD}))
    fleet.run_jobs()
    for availability in ("offline", "online", "offline"):
        with runtime.unit_of_work() as session:
            subclouds.simulate(session, "quay-1", availability)
    done(operator.patch("/subclouds/1", **form(management__state="unmanaged")))
    done(operator.delete("/subclouds/1"))
    fleet.run_jobs()
    assert watch.asked >= {"begin", "poll", "delete"}


def test_an_audit_that_takes_members_back_asks_everybody_outside(
    watch: Watch, prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = {"SQLALCHEMY_DATABASE_URI": database_uri}
    with leading_site(prepared_instance, tmp_path, monkeypatch, **database) as site:
        watch.look_at(site.app)
        in_sync(site)
        begin_migration(site)
        audit(site)
        assert set(states(site).values()) == {LETTING_GO}
        follow_there(site)
        audit(site)
        assert set(states(site).values()) == {AT_HOME}
    assert "a peer" in watch.asked


def test_a_takeover_asks_everybody_outside(
    watch: Watch, prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = {"SQLALCHEMY_DATABASE_URI": database_uri}
    with surviving_site(prepared_instance, tmp_path, monkeypatch, **database) as site:
        watch.look_at(site.app)
        site.add_member()
        site.begin()
        site.run_jobs()
        site.expect_complete()
        assert site.standing() == ("complete", "managed")
    assert watch.asked >= {"a peer", "begin"}
