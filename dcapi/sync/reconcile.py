"""Finds what the rows say is undone, and hands it to the executor: what no hint did, this does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from dcapi.models import Operation, PeerGroupAssociation, SystemPeer
from dcapi.models.engine import read_only
from dcapi.models.states import Administrative, AssociationType, PeerAvailability, SyncStatus
from dcapi.parts import Parts
from dcapi.sync import attributes
from dcapi.sync.attendance import run_audit, undone
from dcapi.sync.changes import ATTEND_JOB, hint
from dcapi.sync.telling import tell

logger = logging.getLogger(__name__)

RECOVER_ATTRIBUTES_JOB = "recover-attributes"


@dataclass(frozen=True)
class Due:
    """One job that should run: its name, its key and its one id."""

    name: str
    key: str
    ids: dict[str, int]


# Says, from the rows alone, which jobs are due.
Source = Callable[[Session], Iterable[Due]]


# What can only be true of an association with something undone; most have nothing, and are not even read.
NOT_QUIET = or_(
    PeerGroupAssociation.audit_to_ask,
    PeerGroupAssociation.audit_asked != PeerGroupAssociation.audit_served,
    and_(
        PeerGroupAssociation.association_type == AssociationType.PRIMARY,
        or_(
            PeerGroupAssociation.deleting,
            PeerGroupAssociation.sync_status == SyncStatus.SYNCING,
            PeerGroupAssociation.told_status.is_(None),
            PeerGroupAssociation.told_status != PeerGroupAssociation.sync_status,
        ),
    ),
)
# What a peer that is known to be away need not be tried for; the heartbeat that finds it back brings it up.
PATIENT_TASKS = frozenset({tell, run_audit})


def associations_undone(session: Session) -> Iterable[Due]:
    """Associations with a deletion half done, a sync without a run, an audit that is due, or a status that
    the peer was not told.

    One at which somebody works is among them; its lease sends the job away.
    """
    for association in session.scalars(select(PeerGroupAssociation).where(NOT_QUIET)):
        task = undone(association)
        if task is not None and (task not in PATIENT_TASKS or _may_be_told(association.peer)):
            yield Due(ATTEND_JOB, f"association:{association.id}", {"association_id": association.id})


def _may_be_told(peer: SystemPeer) -> bool:
    """Whether telling a status may succeed; the heartbeat that finds a peer back brings it up again."""
    return (
        peer.administrative_state == Administrative.ENABLED
        and peer.availability_state != PeerAvailability.UNAVAILABLE
    )


def attribute_changes_undone(session: Session) -> Iterable[Due]:
    """Groups whose attribute change began; the one that goes on is protected by its lease."""
    query = select(Operation.subject_id).where(Operation.kind == attributes.OPERATION)
    for group_id in session.scalars(query):
        yield Due(RECOVER_ATTRIBUTES_JOB, f"group:{group_id}", {"group_id": group_id})


def recover_attributes(parts: Parts, group_id: int) -> None:
    """Give up an attribute change whose process died; does nothing while its process lives."""
    hold = attributes.hold_group(parts, group_id)
    if hold is None:
        return
    with hold:
        with parts.unit_of_work() as session:
            moved = [association.id for association in attributes.recover_change(session, group_id)]
            session.commit()
        hint(parts, moved)


class Reconciler:
    """Sweeps at its start, every so many seconds, and when it is woken."""

    def __init__(self, parts: Parts, sources: Iterable[Source]) -> None:
        self._parts = parts
        self._sources = tuple(sources)
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._sweep_for_ever, name="reconciler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Sweep now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the sweep that is going on."""
        self._stopping = True
        self._woken.set()
        self._thread.join(self._parts.settings.DRAIN_SECONDS)

    def _sweep_for_ever(self) -> None:
        while not self._stopping:
            try:
                self.sweep()
            # The thread boundary: a database that is away for a moment, or one row that cannot be read, must
            # not end what heals everything else.
            except Exception:
                logger.exception("the sweep failed, the next one tries again")
            self._woken.wait(self._parts.settings.RECONCILE_SECONDS)
            self._woken.clear()

    def sweep(self) -> int:
        """Submit every job that is due; returns how many were."""
        with self._parts.unit_of_work() as session:
            due = [job for source in self._sources for job in source(read_only_once(session))]
        for job in due:
            self._parts.jobs.submit(job.name, job.key, **job.ids)
        return len(due)


def read_only_once(session: Session) -> Session:
    return session if session.in_transaction() else read_only(session)
