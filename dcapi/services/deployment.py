"""Takes subclouds through their deployment, one short step a job; what is done next stands in the row.

A step reads the row, asks the deployer outside of any transaction, and moves the row in one transaction
under a lease. Losing a job loses nothing: ``due`` names the rows whose next step is overdue. What a
deployment needs beyond its row (bootstrap values with their secrets, the password of the system
administrator) is an encrypted operation row that dies with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Deployer, Done, Failed, Phase, Running, StepState, Target
from dcapi.jobs.hold import Hold
from dcapi.models import Subcloud, operations
from dcapi.models.engine import read_only
from dcapi.models.locks import locked
from dcapi.models.states import DEPLOYING_STATES, NO_ERRORS, REHOMING_STATES, Availability, Deploy
from dcapi.parts import Parts
from dcapi.services.steps import make_step
from dcapi.services.subcloud_requests import NewSubcloud
from dcapi.sync import reconcile
from dcapi.sync.migrate_member import subcloud_lease

logger = logging.getLogger(__name__)

JOB = "deploy"
KIND = "deploy"
LOST = "What the deployment needs was lost or has expired: deploy the subcloud again."
# Steps that one sweep names: the others are overdue at the next one too.
DUE_LIMIT = 1000


@dataclass(frozen=True)
class Stage:
    """One phase of a deployment and the statuses that a subcloud has before, during and after it."""

    phase: Phase
    before: Deploy
    during: Deploy
    after: Deploy
    failed: Deploy
    is_wanted: Callable[[Target], bool] = lambda _target: True


STAGES = (
    Stage(Phase.CREATE, Deploy.PRE_DEPLOY, Deploy.CREATING, Deploy.CREATE_COMPLETE, Deploy.CREATE_FAILED),
    Stage(
        Phase.INSTALL,
        Deploy.PRE_INSTALL,
        Deploy.INSTALLING,
        Deploy.INSTALL_COMPLETE,
        Deploy.INSTALL_FAILED,
        lambda target: target.install_values is not None,
    ),
    Stage(
        Phase.BOOTSTRAP,
        Deploy.PRE_BOOTSTRAP,
        Deploy.BOOTSTRAPPING,
        Deploy.BOOTSTRAP_COMPLETE,
        Deploy.BOOTSTRAP_FAILED,
    ),
    Stage(
        Phase.CONFIG,
        Deploy.PRE_CONFIG,
        Deploy.CONFIGURING,
        Deploy.COMPLETE,
        Deploy.CONFIG_FAILED,
        lambda target: target.deploy_config is not None,
    ),
    # For a subcloud that is created with ``migrate``: it runs already, and nothing else is done to it.
    Stage(
        Phase.REHOME,
        Deploy.PRE_REHOME,
        Deploy.REHOMING,
        Deploy.COMPLETE,
        Deploy.REHOME_FAILED,
        lambda _target: False,
    ),
)

# A subcloud that is rehomed for its peer group's sake is taken further by the migration.
IS_DEPLOYING = or_(
    Subcloud.deploy_status.in_(DEPLOYING_STATES),
    and_(Subcloud.deploy_status.in_(REHOMING_STATES), Subcloud.rehome_step.is_(None)),
)


@dataclass(frozen=True)
class Move:
    """The next status of a subcloud, and in how many seconds it is looked at again (None: it has arrived)."""

    status: Deploy
    seconds: float | None = 0.0
    error: str = NO_ERRORS


def start(session: Session, parts: Parts, row: Subcloud, new: NewSubcloud) -> None:
    """Let the deployment of a new row, which has its id and is due, begin as soon as the caller commits."""
    payload = {
        "bootstrap_values": new.bootstrap_values,
        "bootstrap_address": new.bootstrap_address,
        "install_values": new.install_values,
        "deploy_config": new.deploy_config,
        "sysadmin_password": new.sysadmin_password,
    }
    # What an earlier subcloud of this id left behind must not be in the way.
    forget(session, row.id)
    operations.add(session, KIND, row.id, payload, parts.settings.OPERATION_SECRET_TTL)


def forget(session: Session, subcloud_id: int) -> None:
    """Delete what a deployment needed beyond its row; the caller commits."""
    operations.forget(session, KIND, subcloud_id)


def hint(parts: Parts, subcloud_id: int, delay: float = 0.0) -> None:
    """Let the next step of a deployment be done in ``delay`` seconds; after the commit."""
    parts.jobs.submit(JOB, subcloud_lease(subcloud_id), delay=delay, subcloud_id=subcloud_id)


def due(session: Session, now: float) -> list[int]:
    """Ids of the subclouds whose deployment should have moved on by ``now`` (seconds since the epoch)."""
    query = (
        select(Subcloud.id)
        .where(
            IS_DEPLOYING,
            or_(Subcloud.deploy_due_at.is_(None), Subcloud.deploy_due_at <= now),
        )
        .order_by(Subcloud.deploy_due_at, Subcloud.id)
        .limit(DUE_LIMIT)
    )
    return list(session.scalars(query))


def deployments_due(session: Session) -> Iterable[reconcile.Due]:
    """The same as jobs for the reconciler."""
    for subcloud_id in due(session, time.time()):
        yield reconcile.Due(JOB, subcloud_lease(subcloud_id), {"subcloud_id": subcloud_id})


def step(parts: Parts, subcloud_id: int) -> None:
    """The job: move one deployment one step on, and ask for the next step.

    Does nothing when somebody else is at it, or when there is nothing (more) to deploy.
    """
    make_step(
        parts,
        subcloud_lease(subcloud_id),
        advance=lambda hold: _advance(parts, hold, subcloud_id),
        hint=lambda delay: hint(parts, subcloud_id, delay),
    )


def _advance(parts: Parts, hold: Hold, subcloud_id: int) -> float | None:
    """Make one step; returns the seconds to the next one, None when there is none."""
    with parts.unit_of_work() as session:
        row = read_only(session).scalar(select(Subcloud).where(Subcloud.id == subcloud_id, IS_DEPLOYING))
        if row is None:
            return None
        now = time.time()
        if row.deploy_due_at is not None and row.deploy_due_at > now:
            return row.deploy_due_at - now
        status, target = Deploy(row.deploy_status), _target(session, row)
    move = next_move(status, target, parts.deployer)
    return _apply(parts, hold, subcloud_id, status, move)


def _target(session: Session, row: Subcloud) -> Target | None:
    """What the deployer needs; None when it is gone, or was encrypted with a key that is gone."""
    needed = operations.read(session, KIND, row.id)
    if needed is None:
        return None
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
        **needed,
    )


def next_move(status: Deploy, target: Target | None, deployer: Deployer) -> Move:
    """What becomes of a subcloud that is being deployed; asks the deployer where the status says so."""
    index = next(index for index, stage in enumerate(STAGES) if status in _statuses(stage))
    stage = STAGES[index]
    if target is None:
        return Move(stage.failed, None, LOST)
    if status == stage.after:
        return _enter_next(index, target)
    if status == stage.before:
        return _after_begin(stage, deployer.begin(stage.phase, target))
    return _after_poll(stage, deployer.poll(stage.phase, target))


def _statuses(stage: Stage) -> tuple[Deploy, ...]:
    return stage.before, stage.during, stage.after


def _enter_next(index: int, target: Target) -> Move:
    following = (stage for stage in STAGES[index + 1 :] if stage.is_wanted(target))
    stage = next(following, None)
    return Move(Deploy.COMPLETE, None) if stage is None else Move(stage.before)


def _after_begin(stage: Stage, state: StepState) -> Move:
    """A phase that was over at once is shown as going on all the same: clients follow the statuses."""
    match state:
        case Failed(reason):
            return Move(stage.failed, None, reason)
        case Running(seconds):
            return Move(stage.during, seconds)
        case Done():
            return Move(stage.during)


def _after_poll(stage: Stage, state: StepState) -> Move:
    match state:
        case Failed(reason):
            return Move(stage.failed, None, reason)
        case Running(seconds):
            return Move(stage.during, seconds)
        case Done():
            return Move(stage.after, None if stage.after == Deploy.COMPLETE else 0.0)


def _apply(parts: Parts, hold: Hold, subcloud_id: int, seen: Deploy, move: Move) -> float | None:
    """Write a move, if the lease is still ours and the row is as it was seen."""
    with parts.unit_of_work() as session:
        hold.confirm(session)
        row = session.scalar(locked(select(Subcloud).where(Subcloud.id == subcloud_id, IS_DEPLOYING)))
        if row is None or row.deploy_status != seen:
            return None
        row.deploy_status = move.status
        row.error_description = move.error
        row.deploy_due_at = None if move.seconds is None else time.time() + move.seconds
        if move.seconds is None:
            _end(session, row)
        else:
            # Not forgotten for as long as somebody is at it.
            operations.keep(session, KIND, subcloud_id, move.seconds + parts.settings.OPERATION_SECRET_TTL)
        session.commit()
    logger.info("subcloud %d: %s after %s", subcloud_id, move.status.value, seen.value)
    return move.seconds


def _end(session: Session, row: Subcloud) -> None:
    if row.deploy_status == Deploy.COMPLETE:
        row.availability_status = Availability.ONLINE
    forget(session, row.id)
