"""The deployment of a subcloud, as a kind of task: what is done next stands in the subcloud's row.

What a deployment needs beyond that (bootstrap values with their secrets, the password of the system
administrator) is the payload of its task.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from dcapi.careful_clock import CLOCK
from dcapi.deploy.port import Aborted, Deployer, Done, Failed, Phase, Running, Target
from dcapi.models import Subcloud, Task, task
from dcapi.models.locks import locked
from dcapi.models.secret_values import data_install, deploy_config
from dcapi.models.states import DEPLOYING_STATES, NO_ERRORS, REHOMING_STATES, Availability, Deploy, TaskName
from dcapi.models.task import payload_of
from dcapi.runtime import Runtime
from dcapi.services.deploying import enrolment
from dcapi.services.deploying.deploy_files import for_configuration
from dcapi.services.deploying.deployment_values import store
from dcapi.services.deploying.phases import (
    OFF_THE_AIR,
    STAGE_OF_STATUS,
    TAKEN_FROM_ELSEWHERE,
    Place,
    Stage,
    first_place,
    next_place,
)
from dcapi.services.inventory import management
from dcapi.services.inventory.inputs import NewSubcloud, Values
from dcapi.services.inventory.stored_values import stored_payload, without_address
from dcapi.sync.endpoints import deploy_target
from dcapi.sync.values.member import bootstrap_address
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import Step, TaskKind

# In these the archive of an enrolment is needed: for its end, or for another try.
ENROLMENT_LASTS = frozenset({Deploy.ENROLLING, Deploy.ENROLL_FAILED})

logger = logging.getLogger(__name__)

DEPLOYMENT_LOST = "What the deployment needs was lost or has expired: resume it, or deploy it again."

# In the details of a task: the installation was aborted, and the node is to be powered off.
POWERS_OFF = "powers_off"
# Seconds that a node may take to power off. Source: "Abort" in the contract of deployment.
POWER_OFF_SECONDS = 60.0


# A subcloud that is rehomed for its peer group's sake is taken further by the migration.
IS_DEPLOYING = or_(
    Subcloud.deploy_status.in_(DEPLOYING_STATES),
    and_(Subcloud.deploy_status.in_(REHOMING_STATES), Subcloud.rehome_step.is_(None)),
)


@dataclass(frozen=True)
class NextStatus:
    """What becomes of a subcloud, and in how many seconds it is looked at again (None: it has arrived).

    ``facts`` is what a phase found out, ``changes`` are new values of the task's columns.
    """

    status: Deploy
    seconds: float | None = 0.0
    error: str = NO_ERRORS
    left: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


def enter(row: Subcloud, phases: Sequence[str]) -> None:
    """Let a row stand where a chain of phases begins."""
    place = first_place(phases)
    row.deploy_status = place.status
    row.phases_left = list(place.left) or None
    row.error_description = NO_ERRORS
    row.initial_deployment = not TAKEN_FROM_ELSEWHERE.intersection(phases)
    if phases[0] in OFF_THE_AIR:
        row.availability_status = Availability.OFFLINE


def start(session: Session, runtime: Runtime, row: Subcloud, new: NewSubcloud) -> None:
    """Let the deployment of a row that stands at its beginning, and has its id, begin with these values.

    It does as soon as the caller commits.
    """
    payload = {
        "bootstrap_values": new.bootstrap_values,
        "bootstrap_address": new.bootstrap_address,
        "install_values": new.install_values,
        "deploy_config": new.deploy_config,
        "sysadmin_password": new.sysadmin_password,
    }
    TASK.start(session, runtime, row.id, payload=payload)


def begin(session: Session, runtime: Runtime, row: Subcloud, new: NewSubcloud, phases: Sequence[str]) -> bool:
    """Let these phases of a locked row begin with these values, which it keeps, when the caller commits.

    Returns whether a value differs that secondaries get. Raises BadRequest.
    """
    changed = store(session, row, new)
    enter(row, phases)
    start(session, runtime, row, new)
    return changed


@dataclass(frozen=True)
class DeployView:
    """A subcloud that is being deployed, and the phases that follow the present one.

    ``powers_off``: its installation was aborted, and its node is to be powered off by the ``deadline``.
    """

    subcloud_id: int
    status: Deploy
    target: Target
    left: tuple[str, ...] = ()
    powers_off: bool = False
    begun: bool = False
    deadline: float | None = None


class Deployment(TaskKind[DeployView, NextStatus]):
    name = TaskName.DEPLOY

    def look(self, session: Session, runtime: Runtime, found: Task) -> DeployView | None:
        row = session.scalar(select(Subcloud).where(Subcloud.id == found.subject_id, IS_DEPLOYING))
        if row is None:
            return None
        return DeployView(
            row.id,
            Deploy(row.deploy_status),
            _target(runtime, row, payload_of(found)),
            left=tuple(row.phases_left or ()),
            powers_off=bool(found.details.get(POWERS_OFF)),
            begun=found.begun,
            deadline=found.deadline,
        )

    def ask(self, runtime: Runtime, hold: Hold, view: DeployView) -> NextStatus:  # noqa: ARG002
        return next_status(view, runtime.deployer, CLOCK.now())

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
        answer = _with_facts(session, row, answer)
        if view.status == Deploy.ENROLLING and answer.status not in ENROLMENT_LASTS:
            enrolment.forget(session, row.id)
        row.deploy_status = answer.status
        row.phases_left = list(answer.left) or None
        row.error_description = answer.error
        if answer.status == Deploy.COMPLETE:
            management.put_online(session, row)
        logger.info("subcloud %d: %s after %s", row.id, answer.status.value, view.status.value)
        return Step(answer.seconds, answer.changes)


TASK = Deployment()


def _target(runtime: Runtime, row: Subcloud, payload: Values | None) -> Target:
    """What the deployer is told; without the payload that is what the row keeps."""
    files = {
        "files": for_configuration(runtime, row.software_version),
        "cloud_init_config": enrolment.archive_of(runtime, row.id),
    }
    if payload is not None:
        return deploy_target(row, {**payload, **files})
    values, install = stored_payload(row), data_install.read(row)
    kept = {
        "bootstrap_values": without_address(values),
        "bootstrap_address": bootstrap_address(values, install),
        "install_values": install,
        "deploy_config": deploy_config.read(row),
    }
    return deploy_target(row, {**kept, **files, "can_begin": False})


def _with_facts(session: Session, row: Subcloud, answer: NextStatus) -> NextStatus:
    """Put what a phase found out into the row; it fails when that cannot be."""
    region = answer.facts.get("region_name")
    if region is None or region == row.region_name:
        return answer
    taken = or_(Subcloud.region_name == region, Subcloud.name == region)
    other = session.scalar(select(Subcloud.name).where(taken, Subcloud.id != row.id))
    if other is not None:
        stage = STAGE_OF_STATUS[Deploy(row.deploy_status)]
        return NextStatus(stage.failed, None, f"Its region name {region} is that of subcloud {other}.")
    row.region_name = region
    return answer


def next_status(view: DeployView, deployer: Deployer, now: float) -> NextStatus:
    """What becomes of a subcloud that is being deployed; asks the deployer where the status says so.

    ``now`` is in seconds since the epoch.
    """
    stage = STAGE_OF_STATUS[view.status]
    if view.status == stage.before:
        return _begun(stage, view, deployer)
    if view.status == stage.during:
        return _polled(stage, view, deployer)
    return _powered_off(view, deployer, now) if view.powers_off else _aborted(stage, view, deployer, now)


def _begun(stage: Stage, view: DeployView, deployer: Deployer) -> NextStatus:
    if not view.target.can_begin:
        return NextStatus(stage.failed_before, None, DEPLOYMENT_LOST)
    match deployer.begin(stage.phase, view.target):
        case Failed(reason):
            return NextStatus(stage.failed_before, None, reason)
        case Running(seconds):
            return NextStatus(stage.during, seconds, left=view.left)
        case Done():
            # What was over at once is shown as going on all the same: clients follow the statuses.
            return NextStatus(stage.during, left=view.left)


def _polled(stage: Stage, view: DeployView, deployer: Deployer) -> NextStatus:
    match deployer.poll(stage.phase, view.target):
        case Failed(reason):
            return NextStatus(stage.failed, None, reason)
        case Running(seconds):
            return NextStatus(stage.during, seconds, left=view.left)
        case Done(facts):
            return replace(_moved(next_place(stage, view.left)), facts=facts)


def _moved(place: Place) -> NextStatus:
    return NextStatus(place.status, 0.0 if place.status in STAGE_OF_STATUS else None, left=place.left)


def _aborted(stage: Stage, view: DeployView, deployer: Deployer, now: float) -> NextStatus:
    """Nothing follows an abort, nor what ended by itself before it could be aborted."""
    assert stage.aborting is not None
    assert stage.aborted is not None
    match deployer.abort(stage.phase, view.target):
        case Running(seconds):
            return NextStatus(stage.aborting, seconds)
        case Failed(reason):
            return NextStatus(stage.failed, None, reason)
        case Done():
            return NextStatus(stage.after, None)
        case Aborted() if stage.phase == Phase.INSTALL:
            changes = {"details": {POWERS_OFF: True}, "begun": False, "deadline": now + POWER_OFF_SECONDS}
            return NextStatus(stage.aborting, changes=changes)
        case Aborted():
            return NextStatus(stage.aborted, None)


def _powered_off(view: DeployView, deployer: Deployer, now: float) -> NextStatus:
    """What is powered off is not waited for longer than it may take."""
    ask = deployer.poll if view.begun else deployer.begin
    # What this needs is in the row.
    target = replace(view.target, can_begin=True)
    match ask(Phase.SHUTDOWN, target):
        case Running(seconds) if view.deadline is None or now < view.deadline:
            left = seconds if view.deadline is None else min(seconds, view.deadline - now)
            return NextStatus(Deploy.ABORTING_INSTALL, left, changes={"begun": True})
        case Failed(reason):
            return NextStatus(Deploy.INSTALL_FAILED, None, reason)
        case Running():
            deployer.abort(Phase.SHUTDOWN, target)
    return NextStatus(Deploy.INSTALL_ABORTED, None)


def abort(session: Session, runtime: Runtime, row: Subcloud) -> None:
    """Let the phase of a locked row be aborted, and nothing follow it, as soon as the caller commits.

    Raises KeyError for a status in which no phase runs that can be aborted.
    """
    stage = STAGE_OF_STATUS[Deploy(row.deploy_status)]
    assert stage.aborting is not None
    row.deploy_status = stage.aborting
    row.phases_left = None
    if not task.hasten(session, TASK.name, row.id):
        TASK.start(session, runtime, row.id)
