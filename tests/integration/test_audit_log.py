"""One line of the audit log for each attempt to change something, whoever made it and whatever came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcapi.api.audit_entries import TYPES, VERBS
from dcapi.audit_log import LONGEST_VALUE, audited_command
from dcapi.auth.users import Users
from dcapi.cli import dcapi_group
from dcapi.errors import NotFound
from dcapi.instance import InstanceFolder
from dcapi.log import (
    AUDIT_LOGGER,
    JsonFormatter,
    PlainFormatter,
    accepted_request_id,
    global_request_id,
    request_id,
)
from dcapi.services import subcloud_groups
from tests.conftest import ADMIN_PASSWORD
from tests.integration.audit_lines import Entry, audit_lines
from tests.integration.resources.conftest import peer_values
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, form, new_form, secondary_form

# Below /v1.0, where the clients that are logged in call.
GROUPS = "/subcloud-groups"
NEW_GROUP = {"name": "quays", "description": "all", "update_apply_type": "serial"}
MEMBERS = "/subcloud-peer-groups/copied"
COPIED = {
    "peer-group-name": "copied",
    "group-priority": 1,
    "system-leader-id": "5f0c5a0e-7d51-4a6c-9b53-6a3b0d3a9c11",
    "system-leader-name": "site-b",
}
Lines = Callable[[], list[Entry]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The fields of the lines written so far, but for the login of the test's own clients."""
    caplog.set_level(logging.INFO, AUDIT_LOGGER)

    return partial(audit_lines, caplog)


@pytest.fixture
def reader(app: Flask) -> SiteClient:
    Users(InstanceFolder(Path(app.instance_path))).add("rita", "look-only", ["reader"], ["admin"])
    return SiteClient.logged_in(app, "rita", "look-only")


def test_a_change_is_told_with_who_what_and_which(operator: SiteClient, lines: Lines) -> None:
    made = operator.post(f"{GROUPS}/", json=NEW_GROUP).get_json()
    line = lines()[-1]
    assert line.pop("duration_ms") >= 0
    assert line.pop("user_id")
    assert line.pop("user_agent")
    assert line == {
        "message": "subcloud_group create done",
        "user_name": "admin",
        "project_name": "admin",
        "roles": ["admin", "member", "reader"],
        "remote_address": "127.0.0.1",
        "sender": "operator",
        "method": "POST",
        "path": f"/v1.0{GROUPS}/",
        "route": f"/v1.0{GROUPS}",
        "verb": "create",
        "object_type": "subcloud_group",
        "object_id": made["id"],
        "object_name": "quays",
        "status": 200,
        "outcome": "done",
    }


@pytest.mark.parametrize(
    ("method", "path", "verb", "kind", "reference"),
    [
        ("POST", "/v1.0/system-peers", "create", "system_peer", None),
        ("PATCH", "/v1.0/system-peers/north", "update", "system_peer", "north"),
        ("DELETE", "/v1.0/subcloud-peer-groups/7", "delete", "subcloud_peer_group", "7"),
        ("PATCH", "/v1.0/peer-group-associations/7/sync", "sync", "peer_group_association", "7"),
        ("PATCH", "/v1.0/subclouds/quay/update_status", "update_status", "subcloud", "quay"),
        ("PATCH", "/v1.0/subclouds/quay/redeploy", "redeploy", "subcloud", "quay"),
        ("PATCH", "/v1.0/subclouds/k%C3%A4i", "update", "subcloud", "käi"),
    ],
)
def test_the_line_names_verb_and_object(
    client: FlaskClient, lines: Lines, method: str, path: str, verb: str, kind: str, reference: str | None
) -> None:
    client.open(path, method=method)
    (line,) = lines()
    named = (line["verb"], line["object_type"], line.get("object_reference"))
    assert named == (verb, kind, reference)


def test_the_types_of_objects_are_the_resources_that_can_be_changed(app: Flask) -> None:
    changing = [rule.rule for rule in app.url_map.iter_rules() if VERBS.keys() & (rule.methods or set())]
    collections = {rule.split("/<")[0].rpartition("/")[2] for rule in changing}
    assert collections == TYPES.keys()


