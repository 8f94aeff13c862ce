"""Wakes the watchers of peers, in whichever process they are: a bell is heard in its own process alone."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import Lease, lease

# A lease that nobody keeps: its epoch counts how often somebody had news.
WOKEN = "monitor-woken"


def wake_watchers(session: Session) -> None:
    """Have all groups looked at as if for the first time at the next heartbeats. The caller commits.

    To be the last statement of a transaction: many want this row.
    """
    lease.take(session, WOKEN, "", 0.0, lease.RELEASED)


def times_woken(session: Session) -> int:
    """How often watchers were woken until now."""
    return session.scalar(select(Lease.epoch).where(Lease.name == WOKEN)) or 0
