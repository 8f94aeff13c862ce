"""Leases: who does a piece of work that must be done once, over all processes and hosts.

Each function is one conditional statement whose rowcount tells the answer, so that of two callers one wins;
it counts when the caller commits. Times are seconds since the epoch (``time.time()``): hosts that share a
database need clocks that agree to well within the length of a lease.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from sqlalchemy import BigInteger, ColumnElement, CursorResult, Double, String, Update, and_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcapi.models.base import Base

# Ends a lease at once, whatever the clock says.
RELEASED = 0.0


class Lease(Base):
    """Held while ``expires_at`` lies ahead. The epoch counts the holders; the row stays, so none repeats."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[float] = mapped_column(Double)
    epoch: Mapped[int] = mapped_column(BigInteger)


class _MakeInsert(Protocol):
    def __call__(self, table: type[Lease], /) -> sqlite.Insert | postgresql.Insert: ...


# Only these two know INSERT … ON CONFLICT … WHERE, in the same words.
INSERTS: dict[str, _MakeInsert] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def take(session: Session, name: str, owner: str, seconds: float, now: float) -> int | None:
    """Take a lease that is free, expired or was never there; returns its new epoch, or None when it is held.

    A live lease is refused to its own owner too: who holds it renews it.
    """
    insert = INSERTS[session.get_bind().dialect.name](Lease)
    row = {"owner": owner, "expires_at": now + seconds}
    statement = (
        insert.values(name=name, epoch=1, **row)
        .on_conflict_do_update(
            index_elements=[Lease.name],
            set_={**row, "epoch": Lease.epoch + 1},
            where=Lease.expires_at <= now,
        )
        .returning(Lease.epoch)
    )
    return session.execute(statement).scalar_one_or_none()


def renew(session: Session, name: str, owner: str, epoch: int, seconds: float, now: float) -> bool:
    """Let a lease that is still held live ``seconds`` from now; False when it expired or is another's."""
    held = and_(_is(name, owner, epoch), Lease.expires_at > now)
    return _changes_one(session, update(Lease).where(held).values(expires_at=now + seconds))


def confirm(session: Session, name: str, owner: str, epoch: int, now: float) -> bool:
    """Whether the lease is still held, and nobody else takes it until this transaction ends.

    The row is written with what it holds already: that locks it on PostgreSQL; SQLite has one writer anyway.
    """
    held = and_(_is(name, owner, epoch), Lease.expires_at > now)
    return _changes_one(session, update(Lease).where(held).values(owner=Lease.owner))


def release(session: Session, name: str, owner: str, epoch: int) -> bool:
    """End a lease before its time; False when it was ended already or went to another holder.

    To end one again writes nothing: leaving a hold does that, and a transaction without a write costs no wait
    for the disk.
    """
    held = and_(_is(name, owner, epoch), Lease.expires_at != RELEASED)
    return _changes_one(session, update(Lease).where(held).values(expires_at=RELEASED))


def _is(name: str, owner: str, epoch: int) -> ColumnElement[bool]:
    return and_(Lease.name == name, Lease.owner == owner, Lease.epoch == epoch)


def _changes_one(session: Session, statement: Update) -> bool:
    # The session holds no Lease objects that would have to follow.
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount == 1
