"""Every call by every kind of caller against the contract's table, and headers that claim to be somebody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from dcapi.auth.context import SITE_USER_AGENT
from dcapi.auth.rules import RULES
from docs import rights
from docs.generate import DOCS, table
from docs.rights import KINDS, Call, Kind, Row, calls, headers_of, walk
from tests.integration.auth.test_every_route import OPEN

# The contract, "Who may call what": which of these roles, alone, may do it.
READING = {"admin", "configurator", "operator", "reader"}
CHANGING = {"admin", "configurator"}
OPERATING = CHANGING | {"operator"}

# Shows no more than that there is a site, and asks for no more than a token.
ANY_TOKEN = {"GET /v1", "GET /v1.0", "GET /v1/isystems", "GET /v3/auth/tokens"}
# Whose token it is, is judged when it is known.
ANY_TOKEN |= {"DELETE /v3/auth/tokens"}
RESOURCES = (
    "system-peers",
    "peer-group-associations",
    "subclouds",
    "subcloud-groups",
    "subcloud-peer-groups",
    "subcloud-deploy",
    "phased-subcloud-deploy",
)

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


def allowed_roles(call: Call) -> set[str]:
    """The roles that the contract names for a call; fails for one that it does not know."""
    _, version, resource, *_ = call.rule.rule.split("/")
    assert version == "v1.0", f"who may call {call.method} {call.rule.rule}?"
    if resource in ("alarms", "system-alarms"):
        assert call.method == "GET"
        return READING
    assert resource in RESOURCES, f"who may call {call.method} {call.rule.rule}?"
    if call.method == "GET":
        return CHANGING if resource == "subcloud-peer-groups" else READING
    return OPERATING if call.deciding == "dc_api:subclouds:manage_unmanage" else CHANGING


def expected(call: Call, kind: Kind) -> str:
    name = f"{call.method} {call.rule.rule}"
    if name in OPEN:
        return "yes"
    if kind.project is None:
        return "401"
    if name in ANY_TOKEN:
        return "yes"
    counts = kind.project in ("admin", "services") and kind.role in allowed_roles(call)
    return "yes" if counts else "403"


def verdict(code: int) -> str:
    return str(code) if code in (401, 403) else "yes"


def asked(rows: list[Row]) -> Iterator[tuple[Call, Kind, int]]:
    for row in rows:
        for kind, code in zip(KINDS, row.codes, strict=True):
            yield row.call, kind, code


def test_every_call_is_open_to_the_roles_of_the_contract(app: Flask) -> None:
    rows = walk(app)
    wrong = [
        f"{call.method} {call.rule.rule} by {kind.title}: {code} instead of {expected(call, kind)}"
        for call, kind, code in asked(rows)
        if verdict(code) != expected(call, kind)
    ]
    assert not wrong, "\n".join(wrong)
    assert not [f"{call.method} {call.path}: {code}" for call, _, code in asked(rows) if code == 500]
    printed = table(rights.HEAD, rights.cells(rows))
    assert printed in (DOCS / "rights.md").read_text(), "run make docs"


def test_the_table_has_every_route_and_every_kind_of_caller(app: Flask) -> None:
    walked = {(call.method, call.rule.rule) for call in calls(app)}
    there = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    assert {(method, rule) for method, rule in there if method not in ("HEAD", "OPTIONS")} == walked
    assert {kind.role for kind in KINDS} == {"admin", "configurator", "operator", "reader", None}


def test_head_is_judged_as_get(app: Flask) -> None:
    for kind in KINDS:
        headers = headers_of(app, kind)
        for call in calls(app):
            if call.method == "GET":
                head = Call("HEAD", call.rule, call.access)
                assert head.ask(app, headers) == call.ask(app, headers), call.path


def test_a_view_bears_the_rule_of_its_path_and_method(app: Flask) -> None:
    """The operations that a rule's description names are those that it guards."""
    for call in calls(app):
        for name in call.access.rules if call.access else ():
            guarded = [(one["method"], one["path"]) for one in RULES[name].operations]
            assert any(
                call.method == method and f"{call.rule.rule}/".startswith(f"{path}/")
                for method, path in guarded
            ), f"{call.method} {call.rule.rule} is guarded by {name}"


