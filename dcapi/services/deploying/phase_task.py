"""One phase of the deployer on a subcloud that is deployed already, as a kind of task."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Failed, Phase, Running, StepState, Target
from dcapi.models import Subcloud, Task
from dcapi.models.locks import locked
from dcapi.models.task import payload_of
from dcapi.runtime import Runtime
from dcapi.sync import changes
from dcapi.sync.endpoints import deploy_target
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import Step, TaskKind

logger = logging.getLogger(__name__)

Details = Mapping[str, Any]
Values = dict[str, Any]

PHASE_LOST = "What this needs was lost or has expired: ask for it again."


@dataclass(frozen=True)
class PhaseView:
    """A subcloud at its phase; ``target`` is None when what the deployer needs was lost."""

    subcloud_id: int
    begun: bool
    details: Details = field(repr=False)
    target: Target | None


class PhaseTask(TaskKind[PhaseView, StepState]):
    """A kind of work: one phase, the rows that are at it, and what its end does to them.

    The payload of its tasks holds fields of a deployer's target; their details hold its ``options``, and what
    ``finish`` and ``fail`` need.
    """

    phase: Phase

    @abstractmethod
    def is_under_way(self) -> ColumnElement[bool]:
        """The rows that are at this work."""

    @abstractmethod
    def finish(self, session: Session, row: Subcloud, details: Details) -> list[int]:
        """Write into the locked row that the work is done; returns the associations that have news."""

    @abstractmethod
    def fail(self, row: Subcloud, details: Details, reason: str) -> None:
        """Write into the locked row that it failed."""

    def files(self, runtime: Runtime, options: Details) -> Values:  # noqa: ARG002
        """What of the deploy files the phase takes, as a field of its target."""
        return {}

    def look(self, session: Session, runtime: Runtime, found: Task) -> PhaseView | None:
        row = session.scalar(select(Subcloud).where(Subcloud.id == found.subject_id, self.is_under_way()))
        if row is None:
            return None
        payload, options = payload_of(found), found.details.get("options") or {}
        target = None
        if payload is not None:
            files = self.files(runtime, options)
            target = deploy_target(row, {"options": options, **files, **payload})
        return PhaseView(row.id, found.begun, found.details, target)

    def ask(self, runtime: Runtime, hold: Hold, view: PhaseView) -> StepState:  # noqa: ARG002
        if view.target is None:
            return Failed(PHASE_LOST)
        ask = runtime.deployer.poll if view.begun else runtime.deployer.begin
        return ask(self.phase, view.target)

    def write(self, session: Session, runtime: Runtime, view: PhaseView, answer: StepState) -> Step | None:
        query = select(Subcloud).where(Subcloud.id == view.subcloud_id, self.is_under_way())
        row = session.scalar(locked(query))
        if row is None:
            return None
        logger.info("subcloud %d: %s: %s", row.id, self.name, type(answer).__name__.lower())
        if isinstance(answer, Running):
            return Step(answer.seconds, {"begun": True})
        if isinstance(answer, Failed):
            self.fail(row, view.details, answer.reason)
            return Step(None)
        news = self.finish(session, row, view.details)
        return Step(None, then=(partial(changes.hint, runtime, news),))
