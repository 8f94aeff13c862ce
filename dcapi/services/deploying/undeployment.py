"""Tears down what a subcloud was, after its row is gone, as a kind of task.

What was deployed from here, or taken over, is torn down by the deployer's phase ``delete``; that may take
long and may fail, so the caller of the deletion does not wait for it. The subject of the task is the id that
the subcloud had: a step of its deployment, under the same lease, may still be under way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from dcapi.deploy.port import Done, Failed, Phase, Running, StepState, Target
from dcapi.models import Subcloud, Task
from dcapi.models.secret_values import data_install
from dcapi.models.states import COPY_STATES, REHOMING_STATES, Deploy, TaskName
from dcapi.models.task import payload_of
from dcapi.runtime import Runtime
from dcapi.services.inventory.stored_values import stored_payload, without_address
from dcapi.sync.values.member import bootstrap_address
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import Step, TaskKind

logger = logging.getLogger(__name__)

TEARDOWN_TRIES = 3
# Seconds before the second try; the third one waits twice as long.
RETRY_SECONDS = 60.0

VALUES_LOST = "what this needs was lost or has expired"

# A subcloud in one of these states is another site's, or about to be: it lives on when it is deleted here.
ANOTHER_SITES = COPY_STATES | REHOMING_STATES | {Deploy.REHOME_PENDING}


def leave(session: Session, runtime: Runtime, row: Subcloud) -> bool:
    """Note what is to be torn down when this row is gone; returns whether anything is. The caller commits."""
    if row.deploy_status in ANOTHER_SITES:
        return False
    TASK.start(session, runtime, row.id, details={"name": row.name}, payload=_target_values(row))
    return True


def _target_values(row: Subcloud) -> dict[str, Any]:
    """What the deployer is told of a subcloud that is gone; passwords of running systems are never stored."""
    values, install = stored_payload(row), data_install.read(row)
    return {
        "name": row.name,
        "region_name": row.region_name,
        "software_version": row.software_version,
        "bootstrap_address": bootstrap_address(values, install),
        "bootstrap_values": without_address(values),
        "install_values": install,
    }


@dataclass(frozen=True)
class Ruin:
    """What is left of a subcloud; ``target`` is None when what the deployer needs was lost."""

    subcloud_id: int
    name: str
    tries: int
    begun: bool
    target: Target | None


class Undeployment(TaskKind[Ruin, StepState]):
    name = TaskName.UNDEPLOY

    def longest_wait(self, runtime: Runtime) -> float:
        return max(super().longest_wait(runtime), RETRY_SECONDS * TEARDOWN_TRIES)

    def look(self, session: Session, runtime: Runtime, found: Task) -> Ruin:  # noqa: ARG002
        values, attempt = payload_of(found), found.tries + 1
        target = None if values is None else Target(found.subject_id, attempt=attempt, **values)
        return Ruin(found.subject_id, found.details["name"], found.tries, found.begun, target)

    def ask(self, runtime: Runtime, hold: Hold, view: Ruin) -> StepState:  # noqa: ARG002
        if view.target is None:
            return Failed(VALUES_LOST)
        ask = runtime.deployer.poll if view.begun else runtime.deployer.begin
        return ask(Phase.DELETE, view.target)

    def write(self, session: Session, runtime: Runtime, view: Ruin, answer: StepState) -> Step:  # noqa: ARG002
        match answer:
            case Running(seconds):
                return Step(seconds, {"begun": True})
            case Failed(reason):
                return _after_failure(view, reason)
            case Done():
                assert view.target is not None
                logger.info("subcloud %s (%d): torn down", view.name, view.subcloud_id)
                return Step(None, then=(partial(runtime.deployer.delete, view.target),))


TASK = Undeployment()


def _after_failure(view: Ruin, reason: str) -> Step:
    """Try again later, but for the last try and for what cannot be told to the deployer any more."""
    tries = view.tries + 1
    if view.target is not None and tries < TEARDOWN_TRIES:
        logger.warning(
            "subcloud %s (%d): it could not be torn down, it is tried again: %s",
            view.name,
            view.subcloud_id,
            reason,
        )
        return Step(RETRY_SECONDS * tries, {"tries": tries, "begun": False})
    logger.error(
        "subcloud %s (%d) is deleted, but could not be torn down: %s; what is left of it has to be removed "
        "by hand",
        view.name,
        view.subcloud_id,
        reason if view.target is None else f"{TEARDOWN_TRIES} tries failed, the last one: {reason}",
    )
    return Step(None)
