"""Failed logins in a row, counted for all processes and hosts in one place.

A row stands for a user name at an address, for an address, or for a user name; the key shows neither. Times
are seconds since the epoch (``time.time()``); nothing here commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import (
    JSON,
    CursorResult,
    Delete,
    Double,
    Integer,
    Select,
    String,
    Update,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcapi.models.base import Base


class FailedLogin(Base):
    """A count that grows with each failure.

    ``waits_until`` is when the next try may be made. ``known_at`` is when the user last logged in from this
    address, 0 for a row that stands for one of them alone. ``addresses``, of a row that stands for a name,
    holds digests of the last addresses that it failed at, each with the time.
    """

    __tablename__ = "failed_login"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    failed_at: Mapped[float] = mapped_column(Double)
    waits_until: Mapped[float] = mapped_column(Double)
    known_at: Mapped[float] = mapped_column(Double)
    addresses: Mapped[dict[str, float]] = mapped_column(JSON)


class _MakeInsert(Protocol):
    def __call__(self, table: type[FailedLogin], /) -> sqlite.Insert | postgresql.Insert: ...


# Only these two know INSERT … ON CONFLICT, in the same words.
INSERTS: dict[str, _MakeInsert] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


# A row that counts nothing.
NOTHING: dict[str, Any] = {
    "failures": 0,
    "failed_at": 0.0,
    "waits_until": 0.0,
    "known_at": 0.0,
    "addresses": {},
}


def find(session: Session, keys: Sequence[str]) -> dict[str, FailedLogin]:
    """The rows of these keys, by key."""
    return {row.key: row for row in session.scalars(select(FailedLogin).where(FailedLogin.key.in_(keys)))}


def claim(session: Session, key: str, wait: float, now: float, longest: float) -> bool:
    """Take the one try that may be made now and let the next one wait; False when another took it.

    A wait above ``longest`` is over: it was written while some clock was wrong.
    """
    free = or_(FailedLogin.waits_until <= now, FailedLogin.waits_until > now + longest)
    statement = update(FailedLogin).where(FailedLogin.key == key, free).values(waits_until=now + wait)
    return _rows_of(session, statement) == 1


def add_failure(session: Session, key: str, now: float, forgotten_before: float) -> int:
    """Count a failure; returns how many there were in a row, without those that are forgotten by now."""
    is_forgotten = FailedLogin.failed_at < forgotten_before
    statement = (
        _insert(session)
        .values(key=key, **NOTHING | {"failures": 1, "failed_at": now})
        .on_conflict_do_update(
            index_elements=[FailedLogin.key],
            set_={"failures": case((is_forgotten, 1), else_=FailedLogin.failures + 1), "failed_at": now},
        )
        .returning(FailedLogin.failures)
    )
    return session.execute(statement).scalar_one()


def addresses_of(session: Session, key: str, now: float) -> tuple[int, dict[str, float]]:
    """Failures and addresses of a name's row, which nobody else can change until the transaction ends."""
    statement = (
        _insert(session)
        .values(key=key, **NOTHING | {"failed_at": now})
        .on_conflict_do_update(index_elements=[FailedLogin.key], set_={"failed_at": now})
        .returning(FailedLogin.failures, FailedLogin.addresses)
    )
    failures, addresses = session.execute(statement).one()
    return failures, addresses


def set_addresses(session: Session, key: str, failures: int, addresses: Mapping[str, float]) -> None:
    """Write what became of failures and addresses of a name's row."""
    statement = update(FailedLogin).where(FailedLogin.key == key)
    _rows_of(session, statement.values(failures=failures, addresses=dict(addresses)))


def let_wait(session: Session, key: str, until: float) -> None:
    """Let the next try of this key wait; a longer wait stays."""
    longer = and_(FailedLogin.key == key, FailedLogin.waits_until < until)
    _rows_of(session, update(FailedLogin).where(longer).values(waits_until=until))


def give_back(session: Session, keys: Sequence[str]) -> None:
    """Let the next try be made at once: the one that was claimed was not made."""
    _rows_of(session, update(FailedLogin).where(FailedLogin.key.in_(keys)).values(waits_until=0.0))


def remember(session: Session, key: str, now: float) -> None:
    """Note that the user of this key logged in from its address, and drop the count."""
    row = NOTHING | {"known_at": now}
    statement = _insert(session).values(key=key, **row)
    session.execute(statement.on_conflict_do_update(index_elements=[FailedLogin.key], set_=row))


def prune(session: Session, forgotten_before: float, unknown_before: float, most: int) -> None:
    """Delete what counts no longer, and beyond ``most`` rows those with the fewest failures.

    Rows that another transaction works on are left to the next time, so that nobody waits here.
    """
    outdated = and_(FailedLogin.failed_at < forgotten_before, FailedLogin.known_at < unknown_before)
    _delete(session, select(FailedLogin.key).where(outdated))
    excess = (session.scalar(select(func.count()).select_from(FailedLogin)) or 0) - most
    if excess > 0:
        cheapest = (FailedLogin.known_at > 0, FailedLogin.failures, FailedLogin.failed_at)
        _delete(session, select(FailedLogin.key).order_by(*cheapest).limit(excess))


def _delete(session: Session, keys: Select[str]) -> None:
    unlocked = keys.with_for_update(skip_locked=True)
    _rows_of(session, delete(FailedLogin).where(FailedLogin.key.in_(unlocked)))


def _insert(session: Session) -> sqlite.Insert | postgresql.Insert:
    return INSERTS[session.get_bind().dialect.name](FailedLogin)


def _rows_of(session: Session, statement: Update | Delete) -> int:
    # The session holds no objects that would have to follow.
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount
