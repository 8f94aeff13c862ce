"""The phases of a deployment: the statuses of each, and what follows when one ends. Pure.

A chain is a list of phases that are run one after the other. The end of one and the waiting status of the
next are written together, so a status between two phases means that the chain is over and the subcloud rests.
Source: "The statuses" in the contract of deployment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dcapi.deploy.port import Phase
from dcapi.models.states import Deploy


@dataclass(frozen=True)
class Stage:
    """One phase, and the statuses that a subcloud has before, during and after it.

    ``failed_before`` is for what fails before it has begun. One without ``aborting`` is not to be aborted.
    """

    phase: Phase
    before: Deploy
    during: Deploy
    after: Deploy
    failed_before: Deploy
    failed: Deploy
    aborting: Deploy | None = None
    aborted: Deploy | None = None

    @property
    def passing(self) -> frozenset[Deploy]:
        """The statuses in which something is done about it."""
        return frozenset({self.before, self.during, *([self.aborting] if self.aborting else [])})


STAGES = (
    Stage(
        Phase.CREATE,
        before=Deploy.PRE_DEPLOY,
        during=Deploy.CREATING,
        after=Deploy.CREATE_COMPLETE,
        failed_before=Deploy.CREATE_FAILED,
        failed=Deploy.CREATE_FAILED,
    ),
    Stage(
        Phase.INSTALL,
        before=Deploy.PRE_INSTALL,
        during=Deploy.INSTALLING,
        after=Deploy.INSTALL_COMPLETE,
        failed_before=Deploy.PRE_INSTALL_FAILED,
        failed=Deploy.INSTALL_FAILED,
        aborting=Deploy.ABORTING_INSTALL,
        aborted=Deploy.INSTALL_ABORTED,
    ),
    Stage(
        Phase.BOOTSTRAP,
        before=Deploy.PRE_BOOTSTRAP,
        during=Deploy.BOOTSTRAPPING,
        after=Deploy.BOOTSTRAP_COMPLETE,
        failed_before=Deploy.PRE_BOOTSTRAP_FAILED,
        failed=Deploy.BOOTSTRAP_FAILED,
        aborting=Deploy.ABORTING_BOOTSTRAP,
        aborted=Deploy.BOOTSTRAP_ABORTED,
    ),
    Stage(
        Phase.CONFIG,
        before=Deploy.PRE_CONFIG,
        during=Deploy.CONFIGURING,
        after=Deploy.COMPLETE,
        failed_before=Deploy.PRE_CONFIG_FAILED,
        failed=Deploy.CONFIG_FAILED,
        aborting=Deploy.ABORTING_CONFIG,
        aborted=Deploy.CONFIG_ABORTED,
    ),
    Stage(
        Phase.ENROLL_INIT,
        before=Deploy.PRE_INIT_ENROLL,
        during=Deploy.INITIATING_ENROLL,
        after=Deploy.INIT_ENROLL_COMPLETE,
        failed_before=Deploy.PRE_INIT_ENROLL_FAILED,
        failed=Deploy.INIT_ENROLL_FAILED,
    ),
    Stage(
        Phase.ENROLL,
        before=Deploy.PRE_ENROLL,
        during=Deploy.ENROLLING,
        after=Deploy.ENROLL_COMPLETE,
        failed_before=Deploy.PRE_ENROLL_FAILED,
        failed=Deploy.ENROLL_FAILED,
    ),
    # For a subcloud that is created with ``migrate``: it runs already, and nothing else is done to it.
    Stage(
        Phase.REHOME,
        before=Deploy.PRE_REHOME,
        during=Deploy.REHOMING,
        after=Deploy.COMPLETE,
        failed_before=Deploy.REHOME_PREP_FAILED,
        failed=Deploy.REHOME_FAILED,
    ),
)

STAGE_OF_PHASE = {stage.phase: stage for stage in STAGES}
STAGE_OF_STATUS = {status: stage for stage in STAGES for status in stage.passing}

# In the place of a configuration for which there are no values: the deployment is complete without.
COMPLETION = "complete"

# What makes the deployment that follows no initial one.
TAKEN_FROM_ELSEWHERE = frozenset({Phase.REHOME, Phase.ENROLL_INIT, Phase.ENROLL})
# What a subcloud is off the air for, from its beginning on.
OFF_THE_AIR = frozenset({Phase.INSTALL, Phase.ENROLL_INIT, Phase.ENROLL})


@dataclass(frozen=True)
class Place:
    """Where a subcloud stands: its deploy status, and the phases that follow; COMPLETION may be the last."""

    status: Deploy
    left: tuple[str, ...] = ()


def first_place(phases: Sequence[str]) -> Place:
    """Where a chain of phases begins."""
    return Place(STAGE_OF_PHASE[Phase(phases[0])].before, tuple(phases[1:]))


def next_place(stage: Stage, left: Sequence[str]) -> Place:
    """Where a subcloud stands after a phase: before the next one, else it has arrived."""
    if not left:
        return Place(stage.after)
    return Place(Deploy.COMPLETE) if left[0] == COMPLETION else first_place(left)


def last_phase(*, configures: bool) -> str:
    """What completes a deployment: its configuration, where there are values for one."""
    return Phase.CONFIG if configures else COMPLETION


def deployment_phases(*, installs: bool, configures: bool) -> tuple[str, ...]:
    """What follows the creation of a subcloud, or a redeployment, by the values that there are."""
    install = (Phase.INSTALL,) if installs else ()
    return (*install, Phase.BOOTSTRAP, last_phase(configures=configures))