# What keystonemiddleware hands to the application behind it, and what a client may send along in its stead.
SPOOFED = {
    "X-Roles": "admin,configurator,member,reader",
    "X-Role": "admin",
    "X-Identity-Status": "Confirmed",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "admin",
    "X-Service-Token": "admin",
    "X-User-Id": "id of admin of the table",
    "X-User-Name": "admin",
    "X-User-Domain-Id": "default",
    "X-Project-Id": "1",
    "X-Project-Name": "admin",
    "X-Tenant-Name": "admin",
    "X-Is-Admin-Project": "True",
    "X-Auth-User": "admin",
    "Authorization": "Basic YWRtaW46YWRtaW4=",
    "X-Forwarded-User": "admin",
    "X-Forwarded-For": "127.0.0.1",
    "X-Http-Method-Override": "GET",
    "User-Header": "distcloud",
}
USER_AGENTS = ("tests", SITE_USER_AGENT)


def mutating(app: Flask) -> list[Call]:
    found = [
        call for call in calls(app) if call.method in MUTATING and call.access and not call.access.public
    ]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("user_agent", USER_AGENTS)
def test_headers_that_claim_to_be_somebody_are_no_token(app: Flask, user_agent: str) -> None:
    headers = {**SPOOFED, "User-Agent": user_agent}
    codes = {f"{call.method} {call.path}": call.ask(app, headers) for call in mutating(app)}
    assert set(codes.values()) == {401}, codes


@pytest.mark.parametrize("user_agent", USER_AGENTS)
@pytest.mark.parametrize("title", ["reader", "operator", "no role", "other project"])
def test_headers_that_claim_to_be_somebody_add_nothing_to_a_token(
    app: Flask, title: str, user_agent: str
) -> None:
    (kind,) = [kind for kind in KINDS if kind.title == title]
    token = headers_of(app, kind)
    headers = {**SPOOFED, **token, "User-Agent": user_agent}
    for call in mutating(app):
        # Who says to be a site needs more than the role that manages by itself.
        as_site = user_agent == SITE_USER_AGENT and call.access is not None and call.access.as_site
        wanted = "403" if as_site and kind.role not in CHANGING else expected(call, kind)
        assert verdict(call.ask(app, headers)) == wanted, f"{call.method} {call.path}"


def test_nothing_was_changed_by_who_may_not(app: Flask) -> None:
    """A body that would be taken changes nothing when only headers claim the right."""
    client = app.test_client()
    reader, admin = headers_of(app, KINDS[3]), headers_of(app, KINDS[0])
    assert (KINDS[3].title, KINDS[0].title) == ("reader", "admin")
    group = {"peer-group-name": "taken"}
    for headers in (SPOOFED, {**SPOOFED, **reader}, {**SPOOFED, **reader, "User-Agent": "dcmanager/1.0"}):
        answer = client.post("/v1.0/subcloud-peer-groups", json=group, headers=headers)
        assert answer.status_code in (401, 403)
    listed = client.get("/v1.0/subcloud-peer-groups", headers=admin)
    assert listed.json == {"subcloud_peer_groups": []}
    assert client.post("/v1.0/subcloud-peer-groups", json=group, headers=admin).status_code == 200


def test_an_encoded_or_doubled_path_opens_nothing(app: Flask) -> None:
    client = app.test_client()
    reader = headers_of(app, KINDS[3])
    for path in (
        "/v1.0//subclouds",
        "/v1.0/./subclouds",
        "/v1.0/%73ubclouds",
        "/v1.0/subclouds/",
        "/V1.0/subclouds",
    ):
        assert client.post(path, headers=reader, json={}).status_code in (403, 404), path


def test_two_tokens_in_one_request_are_no_better_than_one(app: Flask) -> None:
    client = app.test_client()
    reader, admin = headers_of(app, KINDS[3]), headers_of(app, KINDS[0])
    for both in ((reader, admin), (admin, reader)):
        headers = [("X-Auth-Token", one["X-Auth-Token"]) for one in both]
        assert client.post("/v1.0/subcloud-peer-groups", json={}, headers=headers).status_code == 401


def test_a_refusal_says_which_role_it_takes(app: Flask) -> None:
    client = app.test_client()
    headers = {**headers_of(app, KINDS[2]), "Accept": "application/json"}
    answer = client.patch(
        "/v1.0/subclouds/x", data={"description": "x"}, headers=headers, content_type="multipart/form-data"
    )
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["description"] == (
        "Not allowed by dc_api:subclouds:modify: it takes a role of admin, configurator "
        "in a project of admin, services"
    )
