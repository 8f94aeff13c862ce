"""The commands with which an operator keeps users."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result
from flask import Flask

from dcapi.auth.users import Users
from tests.integration.auth.small_site import small_site, token

ADD = ("add", "joan", "--role", "reader", "--role", "operator", "--project", "services", "--password-stdin")


def run(site: Flask, *arguments: str, given: str | bytes = "") -> Result:
    return site.test_cli_runner().invoke(args=["dcapi", "user", *arguments], input=given)


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
        ["NAME", "ROLES", "PROJECTS"],
        ["admin", "admin,member,reader", "admin"],
        ["joan", "reader,operator", "services"],
    ]
    assert "scrypt" not in result.output


def test_a_deleted_user_cannot_log_in(site: Flask, users: Users) -> None:
    run(site, *ADD, given="secret\n")
    result = run(site, "delete", "joan")
    assert (result.exit_code, result.stdout) == (0, "deleted user joan\n")
    assert users.find("joan") is None


def test_who_deletes_the_user_of_a_setting_is_warned(site: Flask) -> None:
    assert "DCAPI_ADMIN_PASSWORD" in run(site, "delete", "admin").stderr


def test_a_taken_name_is_refused(site: Flask) -> None:
    run(site, *ADD, given="secret\n")
    result = run(site, *ADD, given="secret\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: User 'joan' exists already")


def test_a_user_that_there_is_not_cannot_be_deleted(site: Flask) -> None:
    result = run(site, "delete", "nobody")
    assert (result.exit_code, result.stderr) == (1, "Error: There is no user 'nobody'\n")


def test_a_password_must_be_given(site: Flask, users: Users) -> None:
    for given in ("", "\n"):
        result = run(site, *ADD, given=given)
        assert (result.exit_code, result.stderr) == (1, "Error: A password has 1 to 1024 characters\n")
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
    assert all(name in result.stdout for name in ("add", "list", "delete"))
