"""Finds what the rows say is outstanding, and hands it to the executor: what no hint did, this does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from sqlalchemy import and_, case, or_, select
from sqlalchemy.orm import Session

from dcapi.jobs.wakeup import Wakeup
from dcapi.models import PeerGroupAssociation, SystemPeer
from dcapi.models.engine import read_only
from dcapi.models.states import Administrative, AssociationType, FailureCause, PeerAvailability, SyncStatus
from dcapi.runtime import Runtime
from dcapi.sync.attend import outstanding, run_audit
from dcapi.sync.changes import ATTEND_JOB
from dcapi.sync.run.telling import tell
from dcapi.tasks.runner import Due, forget_secrets

logger = logging.getLogger(__name__)

# Says, from the rows alone, which jobs are due.
Source = Callable[[Session], Iterable[Due]]


# The same as ``status.status_to_tell``.
STATUS_TO_TELL = case(
    (PeerGroupAssociation.sync_cause == FailureCause.UNTOLD, SyncStatus.OUT_OF_SYNC),
    else_=PeerGroupAssociation.sync_status,
)
# What can only be true of an association with something outstanding; most have nothing and are not read.
NOT_QUIET = or_(
    PeerGroupAssociation.unfollowed,
    PeerGroupAssociation.ask_mark != PeerGroupAssociation.ask_heard,
    PeerGroupAssociation.audit_asked != PeerGroupAssociation.audit_served,
    and_(
        PeerGroupAssociation.association_type == AssociationType.PRIMARY,
        or_(
            PeerGroupAssociation.deleting,
            PeerGroupAssociation.sync_status == SyncStatus.SYNCING,
            PeerGroupAssociation.told_status.is_(None),
            PeerGroupAssociation.told_status != STATUS_TO_TELL,
        ),
    ),
)
# What a peer that is known to be away need not be tried for; the heartbeat that finds it back brings it up.
PATIENT_TASKS = frozenset({tell, run_audit})


def associations_outstanding(session: Session) -> Iterable[Due]:
    """Associations with a deletion half done, a sync without a run, an audit that is due, or a status that
    the peer was not told.

    One at which somebody works is among them; its lease sends the job away.
    """
    for association in session.scalars(select(PeerGroupAssociation).where(NOT_QUIET)):
        task = outstanding(association)
        if task is not None and (task not in PATIENT_TASKS or _may_be_told(association.peer)):
            yield Due(ATTEND_JOB, f"association:{association.id}", {"association_id": association.id})


def _may_be_told(peer: SystemPeer) -> bool:
    """Whether telling a status may succeed; the heartbeat that finds a peer back brings it up again."""
    return (
        peer.administrative_state == Administrative.ENABLED
        and peer.availability_state != PeerAvailability.UNAVAILABLE
    )


class Reconciler:
    """Sweeps at its start, every so many seconds, and when it is woken."""

    def __init__(self, runtime: Runtime, sources: Iterable[Source]) -> None:
        self._runtime = runtime
        self._sources = tuple(sources)
        self._wakeup = Wakeup()
        self._stopping = False
        self._thread = threading.Thread(target=self._sweep_for_ever, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Sweep now."""
        self._wakeup.set()

    def stop(self) -> None:
        """End after the sweep that is going on."""
        self._stopping = True
        self._wakeup.set()
        self._thread.join(self._runtime.settings.DRAIN_SECONDS)

    def _sweep_for_ever(self) -> None:
        while not self._stopping:
            try:
                self.sweep()
                forget_secrets(self._runtime)
            # The thread boundary: a database that is away for a moment, or one row that cannot be read, must
            # not end what heals everything else.
            except Exception:
                logger.exception("the sweep failed, the next one tries again")
            self._wakeup.wait(self._runtime.settings.RECONCILE_SECONDS)

    def sweep(self) -> int:
        """Submit every job that is due; returns how many were."""
        with self._runtime.unit_of_work() as session:
            due = [job for source in self._sources for job in source(read_only_once(session))]
        for job in due:
            self._runtime.jobs.submit(job.name, job.key, delay=0.0, **job.ids)
        return len(due)


def read_only_once(session: Session) -> Session:
    return session if session.in_transaction() else read_only(session)
