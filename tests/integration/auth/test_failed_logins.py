"""Guessing passwords gets slow, for all workers together, and shows nothing to who guesses."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from flask import Flask
from sqlalchemy import create_engine, event, func, select, update
from sqlalchemy.exc import OperationalError

from dcapi import create_app
from dcapi.api.database import db
from dcapi.auth import failed_logins, passwords
from dcapi.auth.failed_logins import (
    FREE,
    LONGEST_WAIT,
    FailedLogins,
    wait_after,
)
from dcapi.errors import TooManyRequests, Unauthorized
from dcapi.jobs.quota import Quota
from dcapi.models import FailedLogin
from dcapi.runtime import Runtime
from tests.conftest import ADMIN_PASSWORD, make_site, site_settings
from tests.integration.auth.guesses import AWAY, HOME, MANY, NOON, codes, log_in
from tests.integration.auth.small_site import login_body, project


def row_count(app: Flask) -> int:
    with app.app_context():
        return db.session().scalar(select(func.count()).select_from(FailedLogin)) or 0


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_after_ten_wrong_passwords_the_next_try_has_to_wait(app: Flask, checks: Mock, name: str) -> None:
    assert codes(app, FREE, "wrong", name) == [401] * FREE
    assert checks.call_count == FREE
    refused = log_in(app, ADMIN_PASSWORD, name)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.json is not None
    assert refused.json["error"]["code"] == 429
    assert checks.call_count == FREE


def test_a_right_password_is_refused_like_a_wrong_one_while_the_user_waits(app: Flask, checks: Mock) -> None:
    with time_machine.travel(NOON, tick=False):
        codes(app, FREE)
        answers = [log_in(app, password) for password in ("wrong", ADMIN_PASSWORD)]
    assert answers[0].data == answers[1].data
    seen = [{**answer.headers, "X-Openstack-Request-Id": ""} for answer in answers]
    assert seen[0] == seen[1]


def test_a_success_after_the_wait_ends_the_count(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    codes(app, FREE)
    clock.shift(wait_after(FREE))
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    assert codes(app, FREE) == [401] * FREE
    assert log_in(app).status_code == 429


def test_each_failure_after_that_doubles_the_wait_up_to_a_minute(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    codes(app, FREE)
    waits = []
    for _ in range(9):
        waits.append(int(log_in(app).headers["Retry-After"]))
        clock.shift(waits[-1])
        assert log_in(app).status_code == 401
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_tries_during_the_wait_make_it_no_longer(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    codes(app, FREE + 50)
    clock.shift(wait_after(FREE))
    assert log_in(app, ADMIN_PASSWORD).status_code == 201


def test_a_count_is_forgotten_an_hour_after_the_last_failure(
    app: Flask, checks: Mock, clock: time_machine.Traveller
) -> None:
    codes(app, FREE - 1)
    clock.shift(failed_logins.FORGOTTEN_AFTER + 1)
    assert codes(app, 2) == [401, 401]
    assert log_in(app, ADMIN_PASSWORD).status_code == 201


@pytest.mark.usefixtures("clock")
def test_a_password_of_another_project_counts_as_a_wrong_one(app: Flask, checks: Mock) -> None:
    for _ in range(FREE):
        assert log_in(app, ADMIN_PASSWORD, scope=project("demo")).status_code == 401
    assert log_in(app, ADMIN_PASSWORD).status_code == 429


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_naming_the_user_in_another_way_gets_no_more_tries(app: Flask, checks: Mock, name: str) -> None:
    domains: list[dict[str, str] | None] = [None, {"id": "default"}, {"name": "Default"}, {"name": "default"}]
    for turn in range(FREE + 1):
        body = login_body(name, "wrong")
        user = body["auth"]["identity"]["password"]["user"]
        domain = domains[turn % len(domains)]
        user.pop("domain")
        if domain:
            user["domain"] = domain
        answer = app.test_client().post("/v3/auth/tokens", json=body)
    assert answer.status_code == 429


@pytest.mark.usefixtures("clock")
def test_naming_the_user_by_its_id_gets_no_more_tries(app: Flask, checks: Mock) -> None:
    answer = log_in(app, ADMIN_PASSWORD)
    assert answer.json is not None
    user = {"id": answer.json["token"]["user"]["id"], "password": "wrong"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    for _ in range(FREE):
        assert app.test_client().post("/v3/auth/tokens", json=body).status_code == 401
    assert log_in(app, address="127.0.0.1").status_code == 429


@pytest.mark.usefixtures("clock")
def test_one_user_that_waits_keeps_no_other_one_waiting(app: Flask, checks: Mock) -> None:
    codes(app, FREE + 1)
    assert log_in(app, "wrong", "nobody").status_code == 401


@pytest.mark.usefixtures("clock")
def test_the_count_is_that_of_all_workers(app: Flask, database_uri: str, checks: Mock) -> None:
    settings = site_settings(Path(app.instance_path), ADMIN_PASSWORD="", SQLALCHEMY_DATABASE_URI=database_uri)
    other = create_app(settings)
    for turn in range(FREE):
        assert log_in(other if turn % 2 else app).status_code == 401
    assert [log_in(site).status_code for site in (app, other)] == [429, 429]
    with other.app_context():
        db.engine.dispose()


def test_of_several_tries_at_once_after_the_wait_one_is_let_through(
    runtime: Runtime, clock: time_machine.Traveller
) -> None:
    counter = FailedLogins(runtime.unit_of_work, "secret", Quota(FREE))

    def fail(_: int) -> str:
        with pytest.raises((Unauthorized, TooManyRequests)) as failure, counter.counted("joan", AWAY):
            raise Unauthorized("wrong")
        return failure.typename

    for turn in range(FREE):
        fail(turn)
    clock.shift(1)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(fail, range(8)))
    assert sorted(outcomes) == ["TooManyRequests"] * 7 + ["Unauthorized"]


@pytest.mark.usefixtures("clock")
def test_no_failure_of_several_at_once_is_lost(runtime: Runtime) -> None:
    counter = FailedLogins(runtime.unit_of_work, "secret", Quota(FREE))

    def fail(_: int) -> None:
        with pytest.raises(Unauthorized), counter.counted("joan", AWAY):
            raise Unauthorized("wrong")

    with ThreadPoolExecutor(FREE) as pool:
        list(pool.map(fail, range(FREE)))
    with pytest.raises(TooManyRequests), counter.counted("joan", AWAY):
        pass


def test_the_rows_are_bounded_and_the_slowed_ones_stay(
    app: Flask, checks: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_logins, "MOST", 20)
    with time_machine.travel(NOON, tick=False):
        codes(app, FREE)
        for turn in range(20):
            assert log_in(app, "wrong", f"nobody-{turn}", MANY[turn]).status_code == 401
        assert row_count(app) == 20
        assert log_in(app).status_code == 429


def test_what_is_forgotten_leaves_no_row(app: Flask, checks: Mock, clock: time_machine.Traveller) -> None:
    for turn in range(5):
        log_in(app, "wrong", f"nobody-{turn}")
    log_in(app, ADMIN_PASSWORD, address=HOME)
    clock.shift(failed_logins.FORGOTTEN_AFTER + 1)
    log_in(app, "wrong", "somebody")
    assert row_count(app) == 4
    clock.shift(failed_logins.KNOWN_FOR)
    log_in(app, "wrong", "somebody")
    assert row_count(app) == 3


def test_a_clock_that_was_wrong_locks_nobody_out(app: Flask, checks: Mock) -> None:
    with time_machine.travel(NOON + 10_000_000, tick=False):
        codes(app, FREE)
    with time_machine.travel(NOON, tick=False):
        assert log_in(app, ADMIN_PASSWORD).status_code == 201


def test_the_table_shows_no_names(app: Flask, checks: Mock) -> None:
    log_in(app, "wrong", "my-password-by-mistake")
    with app.app_context():
        found = db.session().scalars(select(FailedLogin)).all()
        assert len(found) == 3
        for row in found:
            assert "my-password-by-mistake" not in repr(vars(row))
            assert AWAY not in repr(vars(row))
            assert len(row.key) == 64


@pytest.mark.parametrize("name", ["x" * 50_000, "\x00", "é\u2028", "%s", "' or 1=1 --"])
def test_any_name_can_be_counted(app: Flask, checks: Mock, name: str) -> None:
    with time_machine.travel(NOON, tick=False):
        assert codes(app, FREE + 1, "wrong", name) == [401] * FREE + [429]


def test_a_database_that_cannot_be_written_fails_no_login(
    app: Flask, checks: Mock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failure = Mock(side_effect=OperationalError("INSERT", {}, Exception("readonly database")))
    for name in ("add_failure", "addresses_of", "remember", "claim"):
        monkeypatch.setattr(failed_logins.rows, name, failure)
    with caplog.at_level(logging.WARNING):
        assert codes(app, FREE + 1) == [401] * (FREE + 1)
        assert log_in(app, ADMIN_PASSWORD).status_code == 201
    assert "failed logins are not counted now: OperationalError" in caplog.text


def test_a_database_that_is_away_fails_no_login(
    app: Flask, checks: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        failed_logins.rows, "find", Mock(side_effect=OperationalError("", {}, Exception("away")))
    )
    written = Mock()
    for name in ("add_failure", "remember"):
        monkeypatch.setattr(failed_logins.rows, name, written)
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    assert log_in(app).status_code == 401
    assert checks.call_count == 2
    # It may take seconds until it is known to be away: nobody waits for that twice.
    assert not written.called


def test_a_busy_sqlite_file_fails_no_login(prepared_instance: Path, tmp_path: Path, checks: Mock) -> None:
    with make_site(prepared_instance, tmp_path, SQLITE_BUSY_TIMEOUT=0.05) as site:
        engine = create_engine(f"sqlite:///{site.instance_path}/dcapi.sqlite3")
        with engine.connect() as writer:
            writer.exec_driver_sql("BEGIN IMMEDIATE")
            assert log_in(site).status_code == 401
            assert log_in(site, ADMIN_PASSWORD).status_code == 201
        engine.dispose()


@pytest.mark.parametrize(
    ("name", "password"),
    [("admin", "wrong"), ("nobody", "wrong"), ("nobody", ADMIN_PASSWORD), ("admin", ""), ("", "wrong")],
)
def test_the_work_of_a_failed_login_is_the_same_whoever_is_named(
    app: Flask, checks: Mock, name: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash of the same cost, and the same statements: what else takes time would tell who there is."""
    statements: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(*given: Any) -> None:
        statements.append(given[2].split()[0])

    event.listen(engine, "before_cursor_execute", note)
    assert log_in(app, password, name).status_code == 401
    assert checks.call_count == 1
    (used_hash, _), _ = checks.call_args
    assert used_hash.split("$")[0] == passwords.NOBODYS_HASH.split("$")[0]
    assert [one for one in statements if one not in ("BEGIN", "PRAGMA")] == [
        "SELECT",
        *("INSERT", "INSERT", "INSERT", "UPDATE"),
        *("DELETE", "SELECT"),
    ]


def test_a_login_at_a_known_address_writes_nothing(app: Flask, checks: Mock) -> None:
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    with app.app_context():
        session = db.session()
        session.execute(update(FailedLogin).values(known_at=FailedLogin.known_at - 60))
        session.commit()
        before = session.scalar(select(FailedLogin.known_at))
    assert log_in(app, ADMIN_PASSWORD).status_code == 201
    with app.app_context():
        assert db.session().scalar(select(FailedLogin.known_at)) == before


def test_the_longest_wait_is_a_minute() -> None:
    assert max(wait_after(failures) for failures in range(10_000)) == LONGEST_WAIT == 60
