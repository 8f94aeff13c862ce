"""The identity service, versions and platform as any HTTP client sees them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from dcapi.auth.users import Users
from tests.integration.auth.small_site import (
    PASSWORD,
    SITE,
    body_of,
    log_in,
    login_body,
    project,
    small_site,
    token,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
HEX_ID = re.compile(r"[0-9a-f]{32}")

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=6,
)
# Every place of a login's body that holds something.
PLACES: tuple[tuple[str | int, ...], ...] = (
    ("auth",),
    ("auth", "identity"),
    ("auth", "identity", "methods"),
    ("auth", "identity", "methods", 0),
    ("auth", "identity", "password"),
    ("auth", "identity", "password", "user"),
    ("auth", "identity", "password", "user", "name"),
    ("auth", "identity", "password", "user", "password"),
    ("auth", "identity", "password", "user", "domain"),
    ("auth", "identity", "password", "user", "domain", "name"),
    ("auth", "scope"),
    ("auth", "scope", "project"),
    ("auth", "scope", "project", "name"),
    ("auth", "scope", "project", "domain"),
)


def with_value(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A good login with something else in one place."""
    body: Any = login_body(scope=project("admin"))
    here = body
    for step in place[:-1]:
        here = here[step]
    here[place[-1]] = value
    return body  # type: ignore[no-any-return]


def assert_identity_error(response: Any, code: int) -> str:
    """The body of an error as Keystone gives it; returns its message."""
    assert response.status_code == code, response.text
    assert response.mimetype == "application/json"
    error = body_of(response)["error"]
    assert error.keys() == {"code", "title", "message"}
    assert error["code"] == code
    return str(error["message"])


def test_a_login_answers_with_the_token_and_all_that_it_is_good_for(
    client: FlaskClient, users: Users
) -> None:
    with time_machine.travel("2026-01-02T03:04:05.678901+00:00", tick=False):
        response = log_in(client, scope=project("admin"))
    assert response.status_code == 201
    body = body_of(response)["token"]
    catalog = body.pop("catalog")
    admin = users.find("admin")
    assert admin is not None
    ids = [body["project"].pop("id"), *(role.pop("id") for role in body["roles"])]
    assert all(HEX_ID.fullmatch(one) for one in ids)
    (audit_id,) = body.pop("audit_ids")
    assert re.fullmatch(r"[\w-]{22}", audit_id)
    domain = {"id": "default", "name": "Default"}
    assert body == {
        "methods": ["password"],
        "user": {"id": admin.id, "name": "admin", "domain": domain, "password_expires_at": None},
        "project": {"name": "admin", "domain": domain},
        "is_domain": False,
        "roles": [{"name": "admin"}, {"name": "member"}, {"name": "reader"}],
        "issued_at": "2026-01-02T03:04:05.678901Z",
        "expires_at": "2026-01-02T04:04:05.678901Z",
    }
    assert {entry["type"] for entry in catalog} == {"identity", "dcmanager", "platform"}


def test_the_catalogue_leads_to_this_site(tmp_path: Path) -> None:
    response = log_in(small_site(tmp_path, PUBLIC_URL="https://site.example/").test_client())
    endpoints = {
        (entry["type"], endpoint["region"], endpoint["interface"]): endpoint["url"]
        for entry in body_of(response)["token"]["catalog"]
        for endpoint in entry["endpoints"]
    }
    expected = {
        ("identity", "RegionOne"): "https://site.example/v3",
        ("identity", "SystemController"): "https://site.example/v3",
        ("dcmanager", "SystemController"): "https://site.example/v1.0",
        ("platform", "RegionOne"): "https://site.example/v1",
    }
    assert endpoints == {
        (*key, interface): url
        for key, url in expected.items()
        for interface in ("public", "internal", "admin")
    }


def test_catalogue_without_a_public_url_leads_to_the_bind_address(tmp_path: Path) -> None:
    response = log_in(small_site(tmp_path, BIND="127.0.0.1:4711").test_client())
    urls = {e["url"] for entry in body_of(response)["token"]["catalog"] for e in entry["endpoints"]}
    assert urls == {f"http://127.0.0.1:4711/{path}" for path in ("v3", "v1.0", "v1")}