# The contract names these in the singular; what the second one changes are subclouds.
SINGULAR = {"subcloud-deploy", "phased-subcloud-deploy"}


@pytest.mark.parametrize("collection", sorted(TYPES.keys() - SINGULAR))
def test_the_type_of_an_object_is_the_singular_of_its_collection(collection: str) -> None:
    assert f"{TYPES[collection]}s".replace("_", "-") == collection


def test_what_is_refused_without_a_token_is_told(client: FlaskClient, lines: Lines) -> None:
    client.delete(f"/v1.0{GROUPS}/1")
    (line,) = lines()
    assert (line["status"], line["outcome"]) == (401, "refused")
    assert "user_name" not in line


def test_what_is_refused_for_want_of_a_role_is_told_with_who_tried(reader: SiteClient, lines: Lines) -> None:
    reader.delete(f"{GROUPS}/1")
    line = lines()[-1]
    assert (line["status"], line["outcome"], line["user_name"]) == (403, "refused", "rita")
    assert line["roles"] == ["reader"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1.0/nothing", 404), ("DELETE", "/healthz", 405), ("PUT", "/v1.0/subclouds", 405)],
)
def test_an_address_that_there_is_not_is_told_by_its_path(
    client: FlaskClient, lines: Lines, method: str, path: str, status: int
) -> None:
    client.open(path, method=method)
    (line,) = lines()
    assert (line["path"], line["status"]) == (path, status)


def test_a_method_in_lower_case_is_told_like_any_other(operator: SiteClient, lines: Lines) -> None:
    before = len(lines())
    operator.delete(f"{GROUPS}/7", environ_overrides={"REQUEST_METHOD": "delete"})
    (line,) = lines()[before:]
    assert (line["method"], line["verb"], line["status"]) == ("DELETE", "delete", 404)


def test_what_fails_is_told(operator: SiteClient, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subcloud_groups, "delete_group", lambda *_: 1 / 0)
    assert operator.delete(f"{GROUPS}/1").status_code == 500
    line = lines()[-1]
    assert (line["status"], line["outcome"], line["user_name"]) == (500, "failed", "admin")


def test_what_only_reads_is_not_told(operator: SiteClient, lines: Lines) -> None:
    before = len(lines())
    for path in (GROUPS, "/subclouds", "/nothing"):
        operator.get(path)
    assert len(lines()) == before


@pytest.mark.parametrize("path", ["/subclouds/1", "/subclouds/quay-1/detail", f"{MEMBERS}/subclouds"])
def test_a_read_that_shows_secrets_is_told(
    operator: SiteClient, reader: SiteClient, lines: Lines, app: Flask, path: str
) -> None:
    copy = secondary_form(region_name="quays")
    site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
    assert site.post("/subclouds", **copy).status_code == 200
    assert operator.post("/subcloud-peer-groups", json=COPIED).status_code == 200
    assert site.patch("/subclouds/quays", **form(peer_group="copied")).status_code == 200
    before = len(lines())
    shown = operator.get(path)
    assert "Winch 3" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    (line,) = lines()[before:]
    assert (line["verb"], line["outcome"], line["user_name"]) == ("read secrets", "done", "admin")
    kind, reference = path.split("/")[1:3]
    assert (line["object_type"], line["object_reference"]) == (TYPES[kind], reference)
    assert line.get("object_name") == (None if path.startswith(MEMBERS) else "quay-1")
    for unseen in (
        lambda: reader.get(path),
        lambda: operator.get("/subclouds"),
        lambda: operator.get("/subclouds/9"),
    ):
        assert "Winch 3" not in unseen().text
    assert len(lines()) == before + 1


def test_a_read_of_what_has_no_values_is_not_told(operator: SiteClient, lines: Lines) -> None:
    operator.post("/subcloud-peer-groups", json=COPIED)
    before = len(lines())
    operator.get(f"{MEMBERS}/subclouds")
    assert len(lines()) == before


