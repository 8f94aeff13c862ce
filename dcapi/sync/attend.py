"""Everything that may be outstanding about one association, done by one job under one lease."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import select

from dcapi.models import PeerGroupAssociation
from dcapi.models.engine import read_only
from dcapi.models.states import SyncStatus
from dcapi.runtime import Runtime
from dcapi.sync.audit import audit
from dcapi.sync.audit.audit import Progress
from dcapi.sync.changes import hint, lock_association
from dcapi.sync.run import sync, telling
from dcapi.sync.run.cleaning import resume_deletion
from dcapi.sync.status import is_untold
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost
from dcapi.tasks.leases import Stopping, association_lease, transaction

logger = logging.getLogger(__name__)

# Seconds after which is tried again what found enough threads at its peer.
CROWDED_PAUSE = 0.3

# Does one thing that is outstanding; returns whether it may be looked for more.
Handler = Callable[[Runtime, Hold, int], bool]


def attend(runtime: Runtime, association_id: int) -> None:
    """Do what is outstanding about an association: a deletion, a sync, an audit, a status to tell.

    Does nothing when another thread or process is at it: that one looks again before it lets go. When enough
    threads call its peer already, it comes back: the peer may hang, and others want threads too.
    """
    with runtime.unit_of_work() as session:
        peer_id = read_only(session).scalar(
            select(PeerGroupAssociation.system_peer_id).where(PeerGroupAssociation.id == association_id)
        )
    with runtime.peer_jobs.attempt(peer_id or 0) as entered:
        if entered:
            _attend(runtime, association_id)
        else:
            hint(runtime, [association_id], delay=CROWDED_PAUSE)


def _attend(runtime: Runtime, association_id: int) -> None:
    hold = leases.take(runtime, association_lease(association_id))
    if hold is None:
        return
    try:
        with hold:
            _do_all(runtime, hold, association_id)
    except LeaseLost:
        logger.warning("association %d: the lease was lost, nothing more is written", association_id)
    except Stopping:
        logger.info("association %d: stopped with the process, to be resumed", association_id)


def _do_all(runtime: Runtime, hold: Hold, association_id: int) -> None:
    while not runtime.jobs.stopping:
        task = _next_task(runtime, hold, association_id)
        if task is None or not task(runtime, hold, association_id):
            return


def _next_task(runtime: Runtime, hold: Hold, association_id: int) -> Handler | None:
    """What is outstanding; when nothing is, the lease is given back in the very transaction that saw it.

    So a change that comes later finds the lease free, and one that came earlier was seen.
    """
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        task = None if association is None else outstanding(association)
        if task is None:
            hold.release_in(session)
        return task


def outstanding(association: PeerGroupAssociation) -> Handler | None:
    """The most urgent thing that is outstanding about an association, None when all is done.

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


def run_audit(runtime: Runtime, hold: Hold, association_id: int) -> bool:
    """Carry out an audit that is due; returns whether more may be done now."""
    progress = audit.audit(runtime, hold, association_id)
    if progress is Progress.WAITING:
        # What stays due must not keep the peer from hearing a status.
        telling.tell(runtime, hold, association_id)
    return progress in {Progress.DONE, Progress.AGAIN}


def _sync(runtime: Runtime, hold: Hold, association_id: int) -> bool:
    return sync.sync(runtime, hold, association_id)
