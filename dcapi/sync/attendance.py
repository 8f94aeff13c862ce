"""Everything that may be undone about one association, done by one job under one lease."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from sqlalchemy import select

from dcapi.jobs.hold import Hold, LeaseLost, take_hold
from dcapi.models import PeerGroupAssociation
from dcapi.models.engine import read_only
from dcapi.models.states import SyncStatus
from dcapi.parts import Parts
from dcapi.sync import audit, run, telling
from dcapi.sync.audit import Progress
from dcapi.sync.changes import hint, lock_association
from dcapi.sync.deletion import resume_deletion
from dcapi.sync.run import RunStopped
from dcapi.sync.status import is_untold
from dcapi.sync.turns import association_lease

logger = logging.getLogger(__name__)

# Seconds between two looks whether a lease is free.
PAUSE = 0.05

# Seconds after which is tried again what found enough threads at its peer.
CROWDED_PAUSE = 0.3

# Does one thing that is undone; returns whether it may be looked for more.
Task = Callable[[Parts, Hold, int], bool]


def hold_association(parts: Parts, association_id: int) -> Hold | None:
    """Take the lease under which an association's peer is called; None when somebody works on it."""
    owner = f"{parts.owner}/{uuid.uuid4().hex[:8]}"
    return take_hold(
        parts.unit_of_work, association_lease(association_id), owner, parts.settings.LEASE_SECONDS
    )


def hold_association_by(parts: Parts, association_id: int, deadline: float) -> Hold | None:
    """The same, tried until ``deadline`` on the monotonic clock; None when somebody keeps it longer."""
    while (hold := hold_association(parts, association_id)) is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return hold


def attend(parts: Parts, association_id: int) -> None:
    """Do what the rows say is undone about an association: a deletion, a sync, an audit, a status to tell.

    Does nothing when another thread or process is at it: that one looks again before it lets go. When enough
    threads call its peer already, it comes back: the peer may hang, and others want threads too.
    """
    with parts.unit_of_work() as session:
        peer_id = read_only(session).scalar(
            select(PeerGroupAssociation.system_peer_id).where(PeerGroupAssociation.id == association_id)
        )
    with parts.peer_jobs.attempt(peer_id or 0) as entered:
        if entered:
            _attend(parts, association_id)
        else:
            hint(parts, [association_id], delay=CROWDED_PAUSE)


def _attend(parts: Parts, association_id: int) -> None:
    hold = hold_association(parts, association_id)
    if hold is None:
        return
    try:
        with hold:
            _do_all(parts, hold, association_id)
    except LeaseLost:
        logger.warning("association %d: the lease was lost, nothing more is written", association_id)
    except RunStopped:
        logger.info("association %d: stopped with the process, to be resumed", association_id)


def _do_all(parts: Parts, hold: Hold, association_id: int) -> None:
    while not parts.jobs.stopping:
        task = _next_task(parts, hold, association_id)
        if task is None or not task(parts, hold, association_id):
            return


def _next_task(parts: Parts, hold: Hold, association_id: int) -> Task | None:
    """What is undone; when nothing is, the lease is given back in the very transaction that saw it.

    So a change that comes later finds the lease free, and one that came earlier was seen.
    """
    with parts.unit_of_work() as session:
        hold.confirm(session)
        association = lock_association(session, association_id)
        task = None if association is None else undone(association)
        if task is None:
            hold.release_in(session)
        session.commit()
        return task


def undone(association: PeerGroupAssociation) -> Task | None:
    """The most urgent thing that is undone about an association, None when all is done.

    A run comes before an audit: it gives way where it has to, and asks for one.
    """
    if association.is_primary and association.deleting:
        return resume_deletion
    if association.is_primary and association.sync_status == SyncStatus.SYNCING:
        return _sync
    if audit.is_due(association):
        return run_audit
    if is_untold(association):
        return telling.tell
    return None


def run_audit(parts: Parts, hold: Hold, association_id: int) -> bool:
    """Carry out an audit that is due; returns whether more may be done now."""
    progress = audit.audit(parts, hold, association_id)
    if progress is Progress.WAITING:
        # What stays due must not keep the peer from hearing a status.
        telling.tell(parts, hold, association_id)
    return progress in {Progress.DONE, Progress.AGAIN}


def _sync(parts: Parts, hold: Hold, association_id: int) -> bool:
    return run.sync(parts, hold, association_id)
