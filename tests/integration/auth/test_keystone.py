"""A site whose callers log in at Keystone, here one of a few lines; tests/keystone has a real one."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dcapi import prepare
from dcapi.auth.guard import authentication
from dcapi.auth.strategy import make_strategy
from dcapi.errors import SettingsError
from dcapi.settings import Settings, settings_from
from tests.conftest import site_settings
from tests.fakes.keystone import PASSWORD, USER, FakeKeystone
from tests.integration.auth.small_site import body_of, small_site
from tests.integration.auth.test_guard import SPOOFED

pytest.importorskip("keystonemiddleware", reason="requirements-keystone.txt is not installed")

AWAY = "Keystone cannot be asked who calls, please try again"


@pytest.fixture
def keystone() -> Iterator[FakeKeystone]:
    made = FakeKeystone()
    made.start()
    yield made
    made.close()


def given(keystone: FakeKeystone, **more: Any) -> dict[str, Any]:
    return {
        "AUTH_STRATEGY": "keystone",
        "KEYSTONE_AUTH_URL": keystone.url,
        "KEYSTONE_USERNAME": USER,
        "KEYSTONE_PASSWORD": PASSWORD,
        "KEYSTONE_TIMEOUT": 1,
        **more,
    }


@pytest.fixture
def site(tmp_path: Path, keystone: FakeKeystone) -> Flask:
    return small_site(tmp_path, **given(keystone))


def asked(client: FlaskClient, token: str, path: str = "/reads") -> TestResponse:
    return client.get(path, headers={"X-Auth-Token": token, "Accept": "application/json"})


def test_a_caller_is_who_keystone_says(client: FlaskClient, keystone: FakeKeystone) -> None:
    answer = asked(client, keystone.add("t", "admin"))
    assert body_of(answer) == {
        "user": "user-of-t",
        "project": "admin",
        "roles": ["admin", "member", "reader"],
    }


def test_roles_are_no_list_in_a_text(client: FlaskClient, keystone: FakeKeystone) -> None:
    assert asked(client, keystone.add("t", "odd,admin,reader")).status_code == 403


def test_a_project_of_another_domain_is_another_project(client: FlaskClient, keystone: FakeKeystone) -> None:
    token = keystone.add("t", "admin", domain="elsewhere")
    assert asked(client, token).status_code == 403
    assert asked(client, token, "/v1/isystems").status_code == 200


def test_a_token_for_no_project_is_valid_and_no_more(client: FlaskClient, keystone: FakeKeystone) -> None:
    token = keystone.add("t", project=None)
    assert asked(client, token).status_code == 403
    assert asked(client, token, "/v1/isystems").status_code == 200


@pytest.mark.parametrize("bad", ["unknown", " ", "é", "x" * 5000])
def test_a_bad_token_is_sent_to_keystone_with_either_body(
    tmp_path: Path, keystone: FakeKeystone, bad: str
) -> None:
    site = small_site(tmp_path, **given(keystone, KEYSTONE_PUBLIC_URL="https://keystone.example"))
    client = site.test_client()
    answer = asked(client, bad)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="https://keystone.example/v3"'
    assert body_of(answer)["title"] == "Unauthorized"
    page = client.get("/reads", headers={"X-Auth-Token": bad})
    assert page.mimetype == "text/html"
    assert "401 Unauthorized" in page.text


def test_what_cannot_be_a_token_is_no_matter_for_keystone(
    client: FlaskClient, keystone: FakeKeystone
) -> None:
    for bad in ("", " ", "é", "x" * 5000):
        asked(client, bad)
    assert keystone.requests == []


def test_keystone_is_asked_once_about_a_token(client: FlaskClient, keystone: FakeKeystone) -> None:
    for token in (keystone.add("t", "reader"), keystone.add("u", "reader")):
        for _ in range(3):
            assert asked(client, token).status_code == 200
    assert keystone.validations() == 2


def test_keystone_is_asked_each_time_when_nothing_is_to_be_cached(
    tmp_path: Path, keystone: FakeKeystone
) -> None:
    client = small_site(tmp_path, **given(keystone, KEYSTONE_TOKEN_CACHE_SECONDS=0)).test_client()
    token = keystone.add("t", "reader")
    assert asked(client, token).status_code == 200
    del keystone.tokens[token]
    assert asked(client, token).status_code == 401


def test_no_other_header_says_who_calls(client: FlaskClient, keystone: FakeKeystone) -> None:
    admin = keystone.add("a", "admin")
    assert client.get("/reads", headers={**SPOOFED, "X-Storage-Token": admin}).status_code == 401
    member = {**SPOOFED, "X-Auth-Token": keystone.add("m", "member"), "X-Service-Token": admin}
    assert client.get("/reads", headers=member).status_code == 403
    reader = {**SPOOFED, "X-Auth-Token": keystone.add("r", "reader"), "X-Service-Token": admin}
    assert body_of(client.get("/reads", headers=reader)) == {
        "user": "user-of-r",
        "project": "admin",
        "roles": ["reader"],
    }
    assert client.patch("/alternatives/modify", headers=reader).status_code == 403


def test_public_views_and_what_does_not_exist_ask_nobody(client: FlaskClient, keystone: FakeKeystone) -> None:
    for path, code in (("/", 200), ("/open", 200), ("/nowhere", 404), ("/forgotten", 403)):
        assert asked(client, "x", path).status_code == code
    assert client.delete("/reads", headers={"X-Auth-Token": "x"}).status_code == 405
    assert keystone.requests == []


def test_nobody_logs_in_here(client: FlaskClient) -> None:
    for answer in (client.get("/v3"), client.post("/v3/auth/tokens", data="no login")):
        assert answer.status_code == 404
        assert "log in elsewhere" in body_of(answer)["error"]["message"]


def site_checks(site: Flask) -> dict[str, str]:
    with site.app_context():
        return authentication().strategy.checks()


def expect_away(answer: TestResponse) -> None:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "WWW-Authenticate" not in answer.headers
    assert AWAY in answer.text


def test_without_keystone_nobody_new_is_known_until_it_is_back(
    client: FlaskClient, site: Flask, keystone: FakeKeystone
) -> None:
    known, new = keystone.add("known", "reader"), keystone.add("new", "reader")
    assert asked(client, known).status_code == 200
    keystone.stop()
    assert asked(client, known).status_code == 200
    expect_away(asked(client, new))
    page = client.get("/reads", headers={"X-Auth-Token": new})
    expect_away(page)
    assert site_checks(site) == {"keystone": "away"}
    assert page.mimetype == "text/html"
    assert asked(client, new, "/open").status_code == 200
    keystone.start()
    assert asked(client, new).status_code == 200
    assert site_checks(site) == {"keystone": "ok"}


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
def test_a_keystone_that_fails_is_no_bad_token(
    client: FlaskClient, keystone: FakeKeystone, code: int
) -> None:
    token = keystone.add("t", "reader")
    keystone.broken = code
    expect_away(asked(client, token))
    keystone.broken = None
    assert asked(client, token).status_code == 200


def test_a_catalogue_without_keystone_is_an_outage(client: FlaskClient, keystone: FakeKeystone) -> None:
    token = keystone.add("t", "reader")
    catalogue, keystone.catalogue = keystone.catalogue, []
    expect_away(asked(client, token))
    keystone.catalogue = catalogue
    assert asked(client, token).status_code == 200


def test_only_one_request_waits_for_a_silent_keystone(
    client: FlaskClient, site: Flask, keystone: FakeKeystone
) -> None:
    token = keystone.add("t", "reader")
    keystone.silent.set()
    expect_away(asked(client, token))
    while keystone.waiting.acquire(blocking=False):
        pass
    waits = threading.Thread(target=asked, args=(site.test_client(), token))
    waits.start()
    assert keystone.waiting.acquire(timeout=30)
    before = len(keystone.requests)
    expect_away(asked(client, token))
    assert len(keystone.requests) == before
    keystone.speak()
    waits.join()
    assert asked(client, token).status_code == 200


def test_no_secret_shows(
    site: Flask, client: FlaskClient, keystone: FakeKeystone, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good, revoked = keystone.add("good-token-canary", "reader"), "bad-token-canary"
    keystone.tokens[good]["user"] |= {"id": "1", "name": "canary"}
    asked(client, good)
    asked(client, revoked)
    keystone.broken = 401
    asked(client, "other-token-canary")
    keystone.stop()
    asked(client, "last-token-canary")
    with site.app_context():
        shown = caplog.text + repr(authentication()) + repr(vars(authentication().strategy))
    assert AWAY in shown
    for secret in (PASSWORD, "token-canary", "service-token"):
        assert secret not in shown


def test_a_site_starts_and_makes_no_users(tmp_path: Path, keystone: FakeKeystone) -> None:
    prepare(settings_from(site_settings(tmp_path / "instance", **given(keystone))))
    assert not (tmp_path / "instance" / "identity.yaml").exists()
    assert keystone.requests == []


def test_a_missing_requirement_stops_the_start(
    tmp_path: Path, keystone: FakeKeystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = settings_from(site_settings(tmp_path / "instance", **given(keystone)))
    monkeypatch.delitem(sys.modules, "dcapi.auth.keystone", raising=False)
    monkeypatch.setitem(sys.modules, "keystonemiddleware", None)
    for start in (make_strategy, prepare):
        with pytest.raises(SettingsError, match=r"requirements-keystone\.txt"):
            start(settings)
