"""The statuses that a deployment goes through, and where it ends when something fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcapi.deploy.port import Aborted, AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.models.states import DEPLOYING_STATES, NO_ERRORS, REHOMING_STATES, Deploy
from dcapi.services.deploying.deployment import DEPLOYMENT_LOST, STAGES, NextStatus, Stage, next_status

TARGET = Target(subcloud_id=1, name="quay-1", region_name="0" * 32, software_version="24.09")
INSTALLED = replace(TARGET, install_values={"bmc_address": "10.72.0.20"})
CONFIGURED = replace(TARGET, deploy_config="kind: Host")


class ScriptedDeployer:
    """Answers as it was told, and notes what it was asked."""

    def __init__(self, began: StepState = Done(), polled: StepState = Done()) -> None:  # noqa: B008
        self.began = began
        self.polled = polled
        self.calls: list[tuple[str, Phase]] = []

    def begin(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        self.calls.append(("begin", phase))
        return self.began

    def poll(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        self.calls.append(("poll", phase))
        return self.polled

    longest_pause = 60.0

    def abort(self, phase: Phase, target: Target) -> AbortState:  # noqa: ARG002
        return Aborted()

    def delete(self, target: Target) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing runs."""


def walk(target: Target) -> list[str]:
    """Every status of a deployment, from the first to the last."""
    status = Deploy.PRE_DEPLOY
    seen = [status.value]
    while status in DEPLOYING_STATES:
        status = next_status(status, target, ScriptedDeployer()).status
        seen.append(status.value)
    return seen


BEGINNING = ["pre-deploy", "creating", "create-complete"]
INSTALLATION = ["pre-install", "installing", "install-complete"]
BOOTSTRAP = ["pre-bootstrap", "bootstrapping", "bootstrap-complete"]


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        (TARGET, [*BEGINNING, *BOOTSTRAP, "complete"]),
        (INSTALLED, [*BEGINNING, *INSTALLATION, *BOOTSTRAP, "complete"]),
        (CONFIGURED, [*BEGINNING, *BOOTSTRAP, "pre-config", "configuring", "complete"]),
    ],
)
def test_a_deployment_goes_through_the_phases_that_it_has_values_for(
    target: Target, statuses: list[str]
) -> None:
    assert walk(target) == statuses


def test_every_deploying_status_belongs_to_one_stage() -> None:
    statuses = [status for stage in STAGES for status in (stage.before, stage.during, stage.after)]
    assert sorted(set(statuses) - {Deploy.COMPLETE}) == sorted(DEPLOYING_STATES | REHOMING_STATES)
    without_end = [status for status in statuses if status != Deploy.COMPLETE]
    assert len(without_end) == len(set(without_end))


def test_a_phase_that_runs_is_looked_at_again_when_the_deployer_says() -> None:
    deployer = ScriptedDeployer(began=Running(7.5), polled=Running(3.0))
    assert next_status(Deploy.PRE_BOOTSTRAP, TARGET, deployer) == NextStatus(Deploy.BOOTSTRAPPING, 7.5)
    assert next_status(Deploy.BOOTSTRAPPING, TARGET, deployer) == NextStatus(Deploy.BOOTSTRAPPING, 3.0)
    assert deployer.calls == [("begin", Phase.BOOTSTRAP), ("poll", Phase.BOOTSTRAP)]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.phase.value)
def test_a_phase_that_fails_says_why(stage: Stage) -> None:
    broken = ScriptedDeployer(began=Failed("no power"), polled=Failed("no power"))
    wanted = NextStatus(stage.failed, None, "no power")
    assert next_status(stage.before, TARGET, broken) == wanted
    assert next_status(stage.during, TARGET, broken) == wanted


@pytest.mark.parametrize("status", sorted(DEPLOYING_STATES))
def test_without_what_it_needs_a_deployment_fails_wherever_it_stands(status: Deploy) -> None:
    deployer = ScriptedDeployer()
    move = next_status(status, None, deployer)
    assert move.status.endswith("-failed")
    assert move == NextStatus(move.status, None, DEPLOYMENT_LOST)
    assert deployer.calls == []


def test_a_deployment_that_ends_well_leaves_no_error() -> None:
    assert next_status(Deploy.BOOTSTRAP_COMPLETE, TARGET, ScriptedDeployer()) == NextStatus(
        Deploy.COMPLETE, None, NO_ERRORS
    )
    assert next_status(Deploy.CONFIGURING, CONFIGURED, ScriptedDeployer()).seconds is None
