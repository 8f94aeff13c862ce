"""``flask --app wsgi dcapi …``: what an operator does to a site from its own machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from flask import Flask
from flask.cli import AppGroup

from dcapi.api.request import runtime
from dcapi.audit_log import audited_command
from dcapi.auth.guard import embedded_identity
from dcapi.auth.policy import rights
from dcapi.auth.rules import ROLES
from dcapi.auth.users import ADMIN, LONGEST_PASSWORD, Users
from dcapi.deploy.simulated_failures import WORDS
from dcapi.errors import DcapiError, SettingsError
from dcapi.models.states import Availability
from dcapi.services import secrets_rotation, subclouds
from dcapi.services.deploying import simulation

dcapi_group = AppGroup("dcapi", help="Look after this site.")
user_group = AppGroup("user", help="Users of the embedded identity service.")
token_group = AppGroup("token", help="Tokens of the embedded identity service.")
dcapi_group.add_command(user_group)
dcapi_group.add_command(token_group)

# Bytes that are read of a line: more than the longest password takes in UTF-8, and any token.
LINE_BYTES = max(4 * LONGEST_PASSWORD + 2, 64 * 1024)

SETTING_WAITS = "DCAPI_ADMIN_PASSWORD is set: it counts again, for the user {}, when it changes"


def is_command() -> bool:
    """Whether this process was started as a command of flask, and not to serve the site."""
    return click.get_current_context(silent=True) is not None


def register(app: Flask) -> None:
    """Give the application its commands."""
    app.cli.add_command(dcapi_group)


@user_group.command("add")
@click.argument("name")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    required=True,
    help="A role that the user has; give several by repeating it. admin implies member and reader.",
)
@click.option(
    "--project",
    "projects",
    multiple=True,
    default=["admin"],
    show_default=True,
    help="A project that the user may log in to, repeatable. Only admin and services may call the API.",
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)
def add_user(name: str, roles: Sequence[str], projects: Sequence[str], password_stdin: bool) -> None:
    """Add a user NAME, who can log in at once."""
    password = _password_from_stdin() if password_stdin else _password_from_terminal()
    with _errors_told(), audited_command("user", "add", name):
        _users().add(name, password, roles, projects)
    click.echo(f"added user {name}")


@user_group.command("list")
def list_users() -> None:
    """List the users with their roles and projects."""
    with _errors_told():
        rows = [
            (user.name, ",".join(user.roles), ",".join(user.projects), "yes" if user.enabled else "no")
            for user in _users().list()
        ]
    for line in _table([("NAME", "ROLES", "PROJECTS", "ENABLED"), *rows]):
        click.echo(line)


@user_group.command("password")
@click.argument("name")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)
def set_password(name: str, password_stdin: bool) -> None:
    """Give the user NAME another password; its tokens end at once."""
    password = _password_from_stdin() if password_stdin else _password_from_terminal()
    with _errors_told(), audited_command("user", "set password", name):
        _users().set_password(name, password)
    click.echo(f"user {name} has a new password")
    _tell_of_setting(name)


@user_group.command("disable")
@click.argument("name")
def disable_user(name: str) -> None:
    """Let the user NAME log in no more; its tokens end at once, for good."""
    with _errors_told(), audited_command("user", "disable", name):
        _users().disable(name)
    click.echo(f"disabled user {name}")


@user_group.command("enable")
@click.argument("name")
def enable_user(name: str) -> None:
    """Let the user NAME log in again, with the password of before."""
    with _errors_told(), audited_command("user", "enable", name):
        _users().enable(name)
    click.echo(f"enabled user {name}")


@user_group.command("delete")
@click.argument("name")
def delete_user(name: str) -> None:
    """Delete the user NAME, whose tokens end at once."""
    with _errors_told(), audited_command("user", "delete", name):
        _users().delete(name)
    click.echo(f"deleted user {name}")
    _tell_of_setting(name)


def _tell_of_setting(name: str) -> None:
    if name == ADMIN and runtime().settings.ADMIN_PASSWORD:
        click.echo(SETTING_WAITS.format(name), err=True)


@token_group.command("revoke")
@click.argument("token")
def revoke_token(token: str) -> None:
    """End the token TOKEN, and no other one; `-` reads it from the first line of standard input."""
    with _errors_told(), audited_command("token", "revoke") as told:
        identity = embedded_identity()
        found = identity.token_of(_line_of_stdin("token") if token == "-" else token)  # noqa: S105
        # The token itself is a secret.
        told["object_reference"] = found.claims.audit_id
        identity.revoke(found)
    click.echo(f"revoked a token of user {found.user.name}")


@dcapi_group.command("rotate-token-key")
def rotate_token_key() -> None:
    """Sign tokens with a new key; those that are valid now stay so until they run out.

    All processes take the new key up at once. To end all tokens, delete token.key and restart the site.
    """
    with _errors_told(), audited_command("token key", "rotate"):
        identity = embedded_identity()
        identity.rotate_token_key()
    click.echo(f"a new key signs tokens; older ones stay valid for up to {identity.tokens.lifetime} s")


@dcapi_group.command("policy")
def show_policy() -> None:
    """Show the rules in force, and which of them the policy file gives."""
    rows = [
        (rule.name, rule.check or "(everyone with a token)", rule.source or "default")
        for rule in rights().in_force()
    ]
    for line in _table([("RULE", "CHECK", "FROM"), *rows]):
        click.echo(line)


@dcapi_group.command("simulate")
@click.argument("name")
@click.option(
    "--availability",
    type=click.Choice([word.value for word in Availability]),
    help="Whether the subcloud is online or offline.",
)
@click.option(
    "--fail",
    "phase",
    type=click.Choice(WORDS),
    help="What of the subcloud fails the next time, and only then; with the simulated deployer.",
)
def simulate(name: str, availability: str | None, phase: str | None) -> None:
    """Take the subcloud NAME off the air or put it on again, or let a phase of it fail.

    Of a real one, the availability notes what you know.
    """
    if (availability is None) == (phase is None):
        raise click.UsageError("Give either --availability or --fail")
    told = audited_command("subcloud", "simulate", name)
    with _errors_told(), told, runtime().unit_of_work() as session:
        if availability is not None:
            subclouds.simulate(session, name, availability)
        if phase is not None:
            simulation.plan_failure(session, runtime().settings, name, phase)
    done = f"is {availability}" if availability else f"fails the next time: {phase}"
    click.echo(f"subcloud {name} {done}")


@dcapi_group.command("rotate-secrets")
@click.option(
    "--drop-old-keys",
    is_flag=True,
    help="Make no new key; when every secret is encrypted with the first one, forget the others.",
)
def rotate_secrets(drop_old_keys: bool) -> None:
    """Encrypt all secrets in the database anew, beside a running site.

    A key that stands in the instance folder is replaced by a new one, which all processes take up at once. Of
    the keys in DCAPI_SECRETS_KEYS the first one is used; every process has to know it before.
    """
    with _errors_told(), audited_command("secrets", "rotate"):
        report = secrets_rotation.rotate_secrets(runtime(), drop_old_keys=drop_old_keys)
    for name, count in report.tables.items():
        click.echo(f"{name}: {count.rows} rows with secrets, {count.reencrypted} encrypted anew")
    for line in _told_of_keys(report, in_settings=bool(runtime().settings.SECRETS_KEYS)):
        click.echo(line)


def _told_of_keys(report: secrets_rotation.Report, *, in_settings: bool) -> list[str]:
    if in_settings:
        return ["every secret is encrypted with the first of DCAPI_SECRETS_KEYS; the others can be left out"]
    if report.dropped:
        return [f"every secret is encrypted with the first key; old keys dropped: {report.dropped}"]
    told = ["a new key was made"] if report.made_key else []
    return [
        *told,
        "every secret is encrypted with the first key; the old ones stay in secrets.key, for backups of the "
        "database, until `rotate-secrets --drop-old-keys`",
    ]


def _users() -> Users:
    return embedded_identity().users


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turn what the caller can be told into one line on stderr and exit code 1."""
    try:
        yield
    except DcapiError as error:
        raise click.ClickException(error.message) from error
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _password_from_stdin() -> str:
    return _line_of_stdin("password")


def _line_of_stdin(what: str) -> str:
    line = sys.stdin.buffer.readline(LINE_BYTES)
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"The {what} on standard input is not UTF-8") from error


def _password_from_terminal() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password: use --password-stdin")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
