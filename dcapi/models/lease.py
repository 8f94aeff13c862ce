"""Leases: who does a piece of work that must be done once, over all processes and hosts.

Each function is one conditional statement whose rowcount tells the answer, so that of two callers one wins;
it counts when the caller commits. Times are seconds since the epoch (``time.time()``): hosts that share a
database need clocks that agree to well within the length of a lease.

These functions go by the clock alone. That a holder died, or the clock went back, is for ``dcapi.tasks.hold``
to judge by the row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import BigInteger, ColumnElement, CursorResult, Double, String, Update, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcapi.models.base import Base

# Ends a lease at once, whatever the clock says.
RELEASED = 0.0

# Stands for the length of a lease that was taken before rows kept it. None is longer: the settings allow at
# most 3,600 s for LEASE_SECONDS, and a million between heartbeats, whose lease is half as long again.
LONGEST_SECONDS = 1_500_000.0
# A lease ends so much later than its length from now at the most, whoever reads the clocks: they differ a
# little, and a taker may have read its own half a minute ago.
TOLERANCE_SECONDS = 60.0


class Lease(Base):
    """Held while ``expires_at`` lies ahead. The epoch counts the holders; the row stays, so none repeats.

    ``seconds`` is the length for which it was taken; 0: it was taken before rows kept that.
    """

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[float] = mapped_column(Double)
    epoch: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Double, server_default="0")


class LeaseRow(NamedTuple):
    """A lease as its row was read."""

    name: str
    owner: str
    epoch: int
    expires_at: float
    seconds: float

    def has_expired(self, now: float) -> bool:
        return self.expires_at <= now

    def ends_too_late(self, now: float) -> bool:
        """Whether it ends later than any holder can have meant: the clock went back since."""
        return self.expires_at - now > (self.seconds or LONGEST_SECONDS) + TOLERANCE_SECONDS


class _MakeInsert(Protocol):
    def __call__(self, table: type[Lease], /) -> sqlite.Insert | postgresql.Insert: ...


# Only these two know INSERT … ON CONFLICT … WHERE, in the same words.
INSERTS: dict[str, _MakeInsert] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def take(session: Session, name: str, owner: str, seconds: float, now: float) -> int | None:
    """Take a lease that is free, expired or was never there; returns its new epoch, or None when it is held.

    A live lease is refused to its own owner too: who holds it renews it.
    """
    insert = INSERTS[session.get_bind().dialect.name](Lease)
    row = {"owner": owner, "expires_at": now + seconds, "seconds": seconds}
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


def read_rows(session: Session, names: Iterable[str]) -> list[LeaseRow]:
    """The leases of these names that were ever taken."""
    columns = select(Lease.name, Lease.owner, Lease.epoch, Lease.expires_at, Lease.seconds)
    return [LeaseRow(*row) for row in session.execute(columns.where(Lease.name.in_(list(names))))]


def take_from(session: Session, row: LeaseRow, owner: str, seconds: float, now: float) -> int | None:
    """Take a lease from the holder of this row, whenever it ends; returns the new epoch.

    None when another one holds it by now.
    """
    epoch = row.epoch + 1
    values = {"owner": owner, "epoch": epoch, "expires_at": now + seconds, "seconds": seconds}
    statement = update(Lease).where(_is(row.name, row.owner, row.epoch)).values(values)
    return epoch if _changes_one(session, statement) else None


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
