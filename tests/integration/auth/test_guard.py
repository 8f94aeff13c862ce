"""What the guard lets through to a view."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcapi.auth.guard import unmarked
from dcapi.auth.users import Users
from tests.integration.auth.small_site import body_of, log_in, project, small_site, token

SPOOFED = {
    "X-Roles": "admin",
    "X-Role": "admin",
    "X-User-Id": "1",
    "X-User-Name": "admin",
    "X-Project-Name": "admin",
    "X-Project-Id": "1",
    "X-Tenant-Name": "admin",
    "X-Identity-Status": "Confirmed",
    "X-Is-Admin-Project": "True",
    "REMOTE_USER": "admin",
    "Authorization": "Bearer admin",
    "X-Service-Token": "admin",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "admin",
    "OpenStack-System-Scope": "all",
    "User-Agent": "dcmanager/1.0",
}


def test_a_request_without_a_token_is_told_where_to_log_in(client: FlaskClient) -> None:
    response = client.get("/reads", headers={"Accept": "application/json"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Keystone uri="http://127.0.0.1:8119/v3"'
    assert body_of(response)["title"] == "Unauthorized"


def test_the_challenge_names_the_public_url(tmp_path: Path) -> None:
    response = small_site(tmp_path, PUBLIC_URL="https://site.example/").test_client().get("/reads")
    assert response.headers["WWW-Authenticate"] == 'Keystone uri="https://site.example/v3"'


@pytest.mark.parametrize("bad", ["", "x", "a.b.c", "é", "Bearer x", "." * 5000])
def test_a_bad_token_gets_the_same_answer(client: FlaskClient, bad: str) -> None:
    response = client.get("/reads", headers={"X-Auth-Token": bad})
    assert response.status_code == 401
    assert "Keystone uri=" in response.headers["WWW-Authenticate"]


def test_no_other_header_says_who_calls(client: FlaskClient, users: Users) -> None:
    assert client.get("/reads", headers=SPOOFED).status_code == 401
    users.add("member", "secret", ["member"], ["admin"])
    headers = {**SPOOFED, "X-Auth-Token": token(client, "member", "secret")}
    assert client.get("/reads", headers=headers).status_code == 403
    headers["X-Auth-Token"] = token(client)
    assert client.get("/reads", headers=headers).json == {
        "user": "admin",
        "project": "admin",
        "roles": ["admin", "member", "reader"],
    }


def test_a_role_that_the_rule_does_not_name_is_refused(client: FlaskClient, users: Users) -> None:
    users.add("rea", "secret", ["reader"], ["admin"])
    headers = {"X-Auth-Token": token(client, "rea", "secret"), "Accept": "application/json"}
    assert client.get("/reads", headers=headers).status_code == 200
    refused = client.patch("/alternatives/modify", headers=headers)
    assert refused.status_code == 403
    assert "dc_api:subclouds:modify" in body_of(refused)["description"]
    assert "WWW-Authenticate" not in refused.headers


def test_another_project_is_refused_whatever_the_role(client: FlaskClient, users: Users) -> None:
    users.add("joan", "secret", ["admin"], ["demo", "services"])
    for name, code in (("demo", 403), ("services", 200)):
        headers = {"X-Auth-Token": token(client, "joan", "secret", scope=project(name))}
        assert client.get("/reads", headers=headers).status_code == code


def test_a_view_with_alternatives_lets_in_whom_one_of_them_allows(client: FlaskClient, users: Users) -> None:
    users.add("ops", "secret", ["operator"], ["admin"])
    headers = {"X-Auth-Token": token(client, "ops", "secret")}
    assert client.patch("/alternatives/manage_unmanage", headers=headers).status_code == 200
    assert client.patch("/alternatives/modify", headers=headers).status_code == 403


def test_a_public_view_asks_for_nothing_and_minds_no_token(client: FlaskClient) -> None:
    assert client.get("/open").status_code == 200
    assert client.get("/open", headers={"X-Auth-Token": "x"}).status_code == 200


def test_a_view_without_a_mark_answers_nobody(site: Flask, client: FlaskClient) -> None:
    assert client.get("/forgotten", headers={"X-Auth-Token": token(client)}).status_code == 403
    assert client.get("/forgotten").status_code == 403
    assert unmarked(site) == ["GET /forgotten", "HEAD /forgotten"]


def test_what_does_not_exist_is_not_hidden_behind_a_login(client: FlaskClient) -> None:
    assert client.get("/nowhere").status_code == 404
    assert client.delete("/reads").status_code == 405


def test_a_token_of_a_deleted_user_ends_at_once(client: FlaskClient, users: Users) -> None:
    users.add("joan", "secret", ["admin"], ["admin"])
    headers = {"X-Auth-Token": token(client, "joan", "secret")}
    assert client.get("/reads", headers=headers).status_code == 200
    users.delete("joan")
    assert client.get("/reads", headers=headers).status_code == 401
    assert log_in(client, "joan", "secret").status_code == 401
