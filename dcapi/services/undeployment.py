"""Tears down what a subcloud was, after its row is gone, one short step a job.

What was deployed from here, or taken over, is torn down by the deployer's phase ``delete``; that may take
long and may fail, so the caller of the deletion does not wait for it. An encrypted operation row, with the
former subcloud's id, stands for what is still to be done: losing a job, or a process, loses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Done, Failed, Phase, Running, StepState, Target
from dcapi.jobs.hold import Hold
from dcapi.models import Operation, Subcloud, operations
from dcapi.models.engine import read_only
from dcapi.models.operations import Payload
from dcapi.models.secret_values import data_install
from dcapi.models.states import COPY_STATES, REHOMING_STATES, Deploy
from dcapi.parts import Parts
from dcapi.services.steps import make_step
from dcapi.services.subcloud_values import stored_payload
from dcapi.sync import reconcile
from dcapi.sync.member import ADDRESS_KEY
from dcapi.sync.migrate_member import subcloud_lease

logger = logging.getLogger(__name__)

JOB = "undeploy"
KIND = "undeploy"
TRIES = 3
# Seconds before the second try; the third one waits twice as long.
RETRY_SECONDS = 60.0

# A subcloud in one of these states is another site's, or about to be: it lives on when it is deleted here.
ANOTHER_SITES = COPY_STATES | REHOMING_STATES | {Deploy.REHOME_PENDING}


def leave(session: Session, parts: Parts, row: Subcloud) -> bool:
    """Note what is to be torn down when this row is gone; returns whether anything is. The caller commits."""
    if row.deploy_status in ANOTHER_SITES:
        return False
    payload = {"target": _target_values(row), "tries": 0, "begun": False, "due_at": time.time()}
    operations.add(session, KIND, row.id, payload, parts.settings.OPERATION_SECRET_TTL)
    return True


def _target_values(row: Subcloud) -> Payload:
    """What the deployer is told of a subcloud that is gone; passwords of running systems are never stored."""
    values = dict(stored_payload(row))
    return {
        "name": row.name,
        "region_name": row.region_name,
        "software_version": row.software_version,
        "bootstrap_address": values.pop(ADDRESS_KEY, None),
        "bootstrap_values": values,
        "install_values": data_install.read(row),
    }


def hint(parts: Parts, subcloud_id: int, delay: float = 0.0) -> None:
    """Let the next step be made in ``delay`` seconds; after the commit."""
    parts.jobs.submit(JOB, _key(subcloud_id), delay=delay, subcloud_id=subcloud_id)


def undeployments_due(session: Session) -> Iterable[reconcile.Due]:
    """All that is to be torn down, as jobs for the reconciler; a step that is too early does nothing."""
    for subcloud_id in session.scalars(select(Operation.subject_id).where(Operation.kind == KIND)):
        yield reconcile.Due(JOB, _key(subcloud_id), {"subcloud_id": subcloud_id})


def _key(subcloud_id: int) -> str:
    return f"undeploy:{subcloud_id}"


def step(parts: Parts, subcloud_id: int) -> None:
    """The job: make one step and ask for the next one; nothing when somebody else is at this subcloud."""
    # A step of its deployment may still be under way.
    make_step(
        parts,
        subcloud_lease(subcloud_id),
        advance=lambda hold: _advance(parts, hold, subcloud_id),
        hint=lambda delay: hint(parts, subcloud_id, delay),
    )


def _advance(parts: Parts, hold: Hold, subcloud_id: int) -> float | None:
    """Make one step; returns the seconds to the next one, None when there is none."""
    with parts.unit_of_work() as session:
        if not operations.exists(read_only(session), KIND, subcloud_id):
            return None
        payload = operations.read(session, KIND, subcloud_id)
    if payload is None:
        _give_up(parts, hold, subcloud_id, "what this needs was lost or has expired")
        return None
    left: float = payload["due_at"] - time.time()
    if left > 0:
        return left
    target = Target(subcloud_id=subcloud_id, attempt=payload["tries"] + 1, **payload["target"])
    ask = parts.deployer.poll if payload["begun"] else parts.deployer.begin
    return _after(parts, hold, target, payload, ask(Phase.DELETE, target))


def _after(parts: Parts, hold: Hold, target: Target, payload: Payload, state: StepState) -> float | None:
    """Write what the deployer said."""
    match state:
        case Running(seconds):
            return _wait(parts, hold, target, {**payload, "begun": True}, seconds)
        case Done():
            _forget(parts, hold, target.subcloud_id)
            parts.deployer.delete(target)
            logger.info("subcloud %s (%d): torn down", target.name, target.subcloud_id)
            return None
        case Failed(reason):
            return _after_failure(parts, hold, target, payload, reason)


def _after_failure(parts: Parts, hold: Hold, target: Target, payload: Payload, reason: str) -> float | None:
    tries = payload["tries"] + 1
    if tries >= TRIES:
        reason = f"{TRIES} tries failed, the last one: {reason}"
        _give_up(parts, hold, target.subcloud_id, reason, target.name)
        return None
    logger.warning(
        "subcloud %s (%d): it could not be torn down, it is tried again: %s",
        target.name,
        target.subcloud_id,
        reason,
    )
    again = {**payload, "tries": tries, "begun": False}
    return _wait(parts, hold, target, again, RETRY_SECONDS * tries)


def _wait(parts: Parts, hold: Hold, target: Target, payload: Payload, seconds: float) -> float:
    """Note when the next step is due; what it needs stays for as long as somebody is at it."""
    due_at = time.time() + seconds
    with parts.unit_of_work() as session:
        hold.confirm(session)
        operation = operations.find(session, KIND, target.subcloud_id)
        if operation is not None:
            operation.payload = {**payload, "due_at": due_at}
            operation.expires_at = due_at + parts.settings.OPERATION_SECRET_TTL
        session.commit()
    return seconds


def _give_up(parts: Parts, hold: Hold, subcloud_id: int, reason: str, name: str = "(unknown)") -> None:
    _forget(parts, hold, subcloud_id)
    logger.error(
        "subcloud %s (%d) is deleted, but could not be torn down: %s; what is left of it has to be removed "
        "by hand",
        name,
        subcloud_id,
        reason,
    )


def _forget(parts: Parts, hold: Hold, subcloud_id: int) -> None:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        operations.forget(session, KIND, subcloud_id)
        session.commit()