def test_a_token_can_be_looked_up_with_the_same_body(client: FlaskClient) -> None:
    made = log_in(client)
    text = made.headers["X-Subject-Token"]
    headers = {"X-Auth-Token": text, "X-Subject-Token": text}
    looked_up = client.get("/v3/auth/tokens", headers=headers)
    assert (looked_up.status_code, looked_up.json) == (200, made.json)
    assert looked_up.headers["X-Subject-Token"] == text
    head = client.head("/v3/auth/tokens", headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    brief = client.get("/v3/auth/tokens?nocatalog", headers=headers)
    assert "catalog" not in body_of(brief)["token"]


def test_nobody_between_may_keep_a_token(client: FlaskClient) -> None:
    made = log_in(client)
    headers = {
        "X-Auth-Token": made.headers["X-Subject-Token"],
        "X-Subject-Token": made.headers["X-Subject-Token"],
    }
    for answer in (made, client.get("/v3/auth/tokens", headers=headers)):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_login_of_many_wrong_items_is_answered_in_few_words(client: FlaskClient) -> None:
    body: dict[str, Any] = {"auth": {"identity": {"methods": [{}] * 20_000}}}
    answer = client.post("/v3/auth/tokens", json=body)
    assert answer.status_code == 400
    assert "and 19990 more" in answer.text
    assert len(answer.data) < 2048


def test_any_valid_token_looks_up_another_one(client: FlaskClient, users: Users) -> None:
    users.add("joan", "secret", ["member"], ["demo"])
    headers = {"X-Auth-Token": token(client, "joan", "secret"), "X-Subject-Token": token(client)}
    assert body_of(client.get("/v3/auth/tokens", headers=headers))["token"]["user"]["name"] == "admin"


@pytest.mark.parametrize("subject", [None, "", "x", "é"])
def test_a_token_that_nobody_knows_is_not_found(client: FlaskClient, subject: str | None) -> None:
    headers = {"X-Auth-Token": token(client)}
    if subject is not None:
        headers["X-Subject-Token"] = subject
    assert_identity_error(client.get("/v3/auth/tokens", headers=headers), 404)
    assert client.head("/v3/auth/tokens", headers=headers).status_code == 404


def test_an_expired_token_is_neither_good_for_asking_nor_found(client: FlaskClient) -> None:
    with time_machine.travel("2026-01-02T00:00:00+00:00", tick=False) as clock:
        old = token(client)
        clock.shift(3601)
        headers = {"X-Auth-Token": token(client), "X-Subject-Token": old}
        assert_identity_error(client.get("/v3/auth/tokens", headers=headers), 404)
        assert_identity_error(client.get("/v3/auth/tokens", headers={**headers, "X-Auth-Token": old}), 401)


def test_looking_up_takes_a_token(client: FlaskClient) -> None:
    response = client.get("/v3/auth/tokens", headers={"X-Subject-Token": token(client)})
    assert_identity_error(response, 401)
    assert "Keystone uri=" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("name", "password", "auth"),
    [
        ("nobody", PASSWORD, {}),
        ("admin", "wrong", {}),
        ("admin", PASSWORD, {"scope": project("demo")}),
        ("admin", PASSWORD, {"scope": {"domain": {"id": "default"}}}),
        ("admin", PASSWORD, {"scope": {"system": {"all": True}}}),
    ],
)
def test_a_login_that_fails_says_nothing_that_helps_guessing(
    client: FlaskClient, name: str, password: str, auth: dict[str, Any]
) -> None:
    response = log_in(client, name, password, **auth)
    message = assert_identity_error(response, 401)
    assert name not in message
    assert "Keystone uri=" in response.headers["WWW-Authenticate"]
    assert "X-Subject-Token" not in response.headers


@pytest.mark.parametrize("methods", [["totp"], ["password", "totp"], ["password", "password"]])
def test_other_ways_to_log_in_are_refused(client: FlaskClient, methods: list[str]) -> None:
    body = with_value(("auth", "identity", "methods"), methods)
    assert_identity_error(client.post("/v3/auth/tokens", json=body), 401)


def test_an_unscoped_login_gets_the_project_admin(client: FlaskClient) -> None:
    for auth in ({}, {"scope": "unscoped"}):
        assert body_of(log_in(client, **auth))["token"]["project"]["name"] == "admin"


def test_a_token_is_good_for_another_one(client: FlaskClient) -> None:
    first = log_in(client)
    identity = {"methods": ["token"], "token": {"id": first.headers["X-Subject-Token"]}}
    response = client.post("/v3/auth/tokens", json={"auth": {"identity": identity}})
    assert response.status_code == 201
    assert body_of(response)["token"]["methods"] == ["token", "password"]
    assert body_of(response)["token"]["expires_at"] == body_of(first)["token"]["expires_at"]
    identity["token"] = {"id": "x"}
    assert_identity_error(client.post("/v3/auth/tokens", json={"auth": {"identity": identity}}), 401)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"auth"',
        b"1",
        b"{}",
        b'{"auth": NaN}',
        b'{"auth": 1e999}',
        b"[" * 60_000,
        b'{"auth":' * 5_000,
        b'{"auth": {"identity": {"methods": ["password"]}}}',
        b'{"auth": {"identity": {"methods": ["token"], "token": {}}}}',
        b'{"auth": {"identity": {"methods": [], "password": {}}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}}}',
        b'{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "\\ud800"}}}}}',
    ],
)
def test_a_body_that_is_no_login_is_refused(client: FlaskClient, body: bytes) -> None:
    response = client.post("/v3/auth/tokens", data=body, content_type="application/json")
    assert assert_identity_error(response, 400)


