"""DELETE /v3/auth/tokens, as at Keystone: one token ends, and no other one."""

from __future__ import annotations

from pathlib import Path

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dcapi.auth.users import Users
from dcapi.instance import InstanceFolder
from tests.integration.auth.small_site import body_of, small_site, token


def revoke(client: FlaskClient, own: str | None, subject: str | None) -> TestResponse:
    given = {"X-Auth-Token": own, "X-Subject-Token": subject}
    headers = {name: text for name, text in given.items() if text is not None}
    return client.delete("/v3/auth/tokens", headers=headers)


def is_valid(client: FlaskClient, text: str) -> bool:
    return client.get("/v1", headers={"X-Auth-Token": text}).status_code == 200


def assert_gone(client: FlaskClient, text: str) -> None:
    assert not is_valid(client, text)
    headers = {"X-Auth-Token": token(client), "X-Subject-Token": text}
    assert client.get("/v3/auth/tokens", headers=headers).status_code == 404


@pytest.fixture
def joans(client: FlaskClient, users: Users) -> list[str]:
    """Three tokens of a user who is no admin."""
    users.add("joan", "secret", ["configurator"], ["admin"])
    return [token(client, "joan", "secret") for _ in range(3)]


def test_a_token_ends_itself_and_no_other_one(client: FlaskClient, joans: list[str]) -> None:
    first, second, _ = joans
    answer = revoke(client, first, first)
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert_gone(client, first)
    assert is_valid(client, second)
    assert revoke(client, first, second).status_code == 401
    assert is_valid(client, second)


def test_a_user_ends_another_one_of_its_tokens_and_an_admin_any(
    client: FlaskClient, joans: list[str]
) -> None:
    first, second, third = joans
    assert revoke(client, first, second).status_code == 204
    assert_gone(client, second)
    assert revoke(client, token(client), third).status_code == 204
    assert_gone(client, third)
    assert is_valid(client, first)


def test_nobody_else_ends_the_token_of_another_user(
    client: FlaskClient, users: Users, joans: list[str]
) -> None:
    users.add("sam", "secret", ["configurator", "operator", "reader"], ["admin"])
    users.add("max", "secret", ["admin"], ["demo"])
    for name in ("sam", "max"):
        refused = revoke(client, token(client, name, "secret"), joans[0])
        assert refused.status_code == 403
        assert "another user's" in body_of(refused)["error"]["message"]
    assert revoke(client, joans[0], token(client)).status_code == 403
    assert is_valid(client, joans[0])


@pytest.mark.parametrize("subject", [None, "", "nonsense", "é"])
def test_a_token_that_nobody_knows_is_not_found(client: FlaskClient, subject: str | None) -> None:
    assert revoke(client, token(client), subject).status_code == 404


def test_a_token_is_revoked_once_and_not_when_it_has_expired(client: FlaskClient, joans: list[str]) -> None:
    assert revoke(client, joans[0], joans[1]).status_code == 204
    assert revoke(client, joans[0], joans[1]).status_code == 404
    with time_machine.travel("2026-01-02T00:00:00+00:00", tick=False) as clock:
        old = token(client)
        clock.shift(3601)
        assert revoke(client, token(client), old).status_code == 404


def test_revoking_takes_a_token(client: FlaskClient, joans: list[str]) -> None:
    for own in (None, "nonsense"):
        assert revoke(client, own, joans[0]).status_code == 401
    assert is_valid(client, joans[0])


def test_a_token_that_came_of_a_revoked_one_stays(client: FlaskClient, joans: list[str]) -> None:
    identity = {"methods": ["token"], "token": {"id": joans[0]}}
    body = {"auth": {"identity": identity}}
    renewed = client.post("/v3/auth/tokens", json=body).headers["X-Subject-Token"]
    assert revoke(client, joans[0], joans[0]).status_code == 204
    assert is_valid(client, renewed)
    assert client.post("/v3/auth/tokens", json=body).status_code == 401


def test_other_processes_and_the_next_start_know_it_too(
    site: Flask, tmp_path: Path, joans: list[str]
) -> None:
    other = small_site(tmp_path)
    assert is_valid(other.test_client(), joans[0])
    assert revoke(site.test_client(), joans[0], joans[0]).status_code == 204
    for one in (other, small_site(tmp_path)):
        assert not is_valid(one.test_client(), joans[0])
        assert is_valid(one.test_client(), joans[1])


def test_a_folder_that_cannot_be_written_is_answered_503(
    client: FlaskClient, joans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(InstanceFolder, "replace", fail)
    answer = revoke(client, joans[0], joans[0])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert is_valid(client, joans[0])
