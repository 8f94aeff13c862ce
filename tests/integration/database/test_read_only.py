"""A database that may be read and not written."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from dcapi.api.database import db
from tests.site_client import SiteClient

FORBID = {"sqlite": "PRAGMA query_only=ON", "postgresql": "SET default_transaction_read_only = on"}
GROUP = {"name": "harbour", "description": "grey", "update_apply_type": "parallel"}


@pytest.fixture
def read_only_connections(app: Flask) -> Any:
    """No connection that is made may write; returns what is called to let new ones write again."""
    with app.app_context():
        engine = db.engine

    def forbid(connection: Any, _record: Any) -> None:
        connection.execute(FORBID[engine.dialect.name])
        connection.commit()

    engine.dispose()
    event.listen(engine, "connect", forbid)
    yield lambda: event.remove(engine, "connect", forbid)
    engine.dispose()


def test_who_writes_is_told_and_who_reads_is_answered(
    operator: SiteClient, read_only_connections: Any
) -> None:
    answer = operator.post("/subcloud-groups", json=GROUP)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "cannot be written: it is read-only" in answer.text
    assert operator.get("/subcloud-groups").status_code == 200


def test_after_one_refusal_no_connection_of_the_wrong_server_is_used(
    app: Flask, operator: SiteClient, read_only_connections: Any
) -> None:
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            pytest.skip("there is one file, and no other server")
        with db.engine.connect(), db.engine.connect(), db.engine.connect():
            pass
    read_only_connections()
    answers = [operator.post("/subcloud-groups", json=GROUP).status_code for _ in range(2)]
    assert answers == [503, 200]
