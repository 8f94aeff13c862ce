"""A lease held by this process while it works."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi.models import lease
from dcapi.models.lease import LeaseRow
from dcapi.tasks.holders import Life, life_of

logger = logging.getLogger(__name__)

# Yields a session of its own; what is not committed inside is rolled back at the end.
UnitOfWork = Callable[[], AbstractContextManager[Session]]

# So often a renewal may take so long that the lease is short again, before the holder gives up.
RENEWAL_ATTEMPTS = 3


class LeaseLost(Exception):
    """The lease is no longer ours: what was done under it must not be written, another may do it already."""


class Moment(NamedTuple):
    """One moment on both clocks: ``steady`` cannot be set back, ``wall`` is what other holders go by."""

    steady: float
    wall: float

    def plus(self, seconds: float) -> Moment:
        return Moment(self.steady + seconds, self.wall + seconds)

    def seconds_until(self, other: Moment) -> float:
        """The shorter of the two: a clock that was set, or slept with the machine, lengthens no lease."""
        return min(other.steady - self.steady, other.wall - self.wall)


def read_clocks() -> Moment:
    return Moment(time.monotonic(), time.time())


@dataclass(frozen=True)
class TakenLease:
    """The name and epoch of a lease, and who took it for how many seconds."""

    name: str
    owner: str
    epoch: int
    seconds: float


def take_hold(
    unit_of_work: UnitOfWork,
    name: str,
    owner: str,
    seconds: float,
    *,
    clocks: Callable[[], Moment] = read_clocks,
) -> Hold | None:
    """Take a lease in a transaction of its own; None when somebody holds it. That of a dead holder is free.

    ``seconds`` is its length, also of each renewal. Not to be called inside a transaction of the same thread.
    """
    # Read before the statement: the lease must not live longer in memory than in the row.
    now = clocks()
    with unit_of_work() as session:
        epoch = lease.take(session, name, owner, seconds, now.wall)
        if epoch is None:
            now = clocks()
            epoch = _take_from_nobody(session, name, owner, seconds, now.wall)
        session.commit()
    if epoch is None:
        return None
    return Hold(unit_of_work, TakenLease(name, owner, epoch, seconds), now.plus(seconds), clocks)


def _take_from_nobody(session: Session, name: str, owner: str, seconds: float, now: float) -> int | None:
    """Take a lease that has not expired, if nobody holds it nevertheless.

    The attempt before has locked the row, so ``now`` is read after any wait for it.
    """
    for row in lease.read_rows(session, [name]):
        if not _is_held(row, now):
            return lease.take_from(session, row, owner, seconds, now)
    return None


def held_leases(
    session: Session, names: Iterable[str], *, clocks: Callable[[], Moment] = read_clocks
) -> set[str]:
    """Which of these leases somebody holds now: those that cannot be taken."""
    rows = lease.read_rows(session, names)
    now = clocks().wall
    return {row.name for row in rows if _is_held(row, now)}


def _is_held(row: LeaseRow, now: float) -> bool:
    if row.has_expired(now):
        return False
    life = life_of(row.owner)
    # A holder that is seen alive counts by its own clock that nobody sets, whatever happened to this one.
    return life is Life.ALIVE or (life is Life.UNKNOWN and not row.ends_too_late(now))


class Hold:
    """A lease that this process holds while it works; leaving it as a context manager releases it.

    Many threads may work under one hold. None of the methods that open a transaction of their own
    (``ensure``, ``release`` and leaving) may be called inside another transaction of the same thread: on
    SQLite it would wait for itself. Errors of the database go through to the caller; they do not lose the
    lease.
    """

    def __init__(
        self, unit_of_work: UnitOfWork, taken: TakenLease, valid_until: Moment, clocks: Callable[[], Moment]
    ) -> None:
        self._unit_of_work = unit_of_work
        self._taken = taken
        self._clocks = clocks
        # Replaced as a whole, so that it can be read without the lock.
        self._valid_until = valid_until
        self._lost = False
        self._released = False
        self._renewal = threading.Lock()

    @property
    def name(self) -> str:
        return self._taken.name

    @property
    def owner(self) -> str:
        return self._taken.owner

    @property
    def epoch(self) -> int:
        return self._taken.epoch

    def ensure(self, seconds: float) -> None:
        """Make sure that the lease lives at least ``seconds`` more, renewing it when it would not.

        To be called before each step that takes up to ``seconds`` and must not outlive the lease, such as a
        request to a peer. Raises LeaseLost when the lease is gone, and from then on always; ValueError when
        ``seconds`` is not below the length of the lease.
        """
        if seconds >= self._taken.seconds:
            raise ValueError(f"a lease of {self._taken.seconds:g} s cannot be ensured for {seconds:g} s")
        self._check_held()
        if self._lives(seconds):
            return
        with self._renewal:
            self._renew_until(seconds)

    def confirm(self, session: Session) -> None:
        """Raises LeaseLost unless the lease is ours until the transaction of this session ends."""
        self._check_held()
        now = self._clocks()
        if not lease.confirm(session, *self._identity, now.wall):
            self._lose()

    def release(self) -> None:
        """Give the lease back, in a transaction of its own; again does nothing."""
        if self._released:
            return
        with self._unit_of_work() as session:
            lease.release(session, *self._identity)
            session.commit()
        self._released = True

    def release_in(self, session: Session) -> None:
        """Give the lease back when the caller commits. Either way nothing may be done under it any more."""
        lease.release(session, *self._identity)
        self._lost = True

    def note_commit(self) -> None:
        """The transaction in which the lease may have been given back was committed."""
        self._released = self._released or self._lost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.release()
        except SQLAlchemyError:
            # It must not hide how the work ended, and costs time alone: the lease expires by itself.
            logger.warning("lease %s could not be released, it expires by itself", self.name, exc_info=True)

    @property
    def _identity(self) -> tuple[str, str, int]:
        return self._taken.name, self._taken.owner, self._taken.epoch

    def _lives(self, seconds: float) -> bool:
        return self._clocks().seconds_until(self._valid_until) >= seconds

    def _check_held(self) -> None:
        if self._lost or self._released:
            raise LeaseLost(f"lease {self.name} is no longer held")

    def _lose(self) -> None:
        self._lost = True
        logger.warning("lease lost: %s (owner %s, epoch %d)", *self._identity)
        raise LeaseLost(f"lease {self.name} was lost")

    def _renew_until(self, seconds: float) -> None:
        """Under the lock of renewals: renew, unless another thread has done so or found the lease lost."""
        for _ in range(RENEWAL_ATTEMPTS):
            self._check_held()
            if self._lives(seconds):
                return
            self._renew()
        if not self._lives(seconds):
            self._lose()

    def _renew(self) -> None:
        now = self._clocks()
        with self._unit_of_work() as session:
            renewed = lease.renew(session, *self._identity, self._taken.seconds, now.wall)
            session.commit()
        if not renewed:
            self._lose()
        self._valid_until = now.plus(self._taken.seconds)
