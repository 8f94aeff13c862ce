"""The tasks of a site: what is kept of them, their steps, and the ways in which secrets get lost."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select, update

from dcapi import KINDS
from dcapi.models import Task
from dcapi.runtime import Runtime
from dcapi.tasks import runner
from dcapi.tasks.runner import Due, tasks_due


def tasks(runtime: Runtime) -> list[Task]:
    """All tasks, with their payloads."""
    with runtime.unit_of_work() as session:
        found = list(session.scalars(select(Task).order_by(Task.id)))
        for task in found:
            task.payload  # noqa: B018 (read while there is a session)
        return found


def all_steps(runtime: Runtime, kind: str, subject_id: int = 1) -> None:
    """Make the steps of a task that are due, as its job does."""
    runner.make_steps(runtime, KINDS, kind, subject_id)


def one_step(runtime: Runtime, kind: str, subject_id: int = 1) -> None:
    """Make the next step of a task alone, if it is due."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "STEPS_A_JOB", 1)
        all_steps(runtime, kind, subject_id)


def due(runtime: Runtime) -> list[Due]:
    """What the reconciler would find of them."""
    with runtime.unit_of_work() as session:
        return list(tasks_due(runtime, KINDS, session))


def change_tasks(runtime: Runtime, **values: Any) -> None:
    with runtime.unit_of_work() as session:
        session.execute(update(Task).values(**values))
        session.commit()


def make_due(runtime: Runtime) -> None:
    """Let the next step of every task be due."""
    change_tasks(runtime, due_at=time.time() - 1)


def forget_payloads(runtime: Runtime) -> None:
    change_tasks(runtime, payload=None)


def let_expire(runtime: Runtime) -> None:
    change_tasks(runtime, secret_until=time.time() - 1)


def lose_the_key(runtime: Runtime) -> None:
    with runtime.unit_of_work() as session:
        session.connection().exec_driver_sql("UPDATE task SET payload = 'garbage' WHERE payload IS NOT NULL")
        session.commit()
