"""Tasks: long work that goes on in steps, one row for each piece of it. Nothing here commits.

What is done, and to what, is the row's kind and subject; both together are unique. The row stays until the
work ends. What the work needs beyond it and must be kept secret is its payload, which has an end of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Delete,
    Double,
    String,
    UniqueConstraint,
    Update,
    and_,
    delete,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.orm.exc import ObjectDeletedError

from dcapi.careful_clock import CLOCK
from dcapi.models.base import NEVER_AGAIN, Base
from dcapi.models.locks import locked
from dcapi.models.types import EncryptedJSON, SecretUnreadable

Values = dict[str, Any]


class Task(Base):
    """One piece of work on one object. Times are seconds since the epoch."""

    __tablename__ = "task"
    __table_args__ = (UniqueConstraint("kind", "subject_id"), NEVER_AGAIN)

    # A step that finds its id still there knows that no other task took the place of its own.
    id: Mapped[int] = mapped_column(primary_key=True)
    # What is done (see TaskName) and the id of the row that it is done to.
    kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int]
    created_at: Mapped[float] = mapped_column(Double)
    # When the next step is due.
    due_at: Mapped[float] = mapped_column(Double, index=True)
    # How often the work was tried and failed, and whether what is done outside was begun.
    tries: Mapped[int] = mapped_column(default=0)
    begun: Mapped[bool] = mapped_column(default=False)
    # When its patience ends, where the work has any.
    deadline: Mapped[float | None] = mapped_column(Double)
    # What the work has to know and may be seen, also after the payload is gone.
    details: Mapped[Any] = mapped_column(JSON, default=dict)
    # Read on its own: a key that is gone must not be in the way of the rest.
    payload: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True, deferred=True)
    # After this the payload is forgotten, judged by the careful clock: not early because a clock was set.
    secret_until: Mapped[float | None] = mapped_column(Double)


def is_of(kind: str, subject_id: int) -> ColumnElement[bool]:
    """The one task of a kind on the row with this id."""
    return and_(Task.kind == kind, Task.subject_id == subject_id)


def start(
    session: Session,
    kind: str,
    subject_id: int,
    *,
    details: Values | None = None,
    payload: Values | None = None,
    secret_seconds: float = 0.0,
) -> None:
    """Let a piece of work begin, due at once, in the place of an earlier one of this kind.

    ``payload`` is forgotten after ``secret_seconds`` without a step.
    """
    forget(session, kind, subject_id)
    now = time.time()
    secret_until = None if payload is None else now + secret_seconds
    session.add(
        Task(
            kind=kind,
            subject_id=subject_id,
            created_at=now,
            due_at=now,
            details=details or {},
            payload=payload,
            secret_until=secret_until,
        )
    )


def find(session: Session, kind: str, subject_id: int) -> Task | None:
    """The row of a piece of work; None when there is none."""
    return session.scalar(select(Task).where(is_of(kind, subject_id)))


def payload_of(task: Task) -> Values | None:
    """What a task keeps secret; None when there is none, it is forgotten, or its key or the task is gone."""
    if task.secret_until is None or task.secret_until <= CLOCK.now():
        return None
    try:
        payload: Values | None = task.payload
    except (SecretUnreadable, ObjectDeletedError):
        return None
    return payload


def keep(session: Session, kind: str, subject_id: int, seconds: float) -> None:
    """Keep the payload for so many seconds from now: somebody is at the work. One that is over stays so."""
    kept = (is_of(kind, subject_id), Task.secret_until > CLOCK.now())
    session.execute(update(Task).where(*kept).values(secret_until=time.time() + seconds))


def hasten(session: Session, kind: str, subject_id: int) -> bool:
    """Let the next step of a piece of work be due now; returns whether there is such work."""
    return hits_one(session, update(Task).where(is_of(kind, subject_id)).values(due_at=time.time()))


def hits_one(session: Session, statement: Update | Delete) -> bool:
    """Carry out a statement about the row of one piece of work; returns whether the row was there."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return isinstance(result, CursorResult) and result.rowcount == 1


def forget(session: Session, kind: str, subject_id: int) -> None:
    """Delete the row of a piece of work, if there is one."""
    session.execute(delete(Task).where(is_of(kind, subject_id)))


def forget_tasks(session: Session, subject_id: int, kinds: Iterable[str]) -> None:
    """Delete the tasks of these kinds on one row."""
    session.execute(delete(Task).where(Task.subject_id == subject_id, Task.kind.in_(kinds)))


def holds_old_secret(now: float) -> ColumnElement[bool]:
    """The tasks whose payload is there although its time is over."""
    return and_(Task.secret_until <= now, Task.payload.is_not(None))


def forget_secrets(session: Session, now: float) -> None:
    """Delete the payloads whose time is over; their rows are locked in one order, like everybody's."""
    old = session.scalars(locked(select(Task.id).where(holds_old_secret(now)).order_by(Task.id))).all()
    session.execute(
        update(Task).where(Task.id.in_(old)).values(payload=None),
        execution_options={"synchronize_session": False},
    )
