"""What a site says to tokens of a real Keystone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dcapi.auth.keystone import NOT_ANSWERING
from dcapi.lab.polling import wait_until
from tests.conftest import make_site
from tests.keystone.cloud import PASSWORD, Cloud, project
from tests.keystone.conftest import keystone_settings
from tests.keystone.server import Door, Keystone

ISYSTEMS = "/v1/isystems"
SUBCLOUDS = "/v1.0/subclouds"
GROUPS = "/v1.0/subcloud-groups"
PEER_GROUPS = "/v1.0/subcloud-peer-groups"

# A call → the roles that get through to what the call is about, and the code that they find there.
# Keystone's own setup lets the role member imply reader.
ROUTES: dict[tuple[str, str], tuple[set[str], int]] = {
    ("GET", ISYSTEMS): ({"admin", "configurator", "operator", "reader", "member", "visitor"}, 200),
    ("GET", SUBCLOUDS): ({"admin", "configurator", "operator", "reader", "member"}, 200),
    ("GET", PEER_GROUPS): ({"admin", "configurator"}, 200),
    ("POST", GROUPS): ({"admin", "configurator"}, 400),
    ("DELETE", f"{GROUPS}/999"): ({"admin", "configurator"}, 404),
    ("PATCH", f"{SUBCLOUDS}/999"): ({"admin", "configurator", "operator"}, 404),
    ("DELETE", f"{SUBCLOUDS}/999"): ({"admin", "configurator"}, 404),
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", GROUPS): {"json": {}},
    ("PATCH", f"{SUBCLOUDS}/999"): {
        "data": {"management-state": "managed"},
        "content_type": "multipart/form-data",
    },
}
# Scopes of a login that are no project.
SCOPES: dict[str, dict[str, Any]] = {"domain": {"id": "default"}, "system": {"all": True}, "unscoped": {}}
ALL_ROLES = ("admin", "configurator", "operator", "reader", "member", "visitor")

SPOOFED = {
    "X-Roles": "admin",
    "X-Role": "admin",
    "X-User-Id": "1",
    "X-User-Name": "admin",
    "X-Project-Name": "admin",
    "X-Project-Id": "1",
    "X-Tenant-Name": "admin",
    "X-Identity-Status": "Confirmed",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "service,admin",
    "X-Is-Admin-Project": "True",
    "OpenStack-System-Scope": "all",
    "User-Agent": "dcmanager/1.0",
    "User-Header": "distcloud",
}


def asked(client: FlaskClient, token: str, path: str = SUBCLOUDS, method: str = "GET") -> TestResponse:
    headers = {"X-Auth-Token": token, "Accept": "application/json"}
    return client.open(path, method=method, headers=headers, **BODIES.get((method, path), {}))


@pytest.fixture(scope="session")
def tokens(cloud: Cloud) -> dict[str, str]:
    """Role → the token of a user who has it in the project admin."""
    return {role: cloud.token(cloud.user(role)) for role in ALL_ROLES}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_role_gets_as_far_as_its_rules_let_it(
    client: FlaskClient, tokens: dict[str, str], method: str, path: str
) -> None:
    roles, code = ROUTES[method, path]
    wanted = {role: code if role in roles else 403 for role in ALL_ROLES}
    found = {role: asked(client, tokens[role], path, method).status_code for role in ALL_ROLES}
    assert found == wanted


def test_token_of_project_services_counts_and_of_others_not(client: FlaskClient, cloud: Cloud) -> None:
    for name, code in (("services", 200), ("another", 403)):
        token = cloud.token(cloud.user("admin", name), scope=project(name))
        assert asked(client, token).status_code == code
        assert asked(client, token, ISYSTEMS).status_code == 200


def test_a_project_admin_of_another_domain_counts_for_nothing(client: FlaskClient, cloud: Cloud) -> None:
    domain = cloud.make("domains", "domain", {"name": "elsewhere"})
    theirs = cloud.make("projects", "project", {"name": "admin", "domain_id": domain["id"]})
    name = cloud.user(None, name="stranger")
    cloud.grant(cloud.find("users", name), "admin", f"projects/{theirs['id']}")
    token = cloud.token(name, scope=project("admin", "elsewhere"))
    assert asked(client, token).status_code == 403
    assert asked(client, token, ISYSTEMS).status_code == 200


def test_a_token_for_no_project_is_a_valid_token_and_no_more(client: FlaskClient, cloud: Cloud) -> None:
    name = cloud.user(None, name="manager-of-the-domain")
    user = cloud.find("users", name)
    cloud.grant(user, "admin", "domains/default")
    cloud.grant(user, "admin", "system")
    for kind, value in SCOPES.items():
        scope = {kind: value}
        token = cloud.token(name, scope=scope)
        for path, code in ((SUBCLOUDS, 403), (ISYSTEMS, 200)):
            assert asked(client, token, path).status_code == code, scope


@pytest.mark.parametrize(
    "bad", ["", " ", "x", "a.b.c", "é", "Bearer x", "%00%0a", "../../v3/users", "{}", "." * 4096, "x" * 9000]
)
def test_a_bad_token_is_refused_and_told_where_to_log_in(client: FlaskClient, front: Door, bad: str) -> None:
    answer = asked(client, bad)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{front.url}"'
    assert answer.get_json()["title"] == "Unauthorized"
    page = client.get(SUBCLOUDS, headers={"X-Auth-Token": bad})
    assert page.mimetype == "text/html"
    assert "401 Unauthorized" in page.text


def test_a_revoked_token_is_refused(client: FlaskClient, cloud: Cloud) -> None:
    token = cloud.token(cloud.user("reader"))
    cloud.revoke(token)
    assert asked(client, token).status_code == 401


def test_an_expired_token_is_refused_even_out_of_the_cache(
    client: FlaskClient, short_lived: Door, cloud: Cloud
) -> None:
    token = Cloud(short_lived.url).token(cloud.user("reader"))
    assert asked(client, token).status_code == 200
    wait_until("the token to expire", lambda: asked(client, token).status_code, lambda code: code == 401)


def test_spoofed_headers_gain_nothing(client: FlaskClient, tokens: dict[str, str]) -> None:
    for service_token in (tokens["reader"], "x"):
        spoofed = {**SPOOFED, "X-Service-Token": service_token}
        assert client.get(ISYSTEMS, headers=spoofed).status_code == 401
        stored = {**spoofed, "X-Storage-Token": tokens["admin"]}
        assert client.get(ISYSTEMS, headers=stored).status_code == 401
        reader = {**spoofed, "X-Auth-Token": tokens["reader"]}
        assert client.get(SUBCLOUDS, headers=reader).status_code == 200
        assert client.get(PEER_GROUPS, headers=reader).status_code == 403
        assert client.post(GROUPS, headers=reader, json={}).status_code == 403
        visitor = {**spoofed, "X-Auth-Token": tokens["visitor"]}
        assert client.get(SUBCLOUDS, headers=visitor).status_code == 403


def test_application_credential_logs_in_unless_it_is_restricted(client: FlaskClient, cloud: Cloud) -> None:
    name = cloud.user("reader")
    for rules, code in ((None, 200), ([{"path": "/v2/servers", "method": "GET", "service": "compute"}], 401)):
        token = cloud.token_of_application(name, PASSWORD, rules)
        assert asked(client, token).status_code == code


def test_what_is_open_to_all_asks_nobody(client: FlaskClient) -> None:
    for path in ("/", "/healthz", "/readyz"):
        assert client.get(path, headers={"X-Auth-Token": "x"}).status_code == 200
    assert client.get("/v1.0/nowhere").status_code == 404
    assert client.put(SUBCLOUDS).status_code == 405


def test_nobody_logs_in_at_the_site(client: FlaskClient, tokens: dict[str, str]) -> None:
    for method, path in (("GET", "/v3"), ("POST", "/v3/auth/tokens"), ("GET", "/v3/auth/tokens")):
        answer = asked(client, tokens["admin"], path, method)
        assert answer.status_code == 404
        assert "log in elsewhere" in answer.get_json()["error"]["message"]


def test_a_site_goes_on_when_keystone_was_away(
    prepared_instance: Path, tmp_path: Path, keystone: Keystone, tokens: dict[str, str]
) -> None:
    door = keystone.door("127.0.0.1:9").start()
    with make_site(prepared_instance, tmp_path, **keystone_settings(door)) as site:
        client = site.test_client()
        assert asked(client, tokens["reader"]).status_code == 200
        door.stop()
        assert asked(client, tokens["reader"]).status_code == 200
        answer = asked(client, tokens["admin"])
        page = client.get(SUBCLOUDS, headers={"X-Auth-Token": tokens["admin"]})
        assert (answer.status_code, page.status_code) == (503, 503)
        assert answer.headers["Retry-After"] == "1"
        assert answer.get_json()["description"] == NOT_ANSWERING
        assert NOT_ANSWERING in page.text
        assert client.get("/healthz").status_code == 200
        door.start()
        assert asked(client, tokens["admin"]).status_code == 200


def test_a_site_whose_own_login_fails_says_that_it_cannot_tell(
    client: FlaskClient, tokens: dict[str, str], cloud: Cloud
) -> None:
    name = cloud.find("users", "dcapi")
    cloud.call("PATCH", f"users/{name}", {"user": {"enabled": False}})
    try:
        answer = asked(client, tokens["admin"])
    finally:
        cloud.call("PATCH", f"users/{name}", {"user": {"enabled": True}})
    assert answer.status_code == 503
    assert answer.get_json()["description"] == NOT_ANSWERING
    # What this user gets in the second in which it was disabled, Keystone takes for older than that.
    wait_until("the site can tell again", lambda: asked(client, tokens["admin"]).status_code == 200)
