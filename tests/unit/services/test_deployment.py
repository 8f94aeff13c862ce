"""The statuses that a deployment goes through, and where it ends when something fails."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from dcapi.deploy.port import Aborted, AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.models.states import DEPLOYING_STATES, NO_ERRORS, REHOMING_STATES, Deploy
from dcapi.services.deploying.deployment import (
    DEPLOYMENT_LOST,
    POWER_OFF_SECONDS,
    POWERS_OFF,
    DeployView,
    NextStatus,
    next_status,
)
from dcapi.services.deploying.phases import (
    COMPLETION,
    STAGE_OF_PHASE,
    STAGE_OF_STATUS,
    STAGES,
    Stage,
    deployment_phases,
    first_place,
)

NOW = 1_000_000.0
TARGET = Target(subcloud_id=1, name="quay-1", region_name="0" * 32, software_version="24.09")
LOST = replace(TARGET, can_begin=False)
ABORTABLE = [stage for stage in STAGES if stage.aborting is not None]


@dataclass
class ScriptedDeployer:
    """Answers as it was told, and notes what it was asked."""

    began: StepState = field(default_factory=Done)
    polled: StepState = field(default_factory=Done)
    ended: AbortState = field(default_factory=Aborted)
    calls: list[tuple[str, Phase]] = field(default_factory=list)

    longest_pause = 60.0

    def begin(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        self.calls.append(("begin", phase))
        return self.began

    def poll(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        self.calls.append(("poll", phase))
        return self.polled

    def abort(self, phase: Phase, target: Target) -> AbortState:  # noqa: ARG002
        self.calls.append(("abort", phase))
        return self.ended

    def delete(self, target: Target) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing runs."""


def view(status: Deploy | None, target: Target = TARGET, *left: str) -> DeployView:
    assert status is not None
    return DeployView(1, status, target, left)


def step(seen: DeployView, deployer: ScriptedDeployer | None = None) -> NextStatus:
    return next_status(seen, deployer or ScriptedDeployer(), NOW)


def walk(*phases: str) -> list[str]:
    """Every status of a chain, from the first to the last."""
    place = first_place(phases)
    seen = [place.status.value]
    status, left = place.status, place.left
    while status in STAGE_OF_STATUS:
        move = step(view(status, TARGET, *left))
        status, left = move.status, move.left
        seen.append(status.value)
    return seen


CREATION = ["pre-deploy", "creating"]
INSTALLATION = ["pre-install", "installing"]
BOOTSTRAP = ["pre-bootstrap", "bootstrapping"]
CONFIGURATION = ["pre-config", "configuring"]
ENROLMENT = ["pre-init-enroll", "initiating-enroll", "pre-enroll", "enrolling"]


@pytest.mark.parametrize(
    ("installs", "configures", "statuses"),
    [
        (False, False, [*CREATION, *BOOTSTRAP, "complete"]),
        (True, False, [*CREATION, *INSTALLATION, *BOOTSTRAP, "complete"]),
        (False, True, [*CREATION, *BOOTSTRAP, *CONFIGURATION, "complete"]),
        (True, True, [*CREATION, *INSTALLATION, *BOOTSTRAP, *CONFIGURATION, "complete"]),
    ],
)
def test_a_deployment_goes_through_the_phases_that_it_has_values_for(
    installs: bool, configures: bool, statuses: list[str]
) -> None:
    phases = deployment_phases(installs=installs, configures=configures)
    assert walk(Phase.CREATE, *phases) == statuses


@pytest.mark.parametrize(
    ("phases", "statuses"),
    [
        ([Phase.CREATE], [*CREATION, "create-complete"]),
        ([Phase.INSTALL], [*INSTALLATION, "install-complete"]),
        ([Phase.BOOTSTRAP], [*BOOTSTRAP, "bootstrap-complete"]),
        ([Phase.CONFIG], [*CONFIGURATION, "complete"]),
        ([Phase.ENROLL_INIT, Phase.ENROLL], [*ENROLMENT, "enroll-complete"]),
        ([Phase.ENROLL_INIT, Phase.ENROLL, Phase.CONFIG], [*ENROLMENT, *CONFIGURATION, "complete"]),
        ([Phase.ENROLL, COMPLETION], ["pre-enroll", "enrolling", "complete"]),
        ([Phase.REHOME], ["pre-rehome", "rehoming", "complete"]),
    ],
)
def test_a_chain_rests_where_its_last_phase_ended(phases: list[str], statuses: list[str]) -> None:
    assert walk(*phases) == statuses


def test_every_passing_status_belongs_to_one_stage() -> None:
    statuses = [status for stage in STAGES for status in stage.passing]
    assert sorted(statuses) == sorted(DEPLOYING_STATES | REHOMING_STATES)


def test_no_status_in_which_a_subcloud_rests_is_one_that_passes() -> None:
    ends = {
        end for stage in STAGES for end in (stage.after, stage.failed, stage.failed_before, stage.aborted)
    }
    assert not ends & STAGE_OF_STATUS.keys()


def test_a_phase_that_runs_is_looked_at_again_when_the_deployer_says() -> None:
    deployer = ScriptedDeployer(began=Running(7.5), polled=Running(3.0))
    left = (Phase.CONFIG,)
    wanted = NextStatus(Deploy.BOOTSTRAPPING, 7.5, left=left)
    assert step(view(Deploy.PRE_BOOTSTRAP, TARGET, *left), deployer) == wanted
    assert step(view(Deploy.BOOTSTRAPPING, TARGET, *left), deployer) == replace(wanted, seconds=3.0)
    assert deployer.calls == [("begin", Phase.BOOTSTRAP), ("poll", Phase.BOOTSTRAP)]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.phase.value)
