"""The simulated deployer, and how the settings describe it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dcapi.deploy.port import Aborted, Done, Failed, Phase, Running, StepState, Target
from dcapi.deploy.registry import deployer_of
from dcapi.deploy.simulated import Chance, SimulatedDeployer
from dcapi.deploy.simulated_failures import WORDS, PlannedFailures, failures_of
from dcapi.errors import SettingsError
from dcapi.settings import settings_from

TARGET = Target(subcloud_id=1, name="quay-1", region_name="0" * 32, software_version="24.09")


def test_a_phase_runs_for_its_time_and_is_done_when_it_is_looked_at() -> None:
    deployer = SimulatedDeployer(2.5)
    assert deployer.begin(Phase.CREATE, TARGET) == Running(2.5)
    assert deployer.poll(Phase.CREATE, TARGET) == Done()


def outcome(deployer: SimulatedDeployer, phase: Phase, target: Target) -> StepState:
    state = deployer.begin(phase, target)
    return deployer.poll(phase, target) if isinstance(state, Running) else state


def test_a_phase_without_a_time_has_begun_all_the_same() -> None:
    assert SimulatedDeployer(0).begin(Phase.BOOTSTRAP, TARGET) == Running(0.0)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_only_the_named_phase_of_the_named_subcloud_fails(seconds: float) -> None:
    deployer = SimulatedDeployer(seconds, failures_of("quay-1:install, quay-2:create"))
    assert isinstance(deployer.poll(Phase.INSTALL, TARGET), Failed)
    assert deployer.poll(Phase.CREATE, TARGET) == Done()


@pytest.mark.parametrize(
    "text",
    [
        "quay-1",
        ":install",
        "quay-1:",
        "quay-1:fly",
        "quay-1:install,,x",
        "@10.0.0.1:install",
        "quay-1@:install",
    ],
)
def test_failures_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="NAME:PHASE"):
        deployer_of(settings_from({"DEPLOY_FAILURES": text}))


@pytest.mark.parametrize("subject", ["10.71.9.20", "quay-1@10.71.9.20"])
def test_a_failure_of_an_address_is_over_when_the_address_is_corrected(subject: str) -> None:
    deployer = SimulatedDeployer(0, failures_of(f"{subject}:rehome"))
    wrong = replace(TARGET, bootstrap_address="10.71.9.20")
    assert isinstance(outcome(deployer, Phase.REHOME, wrong), Failed)
    corrected = replace(wrong, bootstrap_address="10.71.9.21")
    assert outcome(deployer, Phase.REHOME, corrected) == Done()
    other = outcome(deployer, Phase.REHOME, replace(wrong, name="quay-2"))
    assert isinstance(other, Done if "@" in subject else Failed)


@pytest.mark.parametrize("subject", ["fd00:0::0020", "quay-1@FD00::20"])
def test_an_address_is_known_in_every_spelling(subject: str) -> None:
    deployer = SimulatedDeployer(0, failures_of(f"{subject}:rehome"))
    assert isinstance(outcome(deployer, Phase.REHOME, replace(TARGET, bootstrap_address="fd00::20")), Failed)
    assert outcome(deployer, Phase.REHOME, TARGET) == Done()


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_can_be_made_to_fail(phase: Phase) -> None:
    deployer = SimulatedDeployer(0, failures_of(f"quay-1:{phase.value}"))
    # What fails has begun: only what cannot begin fails there.
    assert deployer.begin(phase, TARGET) == Running(0.0)
    assert deployer.poll(phase, TARGET) == Failed(f"simulated failure of the phase {phase.value}")


def test_an_abort_takes_effect_at_once() -> None:
    deployer = SimulatedDeployer(10.0, failures_of("quay-1:install"))
    deployer.begin(Phase.INSTALL, TARGET)
    assert deployer.abort(Phase.INSTALL, TARGET) == Aborted()


def test_an_abort_can_be_made_to_fail() -> None:
    deployer = SimulatedDeployer(0, failures_of("quay-1:abort"))
    failed = Failed("simulated failure of the abort of the phase install")
    assert deployer.abort(Phase.INSTALL, TARGET) == failed
    assert deployer.abort(Phase.INSTALL, replace(TARGET, name="quay-2")) == Aborted()
    assert outcome(deployer, Phase.INSTALL, TARGET) == Done()


@pytest.fixture
def planned(tmp_path: Path) -> PlannedFailures:
    return PlannedFailures(tmp_path / "planned")


def worker(planned: PlannedFailures, seconds: float = 1.0) -> SimulatedDeployer:
    return SimulatedDeployer(seconds, planned=planned)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
@pytest.mark.parametrize("phase", Phase)
def test_a_planned_failure_fails_the_next_such_phase_alone(
    planned: PlannedFailures, phase: Phase, seconds: float
) -> None:
    planned.plan(1, phase)
    one, other = worker(planned, seconds), worker(planned, seconds)
    for untouched in (replace(TARGET, subcloud_id=11), replace(TARGET, subcloud_id=2)):
        assert outcome(one, phase, untouched) == Done()
    assert all(outcome(one, another, TARGET) == Done() for another in Phase if another != phase)
    assert one.begin(phase, TARGET) == Running(seconds)
    failed = Failed(f"simulated failure of the phase {phase.value}")
    # The first look's answer is lost when its process is killed.
    assert [other.poll(phase, TARGET), one.poll(phase, TARGET)] == [failed, failed]
    assert outcome(other, phase, TARGET) == Done()


def test_a_planned_failure_hits_a_phase_that_runs_already(planned: PlannedFailures) -> None:
    deployer = worker(planned)
    deployer.begin(Phase.INSTALL, TARGET)
    planned.plan(1, Phase.INSTALL)
    assert isinstance(deployer.poll(Phase.INSTALL, TARGET), Failed)


def test_a_planned_failure_of_an_abort_fails_the_next_one(planned: PlannedFailures) -> None:
    deployer = worker(planned)
    planned.plan(1, "abort")
    assert outcome(deployer, Phase.INSTALL, TARGET) == Done()
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Failed)
    assert isinstance(worker(planned).abort(Phase.INSTALL, TARGET), Failed)
    deployer.begin(Phase.BOOTSTRAP, TARGET)
    assert deployer.abort(Phase.BOOTSTRAP, TARGET) == Aborted()


def test_what_was_planned_is_forgotten_with_the_subcloud(planned: PlannedFailures) -> None:
    deployer = worker(planned)
    for word in WORDS:
        planned.plan(1, word)
    planned.plan(2, Phase.INSTALL)
    assert isinstance(deployer.poll(Phase.DELETE, TARGET), Failed)
    deployer.delete(TARGET)
    assert all(outcome(deployer, phase, TARGET) == Done() for phase in Phase)
    assert deployer.abort(Phase.INSTALL, TARGET) == Aborted()
    assert isinstance(deployer.poll(Phase.INSTALL, replace(TARGET, subcloud_id=2)), Failed)


def outcomes(seed: int, attempt: int = 1) -> list[bool]:
    chance = Chance(seed=seed, failure_rate=0.3)
    targets = [replace(TARGET, name=f"quay-{number}", attempt=attempt) for number in range(300)]
    deployer = SimulatedDeployer(0, chance=chance)
    return [isinstance(outcome(deployer, Phase.REHOME, target), Failed) for target in targets]


def test_the_seed_alone_decides_which_phases_fail() -> None:
    assert outcomes(1) == outcomes(1)
    assert outcomes(1) != outcomes(2)
    assert outcomes(1) != outcomes(1, attempt=2)
    assert 60 <= sum(outcomes(1)) <= 120


def test_times_differ_within_their_share_and_follow_the_seed() -> None:
    def seconds(seed: int) -> list[float]:
        deployer = SimulatedDeployer(10.0, chance=Chance(seed=seed, jitter=0.5))
        states = [deployer.begin(Phase.INSTALL, replace(TARGET, name=f"quay-{n}")) for n in range(50)]
        return [state.seconds for state in states if isinstance(state, Running)]

    assert seconds(1) == seconds(1) != seconds(2)
    assert len(set(seconds(1))) == 50
    assert all(5.0 <= one <= 15.0 for one in seconds(1))


def test_no_phase_fails_by_chance_unless_a_rate_is_set() -> None:
    deployer = deployer_of(settings_from({"DEPLOY_PHASE_SECONDS": 0, "DEPLOY_SEED": 7}))
    assert all(deployer.poll(phase, TARGET) == Done() for phase in Phase)


def test_secrets_of_a_target_are_in_no_log_line() -> None:
    target = Target(
        subcloud_id=1,
        name="quay-1",
        region_name="0" * 32,
        software_version="24.09",
        bootstrap_values={"admin_password": "hidden"},
        install_values={"bmc_password": "hidden"},
        sysadmin_password="hidden",
    )
    assert "hidden" not in repr(target)
