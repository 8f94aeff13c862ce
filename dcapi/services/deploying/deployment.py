"""The deployment of a subcloud, as a kind of task: what is done next stands in the subcloud's deploy status.

What a deployment needs beyond that (bootstrap values with their secrets, the password of the system
administrator) is the payload of its task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Deployer, Done, Failed, Phase, Running, StepState, Target
from dcapi.models import Subcloud, Task
from dcapi.models.locks import locked
from dcapi.models.states import DEPLOYING_STATES, NO_ERRORS, REHOMING_STATES, Availability, Deploy, TaskName
from dcapi.models.task import payload_of
from dcapi.runtime import Runtime
from dcapi.services.deploying.deploy_files import for_configuration
from dcapi.services.inventory.inputs import NewSubcloud
from dcapi.sync.endpoints import deploy_target
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import Step, TaskKind

logger = logging.getLogger(__name__)

DEPLOYMENT_LOST = "What the deployment needs was lost or has expired: deploy the subcloud again."


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
class NextStatus:
    """What becomes of a subcloud, and in how many seconds it is looked at again (None: it has arrived)."""

    status: Deploy
    seconds: float | None = 0.0
    error: str = NO_ERRORS


def start(session: Session, runtime: Runtime, row: Subcloud, new: NewSubcloud) -> None:
    """Let the deployment of a row that has its id begin as soon as the caller commits."""
    payload = {
        "bootstrap_values": new.bootstrap_values,
        "bootstrap_address": new.bootstrap_address,
        "install_values": new.install_values,
        "deploy_config": new.deploy_config,
        "sysadmin_password": new.sysadmin_password,
    }
    TASK.start(session, runtime, row.id, payload=payload)


@dataclass(frozen=True)
class DeployView:
    """A subcloud that is being deployed; ``target`` is None when what the deployer needs was lost."""

    subcloud_id: int
    status: Deploy
    target: Target | None


class Deployment(TaskKind[DeployView, NextStatus]):
    name = TaskName.DEPLOY

    def look(self, session: Session, runtime: Runtime, found: Task) -> DeployView | None:
        row = session.scalar(select(Subcloud).where(Subcloud.id == found.subject_id, IS_DEPLOYING))
        if row is None:
            return None
        values = payload_of(found)
        files = for_configuration(runtime, row.software_version)
        target = None if values is None else deploy_target(row, {**values, "files": files})
        return DeployView(row.id, Deploy(row.deploy_status), target)

    def ask(self, runtime: Runtime, hold: Hold, view: DeployView) -> NextStatus:  # noqa: ARG002
        return next_status(view.status, view.target, runtime.deployer)

    def write(
        self,
        session: Session,
        runtime: Runtime,  # noqa: ARG002
        view: DeployView,
        answer: NextStatus,
    ) -> Step | None:
        query = select(Subcloud).where(Subcloud.id == view.subcloud_id, IS_DEPLOYING)
        row = session.scalar(locked(query))
        if row is None or row.deploy_status != view.status:
            return None
        row.deploy_status = answer.status
        row.error_description = answer.error
        if answer.status == Deploy.COMPLETE:
            row.availability_status = Availability.ONLINE
        logger.info("subcloud %d: %s after %s", row.id, answer.status.value, view.status.value)
        return Step(answer.seconds)


TASK = Deployment()


def next_status(status: Deploy, target: Target | None, deployer: Deployer) -> NextStatus:
    """What becomes of a subcloud that is being deployed; asks the deployer where the status says so."""
    index = next(index for index, stage in enumerate(STAGES) if status in _statuses(stage))
    stage = STAGES[index]
    if target is None:
        return NextStatus(stage.failed, None, DEPLOYMENT_LOST)
    if status == stage.after:
        return _enter_next(index, target)
    if status == stage.before:
        # A phase that was over at once is shown as going on all the same: clients follow the statuses.
        return _after(stage, deployer.begin(stage.phase, target), NextStatus(stage.during))
    done = NextStatus(stage.after, None if stage.after == Deploy.COMPLETE else 0.0)
    return _after(stage, deployer.poll(stage.phase, target), done)


def _statuses(stage: Stage) -> tuple[Deploy, ...]:
    return stage.before, stage.during, stage.after


def _enter_next(index: int, target: Target) -> NextStatus:
    following = (stage for stage in STAGES[index + 1 :] if stage.is_wanted(target))
    stage = next(following, None)
    return NextStatus(Deploy.COMPLETE, None) if stage is None else NextStatus(stage.before)


def _after(stage: Stage, state: StepState, done: NextStatus) -> NextStatus:
    match state:
        case Failed(reason):
            return NextStatus(stage.failed, None, reason)
        case Running(seconds):
            return NextStatus(stage.during, seconds)
        case Done():
            return done
