"""What is said of the health of a process to everybody who asks."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError

from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.log import configure_logging
from dcapi.models import database_probe
from dcapi.settings import settings_from
from tests.conftest import make_site


def readiness(client: FlaskClient) -> tuple[int, list[str]]:
    """The code of the answer, and the words of the parts that it says do not work."""
    answer = client.get("/readyz")
    checks: dict[str, str] = answer.json["checks"]  # type: ignore[index]
    assert set(checks) == {"database", "migrations", "executor", "identity", "audit"}
    return answer.status_code, [f"{part} {word}" for part, word in checks.items() if word != "ok"]


def test_a_process_whose_parts_work_is_ready(client: FlaskClient) -> None:
    assert readiness(client) == (200, [])


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '0001'", "DELETE FROM {}"])
def test_a_process_before_a_database_of_another_version_is_not_ready(
    app: Flask, client: FlaskClient, statement: str
) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement.format("alembic_version")))
    assert readiness(client) == (503, ["migrations other-version"])


def test_process_without_its_database_lives_and_is_not_ready(app: Flask, client: FlaskClient) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError(None, None, Exception("connection refused at secret-host"))

    engine = app.extensions[EXTENSION].database._engine
    event.listen(engine, "do_connect", refuse)
    assert readiness(client) == (503, ["database away", "migrations unknown"])
    assert b"secret-host" not in client.get("/readyz").data
    assert client.get("/healthz").status_code == 200
    event.remove(engine, "do_connect", refuse)
    assert readiness(client) == (200, [])


def test_a_process_whose_audit_log_cannot_be_written_works_on(
    prepared_instance: Path, tmp_path: Path
) -> None:
    file = tmp_path / "audit.log"
    with make_site(prepared_instance, tmp_path, AUDIT_FILE=str(file)) as app:
        client = app.test_client()
        assert readiness(client) == (200, [])
        file.unlink()
        file.mkdir()
        assert readiness(client) == (200, ["audit failing"])
        assert client.get("/readyz").json["status"] == "degraded"  # type: ignore[index]
        assert str(file) not in client.get("/readyz").text
        file.rmdir()
        assert readiness(client) == (200, [])
        assert client.get("/readyz").json["status"] == "ready"  # type: ignore[index]
    configure_logging(settings_from({}))


def test_a_process_that_ends_takes_no_jobs_and_is_not_ready(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InlineJobs, "stopping", True)
    assert readiness(client) == (503, ["executor stopping"])


@pytest.mark.parametrize(("content", "word"), [(None, "missing"), ("users: [", "broken"), ("{}", "broken")])
def test_a_process_that_knows_no_users_is_not_ready(
    app: Flask, client: FlaskClient, content: str | None, word: str
) -> None:
    file = Path(app.instance_path) / "identity.yaml"
    kept = file.read_text()
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert readiness(client) == (503, [f"identity {word}"])
    file.write_text(kept)
    assert readiness(client) == (200, [])


def test_a_writer_that_never_ends_is_told_within_seconds(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_probe, "WRITE_SECONDS", 0.0)
    with app.app_context(), db.engine.begin() as other:
        other.execute(text("UPDATE site SET uuid = uuid"))
        assert readiness(client) == (503, ["database locked"])
    assert readiness(client) == (200, [])


def test_a_write_that_went_well_counts_for_a_moment(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    engine = app.extensions[EXTENSION].database._engine
    event.listen(engine, "before_cursor_execute", lambda *told: writes.append(told[2].split()[0]))
    for _ in range(3):
        assert readiness(client) == (200, [])
    assert writes.count("UPDATE") == 1
    monkeypatch.setattr(database_probe, "WRITE_SECONDS", 0.0)
    assert readiness(client) == (200, [])
    assert writes.count("UPDATE") == 2


def meet(app: Flask, monkeypatch: pytest.MonkeyPatch, sqlite: int, postgresql: str) -> None:
    """Let one statement of the site's own fail with this code of its database."""

    def refuse(*_: Any) -> None:
        if db.engine.dialect.name == "sqlite":
            error = sqlite3.OperationalError("it happened at secret-place")
            error.sqlite_errorcode = sqlite
            raise error
        from psycopg import errors

        raise errors.lookup(postgresql)("it happened at secret-place")

    with app.app_context(), db.engine.connect() as connection, monkeypatch.context() as patch:
        patch.setattr(db.engine.dialect, "do_execute", refuse)
        with pytest.raises(DBAPIError):
            connection.execute(text("INSERT INTO site VALUES (1)"))


def test_a_full_disk_that_a_look_does_not_meet_is_told_for_a_while(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet(app, monkeypatch, sqlite3.SQLITE_FULL, "53100")
    assert readiness(client) == (503, ["database full"])
    assert b"secret-place" not in client.get("/readyz").data
    monkeypatch.setattr(database_probe, "MET_SECONDS", 0.0)
    assert readiness(client) == (200, [])


def test_a_lock_that_somebody_met_is_no_trouble_of_the_database(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet(app, monkeypatch, sqlite3.SQLITE_BUSY, "55P03")
    assert readiness(client) == (200, [])


def test_a_file_that_was_replaced_or_removed_is_told(prepared_instance: Path, tmp_path: Path) -> None:
    with make_site(prepared_instance, tmp_path) as app:
        client, file = app.test_client(), Path(app.instance_path) / "dcapi.sqlite3"
        assert readiness(client) == (200, [])
        kept = file.rename(file.with_suffix(".kept"))
        assert readiness(client) == (503, ["database away", "migrations unknown"])
        file.write_bytes(kept.read_bytes())
        assert readiness(client) == (503, ["database replaced", "migrations unknown"])
        kept.replace(file)
        assert readiness(client) == (200, [])


def test_a_site_without_its_playbooks_works_on(
    client: FlaskClient, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = app.extensions[EXTENSION]
    settings = replace(runtime.settings, DEPLOYER="ansible", PLAYBOOKS=str(tmp_path / "playbooks"))
    monkeypatch.setitem(app.extensions, EXTENSION, replace(runtime, settings=settings))
    answer = client.get("/readyz")
    told: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert (answer.status_code, told["status"], told["checks"]["playbooks"]) == (200, "degraded", "missing")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "install.yml").write_text("[]")
    assert client.get("/readyz").json["status"] == "ready"  # type: ignore[index]
