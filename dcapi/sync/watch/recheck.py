"""Has the watchers of peers, in whichever process they are, look at every group again."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import Lease, lease

# A lease that nobody holds: its epoch counts how often a recheck was requested. Its name is that of the first
# version, which may run beside this one.
RECHECK = "monitor-woken"


def request_recheck(session: Session) -> None:
    """Have all groups looked at as if for the first time at the next heartbeats. The caller commits.

    To be the last statement of a transaction: many want this row.
    """
    lease.take(session, RECHECK, "", 0.0, lease.RELEASED)


def rechecks_requested(session: Session) -> int:
    """How often a recheck was requested until now."""
    return session.scalar(select(Lease.epoch).where(Lease.name == RECHECK)) or 0
