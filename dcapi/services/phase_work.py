"""One phase of the deployer on a subcloud that is deployed already, one short step a job.

As with a deployment, what is done next stands in the row, what it needs beyond that in an encrypted operation
row, and every step is made under a lease: losing a job, or a process, loses nothing.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dcapi.deploy.port import Done, Failed, Phase, Running, StepState, Target
from dcapi.jobs.hold import Hold
from dcapi.models import Subcloud, operations
from dcapi.models.engine import read_only
from dcapi.models.locks import locked
from dcapi.models.operations import Payload
from dcapi.parts import Parts
from dcapi.services.steps import make_step
from dcapi.sync import changes, reconcile

logger = logging.getLogger(__name__)

LOST = "What this needs was lost or has expired: ask for it again."
# Works that one sweep names: the others are overdue at the next one too.
DUE_LIMIT = 1000


class PhaseWork(ABC):
    """A kind of work: one phase, the rows that are at it, and what its end does to them."""

    # Names the job, the kind of the operation row and, with the subcloud's id, the lease.
    name: str
    phase: Phase
    # The attribute of the row that says when the next step is due.
    due_at: str

    @abstractmethod
    def is_under_way(self) -> ColumnElement[bool]:
        """The rows that are at this work."""

    @abstractmethod
    def finish(self, session: Session, row: Subcloud, payload: Payload) -> list[int]:
        """Write into the locked row that the work is done; returns the associations that have news."""

    @abstractmethod
    def fail(self, row: Subcloud, payload: Payload | None, reason: str) -> None:
        """Write into the locked row that it failed; the payload is None when it was lost."""

    def start(self, session: Session, parts: Parts, row: Subcloud, payload: Payload) -> None:
        """Let the work on a locked row begin when the caller commits.

        ``payload`` holds the fields of a deployer's target, and what ``finish`` and ``fail`` need.
        """
        self.forget(session, row.id)
        operations.add(session, self.name, row.id, payload, parts.settings.OPERATION_SECRET_TTL)
        setattr(row, self.due_at, time.time())

    def hint(self, parts: Parts, subcloud_id: int, delay: float = 0.0) -> None:
        """Let the next step be made in ``delay`` seconds; after the commit."""
        parts.jobs.submit(self.name, self._key(subcloud_id), delay=delay, subcloud_id=subcloud_id)

    def due(self, session: Session) -> Iterable[reconcile.Due]:
        """The steps that are due now, as jobs for the reconciler."""
        due_at: InstrumentedAttribute[float | None] = getattr(Subcloud, self.due_at)
        is_due = or_(due_at.is_(None), due_at <= time.time())
        query = select(Subcloud.id).where(self.is_under_way(), is_due).order_by(Subcloud.id).limit(DUE_LIMIT)
        for subcloud_id in session.scalars(query):
            yield reconcile.Due(self.name, self._key(subcloud_id), {"subcloud_id": subcloud_id})

    def step(self, parts: Parts, subcloud_id: int) -> None:
        """The job: make one step and ask for the next one; nothing when somebody else is at it."""
        make_step(
            parts,
            self._key(subcloud_id),
            advance=lambda hold: self._advance(parts, hold, subcloud_id),
            hint=lambda delay: self.hint(parts, subcloud_id, delay),
        )

    def _key(self, subcloud_id: int) -> str:
        return f"{self.name}:{subcloud_id}"

    def _advance(self, parts: Parts, hold: Hold, subcloud_id: int) -> float | None:
        """Make one step; returns the seconds to the next one, None when there is none."""
        with parts.unit_of_work() as session:
            query = select(Subcloud).where(Subcloud.id == subcloud_id, self.is_under_way())
            row = read_only(session).scalar(query)
            if row is None:
                return None
            due_at: float | None = getattr(row, self.due_at)
            left = (due_at or 0.0) - time.time()
            if left > 0:
                return left
            payload = operations.read(session, self.name, subcloud_id)
            target = None if payload is None else _target(row, payload)
        state = Failed(LOST) if payload is None or target is None else self._ask(parts, payload, target)
        return self._write(parts, hold, subcloud_id, payload, state)

    def _ask(self, parts: Parts, payload: Payload, target: Target) -> StepState:
        if payload.get("begun"):
            return parts.deployer.poll(self.phase, target)
        return parts.deployer.begin(self.phase, target)

    def _write(
        self, parts: Parts, hold: Hold, subcloud_id: int, payload: Payload | None, state: StepState
    ) -> float | None:
        """Write what the deployer said, if the lease is still ours and the row still at this work."""
        news: list[int] = []
        with parts.unit_of_work() as session:
            hold.confirm(session)
            query = locked(select(Subcloud).where(Subcloud.id == subcloud_id, self.is_under_way()))
            row = session.scalar(query)
            if row is None:
                return None
            if isinstance(state, Running):
                self._keep(session, parts, subcloud_id)
                setattr(row, self.due_at, time.time() + state.seconds)
            else:
                news = self._end(session, row, payload, state)
            session.commit()
        changes.hint(parts, news)
        logger.info("subcloud %d: %s: %s", subcloud_id, self.name, type(state).__name__.lower())
        return state.seconds if isinstance(state, Running) else None

    def _end(
        self, session: Session, row: Subcloud, payload: Payload | None, state: Done | Failed
    ) -> list[int]:
        setattr(row, self.due_at, None)
        self.forget(session, row.id)
        if isinstance(state, Failed) or payload is None:
            self.fail(row, payload, state.reason if isinstance(state, Failed) else LOST)
            return []
        return self.finish(session, row, payload)

    def _keep(self, session: Session, parts: Parts, subcloud_id: int) -> None:
        """Note that the phase was begun, and keep what it needs for as long as somebody is at it."""
        operation = operations.find(session, self.name, subcloud_id)
        if operation is None:
            return
        operation.expires_at = time.time() + parts.settings.OPERATION_SECRET_TTL
        if not operation.payload.get("begun"):
            operation.payload = {**operation.payload, "begun": True}

    def forget(self, session: Session, subcloud_id: int) -> None:
        """Delete what the work needs beyond its row; the caller commits."""
        operations.forget(session, self.name, subcloud_id)


def _target(row: Subcloud, payload: Payload) -> Target:
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
        bootstrap_address=payload.get("bootstrap_address"),
        bootstrap_values=payload.get("bootstrap_values") or {},
        sysadmin_password=payload.get("sysadmin_password"),
        options=payload.get("options") or {},
    )
