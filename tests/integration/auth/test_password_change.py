"""POST /v3/users/{id}/password, as at Keystone: who knows a password may change it, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from dcapi.auth import passwords
from dcapi.auth.failed_logins import FREE, wait_after
from dcapi.auth.users import Users
from dcapi.instance import InstanceFolder
from tests.integration.auth.guesses import AWAY, HOME, log_in
from tests.integration.auth.small_site import body_of, token

OLD, NEW = "old secret", "new secret"


@pytest.fixture
def joan(app: Flask) -> str:
    """The id of a user with the old password."""
    users = Users(InstanceFolder(Path(app.instance_path)))
    return users.add("joan", OLD, ["reader"], ["admin"]).id


def change(app: Flask, user: str, old: str = OLD, new: str = NEW, address: str = AWAY) -> TestResponse:
    return send(app, user, {"user": {"original_password": old, "password": new}}, address)


def send(app: Flask, user: str, body: Any, address: str = AWAY) -> TestResponse:
    return app.test_client().post(
        f"/v3/users/{user}/password", json=body, environ_overrides={"REMOTE_ADDR": address}
    )


def test_a_user_changes_its_password_which_ends_its_tokens(app: Flask, joan: str) -> None:
    old = token(app.test_client(), "joan", OLD)
    answer = change(app, joan)
    assert (answer.status_code, answer.data) == (204, b"")
    assert app.test_client().get("/v1", headers={"X-Auth-Token": old}).status_code == 401
    assert log_in(app, OLD, "joan").status_code == 401
    assert log_in(app, NEW, "joan").status_code == 201


def test_a_wrong_password_and_an_unknown_user_are_answered_as_a_login(app: Flask, joan: str) -> None:
    failed = log_in(app, "wrong", "joan")
    for answer in (change(app, joan, "wrong"), change(app, "nobody"), change(app, "joan")):
        assert (answer.status_code, answer.data) == (401, failed.data)
        assert answer.headers["WWW-Authenticate"] == failed.headers["WWW-Authenticate"]
    assert log_in(app, OLD, "joan").status_code == 201


def test_a_disabled_user_is_answered_so_too(app: Flask, joan: str) -> None:
    Users(InstanceFolder(Path(app.instance_path))).disable("joan")
    assert change(app, joan).status_code == 401


@pytest.mark.usefixtures("clock")
def test_it_counts_as_a_login_of_the_user(app: Flask, joan: str) -> None:
    for turn in range(FREE):
        answer = change(app, joan, "wrong") if turn % 2 else log_in(app, "wrong", "joan")
        assert answer.status_code == 401
    for answer in (change(app, joan), log_in(app, OLD, "joan")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert change(app, joan, address=HOME).status_code == 204


def test_a_success_ends_the_count(app: Flask, joan: str, clock: time_machine.Traveller) -> None:
    for _ in range(FREE):
        change(app, joan, "wrong")
    clock.shift(wait_after(FREE))
    assert change(app, joan).status_code == 204
    assert [change(app, joan, "wrong").status_code for _ in range(2)] == [401, 401]


@pytest.mark.parametrize(
    "body",
    [
        {"user": {}},
        {"user": {"password": NEW}},
        {"user": {"original_password": OLD}},
        {"user": {"original_password": OLD, "password": None}},
        {"user": {"original_password": 7, "password": NEW}},
        {"user": {"original_password": OLD, "password": ""}},
        {"user": {"original_password": OLD, "password": "x" * 1025}},
        {"user": [OLD, NEW]},
        {"password": NEW},
        {},
        [],
    ],
)
def test_a_body_of_no_use_is_refused_and_no_try(
    app: Flask, joan: str, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Mock()
    monkeypatch.setattr(passwords, "check_password_hash", check)
    answer = send(app, joan, body)
    assert answer.status_code == 400
    assert body_of(answer)["error"]["message"]
    assert OLD not in answer.text
    assert not check.called


def test_a_body_that_is_no_json_or_too_large_is_refused(app: Flask, joan: str) -> None:
    client = app.test_client()
    assert client.post(f"/v3/users/{joan}/password", data=b"{").status_code == 400
    assert client.post(f"/v3/users/{joan}/password", data=b" " * 70_000).status_code == 413
