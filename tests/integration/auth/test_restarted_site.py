"""What tokens outlive: a restart, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from dcapi import create_app
from dcapi.api.database import db
from tests.conftest import ADMIN_PASSWORD, site_settings
from tests.integration.auth.small_site import token

NOON = 1_800_000_000.0


@contextmanager
def started(app: Flask, database_uri: str, **more: str) -> Iterator[Flask]:
    """The same site, started again."""
    given = {"ADMIN_PASSWORD": "", "SQLALCHEMY_DATABASE_URI": database_uri, **more}
    site = create_app(site_settings(Path(app.instance_path), **given))
    try:
        yield site
    finally:
        with site.app_context():
            db.engine.dispose()


def answer(site: Flask, text: str) -> int:
    return site.test_client().get("/v1.0/subclouds", headers={"X-Auth-Token": text}).status_code


def test_a_token_stays_valid_over_a_restart_until_it_expires(app: Flask, database_uri: str) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        text = token(app.test_client(), "admin", ADMIN_PASSWORD)
        clock.shift(3599)
        with started(app, database_uri) as again:
            assert answer(again, text) == 200
            clock.shift(1)
            assert answer(again, text) == 401


def test_another_password_ends_older_tokens_of_all_processes(app: Flask, database_uri: str) -> None:
    text = token(app.test_client(), "admin", ADMIN_PASSWORD)
    with started(app, database_uri) as other:
        assert answer(other, text) == 200
        command = ["dcapi", "user", "password", "admin", "--password-stdin"]
        assert other.test_cli_runner().invoke(args=command, input="another\n").exit_code == 0
        for site in (app, other):
            assert answer(site, text) == 401
            assert answer(site, token(site.test_client(), "admin", "another")) == 200


def test_another_password_of_the_setting_ends_older_tokens(app: Flask, database_uri: str) -> None:
    text = token(app.test_client(), "admin", ADMIN_PASSWORD)
    with started(app, database_uri, ADMIN_PASSWORD=ADMIN_PASSWORD) as again:
        assert answer(again, text) == 200
    with started(app, database_uri, ADMIN_PASSWORD="another") as again:
        assert answer(again, text) == 401


def test_a_broken_file_of_users_is_answered_503_until_it_is_mended(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    text = token(app.test_client(), "admin", ADMIN_PASSWORD)
    users = Path(app.instance_path) / "identity.yaml"
    whole = users.read_bytes()
    users.write_bytes(b"users: nonsense")
    for path, method in (("/v1.0/subclouds", "GET"), ("/v3/auth/tokens", "GET")):
        headers = {"X-Auth-Token": text, "X-Subject-Token": text}
        refused = app.test_client().open(path, method=method, headers=headers)
        assert refused.status_code == 503
        assert "A file that this site needs is broken" in refused.text
        assert "identity.yaml" not in refused.text
        assert "identity.yaml does not describe users" in caplog.text
    users.write_bytes(whole)
    assert answer(app, text) == 200
