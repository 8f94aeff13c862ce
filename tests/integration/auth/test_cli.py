"""The commands with which an operator keeps users."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import Result
from flask import Flask

from dcapi.auth.rules import DEFAULTS
from dcapi.auth.users import Users
from tests.integration.auth.small_site import log_in, small_site, token

ADD = ("add", "joan", "--role", "reader", "--role", "operator", "--project", "services", "--password-stdin")


def run(site: Flask, *arguments: str, given: str | bytes = "") -> Result:
    return run_dcapi(site, "user", *arguments, given=given)


def run_dcapi(site: Flask, *arguments: str, given: str | bytes = "") -> Result:
    return site.test_cli_runner().invoke(args=["dcapi", *arguments], input=given)


def is_valid(site: Flask, text: str) -> bool:
    return site.test_client().get("/v1", headers={"X-Auth-Token": text}).status_code == 200


def said(result: Result) -> str:
    """The last line on standard error; the audit log may stand above it."""
    return result.stderr.splitlines()[-1]


def test_a_user_that_was_added_can_log_in(site: Flask, users: Users) -> None:
    result = run(site, *ADD, given="a secret \n")
    assert (result.exit_code, result.stdout) == (0, "added user joan\n")
    (joan,) = [user for user in users.list() if user.name == "joan"]
    assert (joan.roles, joan.projects) == (("reader", "operator"), ("services",))
    assert token(site.test_client(), "joan", "a secret ")


def test_a_user_is_in_the_project_admin_unless_told_otherwise(site: Flask, users: Users) -> None:
    assert run(site, "add", "joan", "--role", "admin", "--password-stdin", given="x").exit_code == 0
    joan = users.find("joan")
    assert joan is not None
    assert joan.projects == ("admin",)


def test_the_list_shows_who_there_is_and_no_secret(site: Flask, users: Users) -> None:
    run(site, *ADD, given="secret\n")
    result = run(site, "list")
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "ROLES", "PROJECTS", "ENABLED"],
        ["admin", "admin,member,reader", "admin", "yes"],
        ["joan", "reader,operator", "services", "yes"],
    ]
    assert "scrypt" not in result.output


def test_a_deleted_user_cannot_log_in(site: Flask, users: Users) -> None:
    run(site, *ADD, given="secret\n")
    result = run(site, "delete", "joan")
    assert (result.exit_code, result.stdout) == (0, "deleted user joan\n")
    assert users.find("joan") is None


def test_a_user_gets_another_password_and_its_tokens_end(site: Flask) -> None:
    run(site, *ADD, given="secret\n")
    client = site.test_client()
    old = token(client, "joan", "secret")
    result = run(site, "password", "joan", "--password-stdin", given="another\n")
    assert (result.exit_code, result.stdout) == (0, "user joan has a new password\n")
    assert client.get("/v1", headers={"X-Auth-Token": old}).status_code == 401
    assert log_in(client, "joan", "secret").status_code == 401
    new = token(client, "joan", "another")
    assert client.get("/v1", headers={"X-Auth-Token": new}).status_code == 200


def test_a_user_that_there_is_not_gets_no_password(site: Flask, users: Users) -> None:
    result = run(site, "password", "nobody", "--password-stdin", given="secret\n")
    assert (result.exit_code, said(result)) == (1, "Error: There is no user 'nobody'")
    result = run(site, "password", "admin", "--password-stdin", given="\n")
    assert (result.exit_code, said(result)) == (1, "Error: A password has 1 to 1024 characters")
    assert users.find("nobody") is None


def test_who_changes_the_user_of_a_setting_is_told_when_it_counts_again(site: Flask) -> None:
    result = run(site, "password", "admin", "--password-stdin", given="another\n")
    assert result.exit_code == 0
    assert said(result) == "DCAPI_ADMIN_PASSWORD is set: it counts again, for the user admin, when it changes"
    assert "DCAPI_ADMIN_PASSWORD" in run(site, "delete", "admin").stderr


def test_a_disabled_user_is_let_in_no_more_until_it_is_enabled(site: Flask) -> None:
    run(site, *ADD, given="secret\n")
    old = token(site.test_client(), "joan", "secret")
    for _ in range(2):
        result = run(site, "disable", "joan")
        assert (result.exit_code, result.stdout) == (0, "disabled user joan\n")
    assert run(site, "list").stdout.splitlines()[-1].split()[-1] == "no"
    refused, wrong = (log_in(site.test_client(), "joan", password) for password in ("secret", "wrong"))
    assert (refused.status_code, refused.data) == (401, wrong.data)
    assert not is_valid(site, old)
    result = run(site, "enable", "joan")
    assert (result.exit_code, result.stdout) == (0, "enabled user joan\n")
    assert is_valid(site, token(site.test_client(), "joan", "secret"))
    assert not is_valid(site, old)


def test_a_user_that_there_is_not_is_neither_disabled_nor_enabled(site: Flask) -> None:
    for verb in ("disable", "enable"):
        result = run(site, verb, "nobody")
        assert (result.exit_code, said(result)) == (1, "Error: There is no user 'nobody'")


def test_a_token_is_revoked_by_its_text_or_from_standard_input(site: Flask) -> None:
    tokens = [token(site.test_client()) for _ in range(3)]
    for arguments, given in (([tokens[0]], ""), (["-"], f"{tokens[1]}\n")):
        result = run_dcapi(site, "token", "revoke", *arguments, given=given)
        assert (result.exit_code, result.stdout) == (0, "revoked a token of user admin\n")
    assert [is_valid(site, text) for text in tokens] == [False, False, True]
    for unknown in (tokens[0], "nonsense", ""):
        result = run_dcapi(site, "token", "revoke", "-", given=unknown)
        assert (result.exit_code, said(result)) == (1, "Error: The token is invalid or has expired")


def test_a_new_key_ends_no_token(site: Flask) -> None:
    before = token(site.test_client())
    result = run_dcapi(site, "rotate-token-key")
    assert result.exit_code == 0
    assert "older ones stay valid for up to 3600 s" in result.stdout
    assert is_valid(site, before)
    assert is_valid(site, token(site.test_client()))


def test_a_key_of_no_use_is_named_and_stays(site: Flask, tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text("short")
    result = run_dcapi(site, "rotate-token-key")
    assert result.exit_code == 1
    assert "token.key holds a key of 5 bytes" in said(result)
    assert (tmp_path / "token.key").read_text() == "short"


def test_the_policy_in_force_is_shown_with_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("dc_api:subclouds:get: role:operator\ndc_api:alarm_manager:get: ''\n")
    site = small_site(tmp_path, POLICY_FILE=str(path))
    result = site.test_cli_runner().invoke(args=["dcapi", "policy"])
    assert result.exit_code == 0
    lines = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert lines[0] == ["RULE", "CHECK", "FROM"]
    assert ["system_project", "project_name:admin or project_name:services", "default"] in lines
    assert ["dc_api:subclouds:get", "role:operator", str(path)] in lines
    assert ["dc_api:alarm_manager:get", "(everyone with a token)", str(path)] in lines
    assert len(lines) == 1 + len(DEFAULTS)


def test_a_taken_name_is_refused(site: Flask) -> None:
    run(site, *ADD, given="secret\n")
    result = run(site, *ADD, given="secret\n")
    assert result.exit_code == 1
    assert said(result).startswith("Error: User 'joan' exists already")


def test_a_user_that_there_is_not_cannot_be_deleted(site: Flask) -> None:
    result = run(site, "delete", "nobody")
    assert (result.exit_code, said(result)) == (1, "Error: There is no user 'nobody'")


def test_a_password_must_be_given(site: Flask, users: Users) -> None:
    for given in ("", "\n"):
        result = run(site, *ADD, given=given)
        assert (result.exit_code, said(result)) == (1, "Error: A password has 1 to 1024 characters")
    result = run(site, *ADD, given=b"\xff\n")
    assert (result.exit_code, "UTF-8" in result.stderr) == (1, True)
    result = run(site, *ADD[:-1])
    assert (result.exit_code, "--password-stdin" in result.stderr) == (2, True)
    assert users.find("joan") is None


def test_a_role_that_means_nothing_is_refused(site: Flask) -> None:
    result = run(site, "add", "joan", "--role", "root", "--password-stdin", given="secret\n")
    assert (result.exit_code, "configurator" in result.stderr) == (2, True)
    assert run(site, "add", "joan", "--password-stdin", given="secret\n").exit_code == 2


def test_a_broken_file_is_named(site: Flask, tmp_path: Path) -> None:
    (tmp_path / "identity.yaml").write_text("users: nonsense")
    result = run(site, "list")
    assert result.exit_code == 1
    assert "identity.yaml does not describe users" in result.stderr


def test_the_commands_are_listed(tmp_path: Path) -> None:
    result = run(small_site(tmp_path), "--help")
    assert all(name in result.stdout for name in ("add", "list", "password", "disable", "enable", "delete"))
