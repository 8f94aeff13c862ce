"""What is kept of operations, and the ways in which it gets lost."""

from __future__ import annotations

import time

from sqlalchemy import select, update

from dcapi.models import Operation
from dcapi.parts import Parts


def operations(parts: Parts) -> list[Operation]:
    with parts.unit_of_work() as session:
        return list(session.scalars(select(Operation)))


def forget_all(parts: Parts) -> None:
    with parts.unit_of_work() as session:
        session.connection().exec_driver_sql("DELETE FROM operation")
        session.commit()


def let_expire(parts: Parts) -> None:
    with parts.unit_of_work() as session:
        session.execute(update(Operation).values(expires_at=time.time() - 1))
        session.commit()


def lose_the_key(parts: Parts) -> None:
    with parts.unit_of_work() as session:
        session.connection().exec_driver_sql("UPDATE operation SET payload = 'garbage'")
        session.commit()
