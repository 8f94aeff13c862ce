"""The connections of a worker: enough for all its threads, few while it is idle."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import QueuePool, select
from sqlalchemy.orm import Session

from dcapi.models import SystemPeer
from dcapi.models.engine import KEPT_CONNECTIONS, most_connections
from dcapi.runtime import Runtime
from tests.site_client import SiteClient


def test_a_worker_that_had_much_to_do_keeps_few_connections(runtime: Runtime) -> None:
    wanted = min(3 * KEPT_CONNECTIONS, most_connections(runtime.settings))
    with ExitStack() as stack:
        sessions = [stack.enter_context(runtime.unit_of_work()) for _ in range(wanted)]
        engine = sessions[0].get_bind().engine
        held = [stack.enter_context(engine.connect()) for _ in sessions]
        assert len(held) == wanted > KEPT_CONNECTIONS
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedin() <= KEPT_CONNECTIONS
    assert pool.checkedout() == 0


def lose_connection(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    """From now on the database is away when a transaction is rolled back."""
    dialect = session.get_bind().engine.dialect

    def lost(*_: Any) -> None:
        assert dialect.dbapi is not None
        raise dialect.dbapi.OperationalError("the connection is lost")

    monkeypatch.setattr(dialect, "do_rollback", lost)


def test_a_connection_that_is_lost_at_the_end_spoils_no_work(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with runtime.unit_of_work() as session:
        assert session.scalars(select(SystemPeer)).all() == []
        lose_connection(monkeypatch, session)
        pool = session.get_bind().engine.pool
    assert "the connection is lost" in caplog.text
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
    monkeypatch.undo()
    with runtime.unit_of_work() as session:
        assert session.scalars(select(SystemPeer)).all() == []


def test_an_answer_stands_when_the_connection_is_lost_after_it(
    operator: SiteClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with runtime.unit_of_work() as session:
        session.scalars(select(SystemPeer)).all()
        engine = session.get_bind().engine
    with engine.connect():  # what is handed out next has been made by then
        pass
    with runtime.unit_of_work() as session:
        lose_connection(monkeypatch, session)
    answer = operator.get("/system-peers")
    assert (answer.status_code, answer.json) == (200, {"system_peers": []})


@pytest.mark.parametrize("failure", [RuntimeError("a fault of ours"), OSError("no such socket")])
def test_an_answer_has_one_head_whatever_goes_wrong_after_it(
    operator: SiteClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    with runtime.unit_of_work() as session:
        session.scalars(select(SystemPeer)).all()
        engine = session.get_bind().engine
    with monkeypatch.context() as patch:

        def fail(*_: Any) -> None:
            raise failure

        patch.setattr(engine.dialect, "do_rollback", fail)
        answer = operator.get("/system-peers")
        assert answer.status_code == 200
        assert len(answer.headers.getlist("Content-Length")) == 1
    assert operator.get("/system-peers").status_code == 200