def test_where_a_peer_is_called_from_now_on_is_told(operator: SiteClient, lines: Lines) -> None:
    operator.post("/system-peers", json=peer_values(1))
    assert lines()[-1]["manager_endpoint"] == "http://192.0.2.1:5000/v3"
    moved = {"manager_endpoint": "http://192.0.2.2:5000/v3", "manager_password": "b3RoZXI="}
    operator.patch("/system-peers/1", json=moved)
    assert lines()[-1]["manager_endpoint"] == moved["manager_endpoint"]
    operator.patch("/system-peers/1", json={"heartbeat_interval": 30})
    assert "manager_endpoint" not in lines()[-1]


def test_another_site_is_told_from_an_operator(other_site: SiteClient, lines: Lines) -> None:
    other_site.delete("/subclouds/quay")
    line = lines()[-1]
    assert (line["sender"], line["user_agent"]) == ("peer", "dcmanager/1.0")


def test_a_login_is_told_with_who_logged_in(client: FlaskClient, lines: Lines) -> None:
    log_in(client, "admin", ADMIN_PASSWORD)
    (line,) = lines()
    assert (line["user_name"], line["project_name"], line["status"]) == ("admin", "admin", 201)
    assert line["object_id"], "the audit id, under which Keystone's clients know a token"


def test_a_login_that_fails_is_told_with_the_name_that_was_tried(client: FlaskClient, lines: Lines) -> None:
    log_in(client, "mallory", "guess")
    (line,) = lines()
    assert (line["user_name"], line["status"]) == ("mallory", 401)
    assert "roles" not in line


def test_a_revoked_token_is_told_by_its_audit_id(operator: SiteClient, app: Flask, lines: Lines) -> None:
    text = operator.headers["X-Auth-Token"]
    headers = {"X-Auth-Token": text, "X-Subject-Token": text}
    shown = app.test_client().get("/v3/auth/tokens", headers=headers).get_json()["token"]
    app.test_client().delete("/v3/auth/tokens", headers=headers)
    line = lines()[-1]
    assert (line["verb"], line["object_type"], line["status"]) == ("delete", "token", 204)
    assert (line["object_id"], line["object_name"]) == (shown["audit_ids"][0], "admin")
    assert (line["user_name"], text in str(line)) == ("admin", False)


def test_a_change_of_a_password_is_told_with_the_user_and_no_password(app: Flask, lines: Lines) -> None:
    passwords = {"original_password": "the old one", "password": "the new one"}
    app.test_client().post("/v3/users/4711/password", json={"user": passwords})
    (line,) = lines()
    assert (line["verb"], line["object_type"], line["object_reference"]) == ("password", "user", "4711")
    assert (line["status"], line["outcome"]) == (401, "refused")
    assert not [text for text in passwords.values() if text in str(line)]


