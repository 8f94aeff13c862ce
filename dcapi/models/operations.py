"""The rows of operations: how one begins, is read, is kept for longer and ends. Whoever calls commits."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session

from dcapi.models.operation import Operation
from dcapi.models.types import SecretUnreadable

Payload = dict[str, Any]


def is_of(kind: str, subject_id: int) -> ColumnElement[bool]:
    """The one operation of a kind on the row with this id."""
    return and_(Operation.kind == kind, Operation.subject_id == subject_id)


def add(session: Session, kind: str, subject_id: int, payload: Payload, ttl: float) -> None:
    """Note what a piece of work needs; that counts as forgotten after ``ttl`` seconds."""
    now = time.time()
    session.add(
        Operation(kind=kind, subject_id=subject_id, payload=payload, created_at=now, expires_at=now + ttl)
    )


def find(session: Session, kind: str, subject_id: int) -> Operation | None:
    """The row, expired or not; raises SecretUnreadable when its key is gone."""
    return session.scalar(select(Operation).where(is_of(kind, subject_id)))


def exists(session: Session, kind: str, subject_id: int) -> bool:
    """Whether there is one, readable or not."""
    return session.scalar(select(Operation.id).where(is_of(kind, subject_id))) is not None


def read(session: Session, kind: str, subject_id: int) -> Payload | None:
    """What a piece of work needs; None when there is none, it has expired, or its key is gone."""
    is_kept = Operation.expires_at > time.time()
    try:
        payload: Payload | None = session.scalar(
            select(Operation.payload).where(is_of(kind, subject_id), is_kept)
        )
    except SecretUnreadable:
        return None
    return payload


def keep(session: Session, kind: str, subject_id: int, ttl: float) -> None:
    """Let the payload be forgotten ``ttl`` seconds from now, and not before: somebody is at it."""
    expires_at = time.time() + ttl
    session.execute(update(Operation).where(is_of(kind, subject_id)).values(expires_at=expires_at))


def forget(session: Session, kind: str, subject_id: int) -> None:
    """Delete the row, if there is one."""
    session.execute(delete(Operation).where(is_of(kind, subject_id)))