def test_a_phase_that_fails_says_why_and_nothing_follows_it(stage: Stage) -> None:
    broken = ScriptedDeployer(began=Failed("no power"), polled=Failed("no power"))
    before, during = (view(status, TARGET, Phase.CONFIG) for status in (stage.before, stage.during))
    assert step(before, broken) == NextStatus(stage.failed_before, None, "no power")
    assert step(during, broken) == NextStatus(stage.failed, None, "no power")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.phase.value)
def test_without_what_it_needs_no_phase_is_begun(stage: Stage) -> None:
    deployer = ScriptedDeployer()
    assert step(view(stage.before, LOST), deployer) == NextStatus(stage.failed_before, None, DEPLOYMENT_LOST)
    assert deployer.calls == []


def test_a_phase_that_runs_ends_by_itself_when_what_follows_was_lost() -> None:
    moved = step(view(Deploy.INSTALLING, LOST, Phase.BOOTSTRAP, Phase.CONFIG))
    assert moved == NextStatus(Deploy.PRE_BOOTSTRAP, left=(Phase.CONFIG,))
    failed = step(view(moved.status, LOST, *moved.left))
    assert failed == NextStatus(Deploy.PRE_BOOTSTRAP_FAILED, None, DEPLOYMENT_LOST)


def test_what_a_phase_found_out_comes_with_its_end() -> None:
    deployer = ScriptedDeployer(polled=Done({"region_name": "f" * 32}))
    moved = step(view(Deploy.ENROLLING), deployer)
    assert moved == NextStatus(Deploy.ENROLL_COMPLETE, None, facts={"region_name": "f" * 32})


def test_a_deployment_that_ends_well_leaves_no_error() -> None:
    assert step(view(Deploy.CONFIGURING)) == NextStatus(Deploy.COMPLETE, None, NO_ERRORS)


# -- Aborts --


@pytest.mark.parametrize("stage", ABORTABLE, ids=lambda stage: stage.phase.value)
def test_an_abort_waits_for_what_cannot_be_ended_at_once(stage: Stage) -> None:
    deployer = ScriptedDeployer(ended=Running(2.0))
    assert stage.aborting is not None
    assert step(view(stage.aborting), deployer) == NextStatus(stage.aborting, 2.0)
    assert deployer.calls == [("abort", stage.phase)]


@pytest.mark.parametrize("stage", ABORTABLE, ids=lambda stage: stage.phase.value)
def test_a_phase_that_ends_before_its_abort_keeps_its_outcome(stage: Stage) -> None:
    done, failed = ScriptedDeployer(ended=Done()), ScriptedDeployer(ended=Failed("no power"))
    assert step(view(stage.aborting), done) == NextStatus(stage.after, None)
    assert step(view(stage.aborting), failed) == NextStatus(stage.failed, None, "no power")


@pytest.mark.parametrize("phase", [Phase.BOOTSTRAP, Phase.CONFIG])
def test_an_aborted_phase_leaves_no_error(phase: Phase) -> None:
    stage = STAGE_OF_PHASE[phase]
    assert stage.aborted is not None
    assert step(view(stage.aborting)) == NextStatus(stage.aborted, None)


def test_a_node_whose_installation_was_aborted_is_powered_off() -> None:
    moved = step(view(Deploy.ABORTING_INSTALL))
    assert moved.status == Deploy.ABORTING_INSTALL
    changes = {"details": {POWERS_OFF: True}, "begun": False, "deadline": NOW + POWER_OFF_SECONDS}
    assert moved.changes == changes
    deployer = ScriptedDeployer(began=Running(2.0))
    powering = replace(view(moved.status), powers_off=True, deadline=NOW + POWER_OFF_SECONDS)
    began = NextStatus(Deploy.ABORTING_INSTALL, 2.0, changes={"begun": True})
    assert step(powering, deployer) == began
    assert step(replace(powering, begun=True), deployer) == NextStatus(Deploy.INSTALL_ABORTED, None)
    assert deployer.calls == [("begin", Phase.SHUTDOWN), ("poll", Phase.SHUTDOWN)]


def test_a_node_that_does_not_power_off_in_time_is_not_waited_for() -> None:
    deployer = ScriptedDeployer(polled=Running(2.0))
    powering = replace(view(Deploy.ABORTING_INSTALL), powers_off=True, begun=True, deadline=NOW)
    assert step(powering, deployer) == NextStatus(Deploy.INSTALL_ABORTED, None)
    assert deployer.calls == [("poll", Phase.SHUTDOWN), ("abort", Phase.SHUTDOWN)]


def test_a_node_that_powers_off_is_looked_at_again_when_time_is_up() -> None:
    deployer = ScriptedDeployer(began=Running(300.0))
    powering = replace(view(Deploy.ABORTING_INSTALL), powers_off=True, deadline=NOW + POWER_OFF_SECONDS)
    assert step(powering, deployer).seconds == POWER_OFF_SECONDS


def test_a_node_that_refuses_to_power_off_says_why() -> None:
    deployer = ScriptedDeployer(polled=Failed("no such user"))
    powering = replace(view(Deploy.ABORTING_INSTALL), powers_off=True, begun=True, deadline=NOW + 1)
    assert step(powering, deployer) == NextStatus(Deploy.INSTALL_FAILED, None, "no such user")