def log_in(client: FlaskClient, name: str, password: str) -> None:
    user = {"name": name, "domain": {"name": "Default"}, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    client.post("/v3/auth/tokens", json={"auth": {"identity": identity}})


def test_no_secret_stands_in_a_line(
    operator: SiteClient, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    assert operator.post("/subclouds?x=query-secret", **new_form()).status_code == 200
    operator.patch("/subclouds/quay-1", json={"sysadmin_password": PASSWORD})
    text = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert len(lines()) >= 2
    token = operator.headers["X-Auth-Token"]
    for secret in (ADMIN_PASSWORD, PASSWORD, "Bollard*7", "Winch 3", "query-secret", token):
        assert secret not in text


def test_nothing_that_a_client_sends_breaks_a_line(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, AUDIT_LOGGER)
    forged = "/v1.0/subclouds/x%0d%0a2026-01-01T00:00:00Z%20INFO%20all%20is%20well%1b%5b2K%e2%80%a8%c2%85"
    client.delete(forged, headers={"User-Agent": 'x" outcome="done \x1b[1m'})
    (record,) = [record for record in caplog.records if record.name == AUDIT_LOGGER]
    for formatter in (PlainFormatter(), JsonFormatter()):
        assert formatter.format(record).isprintable()
    assert '\\" outcome=\\"done' in PlainFormatter().format(record)


def test_long_texts_are_cut(client: FlaskClient, lines: Lines) -> None:
    client.delete("/v1.0/subclouds/" + "x" * 5000, headers={"User-Agent": "y" * 5000})
    (line,) = lines()
    assert {len(line[name]) for name in ("path", "object_reference", "user_agent")} == {LONGEST_VALUE}


def test_a_line_bears_the_id_of_the_answer_and_that_of_its_sender(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, AUDIT_LOGGER)
    seen: list[tuple[str, str]] = []
    handler = Ids(seen)
    logging.getLogger(AUDIT_LOGGER).addHandler(handler)
    sent = "req-3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    try:
        answer = client.delete(f"/v1.0{GROUPS}/1", headers={"X-Openstack-Request-Id": sent})
    finally:
        logging.getLogger(AUDIT_LOGGER).removeHandler(handler)
    assert seen == [(answer.headers["X-Openstack-Request-Id"], sent)]


class Ids(logging.Handler):
    """Keeps the ids that each record is written under."""

    def __init__(self, seen: list[tuple[str, str]]) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, _record: logging.LogRecord) -> None:
        self._seen.append((request_id.get(), global_request_id.get()))


# -- Commands --


def test_a_command_is_told(lines: Lines) -> None:
    with audited_command("user", "add", "joan"):
        pass
    (line,) = lines()
    assert line["message"] == "user add done"
    assert line["object_reference"] == "joan"
    assert line["sender"] == "command line"
    assert line["user_name"]


@pytest.mark.parametrize(("error", "outcome"), [(NotFound("x"), "refused"), (OSError("x"), "failed")])
def test_a_command_that_changes_nothing_is_told(lines: Lines, error: Exception, outcome: str) -> None:
    with pytest.raises(type(error)), audited_command("user", "delete", "joan"):
        raise error
    assert [line["outcome"] for line in lines()] == [outcome]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["user", "add", "joan", "--role", "reader", "--password-stdin"], "user add done"),
        (["user", "delete", "nobody"], "user delete refused"),
        (["simulate", "no-such-subcloud", "--availability", "offline"], "subcloud simulate refused"),
    ],
)
def test_commands_that_change_something_are_told(
    app: Flask, lines: Lines, command: list[str], message: str
) -> None:
    app.test_cli_runner().invoke(args=["dcapi", *command], input="a-password\n")
    (line,) = lines()
    assert line["message"] == message
    assert "a-password" not in str(line)


# Commands that change nothing; every other one is told.
READING = {("policy",), ("user", "list")}


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def words_of(command: click.Command) -> Iterator[str]:
    """What a command cannot do without; of several things that it does, one."""
    for parameter in command.params:
        choices = getattr(parameter.type, "choices", ["nobody"])
        if isinstance(parameter, click.Argument):
            yield choices[0]
        elif parameter.required or parameter.opts == ["--availability"]:
            yield from (parameter.opts[0], choices[0])
        elif parameter.opts == ["--password-stdin"]:
            yield parameter.opts[0]


COMMANDS = dict(commands(dcapi_group))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_that_does_not_only_read_is_told(
    app: Flask, lines: Lines, path: tuple[str, ...]
) -> None:
    words = [*path, *words_of(COMMANDS[path])]
    result = app.test_cli_runner().invoke(args=["dcapi", *words], input="a-password\n")
    assert "Usage" not in result.output, result.output
    told = [line["sender"] for line in lines()]
    assert told == ([] if path in READING else ["command line"])


def test_commands_that_only_read_are_not_told(app: Flask, lines: Lines) -> None:
    app.test_cli_runner().invoke(args=["dcapi", "user", "list"])
    assert lines() == []


def test_commands_have_request_ids_of_their_own() -> None:
    seen: list[str] = []
    for _ in range(2):
        with audited_command("user", "add", "joan"):
            seen.append(request_id.get())
    assert len({accepted_request_id(each) for each in seen} - {""}) == 2
