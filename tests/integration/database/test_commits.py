"""What waits for a commit is done once, after it, and not at all without one."""

from __future__ import annotations

from sqlalchemy import text

from dcapi.models.commits import after_commit
from dcapi.runtime import Runtime


def test_what_waits_for_a_commit_is_done_after_it(runtime: Runtime) -> None:
    done: list[str] = []
    with runtime.unit_of_work() as session:
        session.execute(text("SELECT 1"))
        for what in ("first", "second"):
            after_commit(session, lambda what=what: done.append(what))  # type: ignore[misc]
        assert done == []
        session.commit()
        assert done == ["first", "second"]
        session.execute(text("SELECT 1"))
        session.commit()
    assert done == ["first", "second"]


def test_what_waits_for_a_commit_is_not_done_after_a_rollback(runtime: Runtime) -> None:
    done: list[str] = []
    with runtime.unit_of_work() as session:
        session.execute(text("SELECT 1"))
        after_commit(session, lambda: done.append("never"))
        session.rollback()
        session.execute(text("SELECT 1"))
        after_commit(session, lambda: done.append("once"))
        session.commit()
    with runtime.unit_of_work() as session:
        session.execute(text("SELECT 1"))
        after_commit(session, lambda: done.append("never"))
    with runtime.unit_of_work() as session:
        session.execute(text("SELECT 1"))
        session.commit()
    assert done == ["once"]