@pytest.mark.parametrize("wrong", [None, True, 1, 1.5, 2**70, "text", [], [[]], {}, {"id": {}}])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_wrong_type_anywhere_is_refused(
    client: FlaskClient, place: tuple[str | int, ...], wrong: object
) -> None:
    text_belongs_there = place[-1] in {"name", "password", 0} and place[-2] != "identity"
    # A scope may be null or of a kind that nobody gets here, and a domain may be left out.
    well_formed = (place[-1], wrong) in [
        ("scope", None),
        ("scope", {}),
        ("scope", {"id": {}}),
        ("domain", {}),
    ]
    response = client.post("/v3/auth/tokens", json=with_value(place, wrong))
    if well_formed or (isinstance(wrong, str) and text_belongs_there):
        assert response.status_code in {201, 401}
    else:
        assert_identity_error(response, 400)


def test_a_refusal_names_the_field(client: FlaskClient) -> None:
    body = with_value(("auth", "identity", "password", "user", "name"), 7)
    message = assert_identity_error(client.post("/v3/auth/tokens", json=body), 400)
    assert "auth.identity.password.user.name: Not a valid string." in message


def test_a_huge_body_is_refused_before_it_is_read(client: FlaskClient) -> None:
    response = client.post("/v3/auth/tokens", json=login_body(password="x" * 70_000))
    assert_identity_error(response, 413)


@pytest.fixture(scope="module")
def lasting_client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    return small_site(tmp_path_factory.mktemp("site")).test_client()


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON_VALUES)
def test_no_value_anywhere_is_a_failure_of_the_service(
    lasting_client: FlaskClient, place: tuple[str | int, ...], value: object
) -> None:
    response = lasting_client.post("/v3/auth/tokens", json=with_value(place, value))
    assert response.status_code in {201, 400, 401}


def test_the_identity_service_says_its_version(client: FlaskClient) -> None:
    version = body_of(client.get("/v3"))["version"]
    assert (version["id"], version["status"]) == ("v3.14", "stable")
    assert version["links"] == [{"rel": "self", "href": "http://127.0.0.1:8119/v3/"}]


def test_the_versions_are_listed_for_everyone_with_the_host_that_was_asked(client: FlaskClient) -> None:
    response = client.get("/", base_url="https://some.where:81")
    version = {"status": "CURRENT", "id": "v1.0", "updated": "2017-10-2"}
    version_links = [{"rel": "self", "href": "https://some.where:81/v1.0/"}]
    assert response.json == {"versions": [{**version, "links": version_links}]}


def test_any_valid_token_may_ask_which_system_this_is(client: FlaskClient, users: Users) -> None:
    users.add("joan", "secret", ["member"], ["demo"])
    assert client.get("/v1/isystems").status_code == 401
    response = client.get("/v1/isystems", headers={"X-Auth-Token": token(client, "joan", "secret")})
    (system,) = body_of(response)["isystems"]
    assert (system["uuid"], system["name"]) == (SITE.uuid, SITE.name)
    assert system["distributed_cloud_role"] == "systemcontroller"


@pytest.mark.parametrize("path", ["/v3", "/v1", "/v1.0", "/v1/isystems", "/v3/auth/tokens"])
def test_a_slash_at_the_end_makes_no_difference(client: FlaskClient, path: str) -> None:
    headers = dict.fromkeys(("X-Auth-Token", "X-Subject-Token"), token(client))
    assert client.get(path, headers=headers).status_code == 200
    assert client.get(f"{path}/", headers=headers).json == client.get(path, headers=headers).json


def test_a_login_with_a_slash_at_the_end_is_one_too(client: FlaskClient) -> None:
    assert client.post("/v3/auth/tokens/", json=login_body()).status_code == 201


def test_what_is_not_there_is_told_in_the_words_of_the_service(client: FlaskClient) -> None:
    assert_identity_error(client.get("/v3/users"), 404)
    assert_identity_error(client.patch("/v3/auth/tokens"), 405)


def test_a_failed_login_is_in_the_log_on_one_line(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, site: Flask
) -> None:
    log_in(client, "eve\nnew line", "wrong password")
    (record,) = [record for record in caplog.records if "login failed" in record.message]
    assert "\n" not in record.message
    assert "wrong password" not in caplog.text
