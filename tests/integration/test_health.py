"""What is said of the health of a process to everybody who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from dcapi.api.database import db
from dcapi.jobs.inline import InlineJobs
from dcapi.log import configure_logging
from dcapi.settings import settings_from
from tests.conftest import make_site


def readiness(client: FlaskClient) -> tuple[int, list[str]]:
    """The code of the answer, and the parts that it says do not work."""
    answer = client.get("/readyz")
    checks: dict[str, bool] = answer.json["checks"]  # type: ignore[index]
    assert set(checks) == {"database", "migrations", "executor", "audit"}
    return answer.status_code, [part for part, works in checks.items() if not works]


def test_a_process_whose_parts_work_is_ready(client: FlaskClient) -> None:
    assert readiness(client) == (200, [])


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '0001'", "DELETE FROM {}"])
def test_a_process_before_a_database_of_another_version_is_not_ready(
    app: Flask, client: FlaskClient, statement: str
) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement.format("alembic_version")))
    assert readiness(client) == (503, ["migrations"])


def test_process_without_its_database_lives_and_is_not_ready(app: Flask, client: FlaskClient) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("connect", None, Exception("connection refused at secret-host"))

    with app.app_context():
        engine = db.engine
    engine.dispose()
    event.listen(engine, "do_connect", refuse)
    assert readiness(client) == (503, ["database", "migrations"])
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
        assert readiness(client) == (200, ["audit"])
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
    assert readiness(client) == (503, ["executor"])
