"""The simulated deployer, and how the settings describe it."""

from __future__ import annotations

import pytest

from dcapi.deploy.port import Done, Failed, Phase, Running, Target
from dcapi.deploy.registry import deployer_of
from dcapi.deploy.simulated import SimulatedDeployer, failures_of
from dcapi.errors import SettingsError
from dcapi.models.states import ENDPOINT_TYPES
from dcapi.settings import settings_from

TARGET = Target(subcloud_id=1, name="quay-1", region_name="0" * 32, software_version="24.09")


def test_a_phase_runs_for_its_time_and_is_done_when_it_is_looked_at() -> None:
    deployer = SimulatedDeployer(2.5)
    assert deployer.begin(Phase.CREATE, TARGET) == Running(2.5)
    assert deployer.poll(Phase.CREATE, TARGET) == Done()


def test_a_phase_without_a_time_is_done_at_once() -> None:
    assert SimulatedDeployer(0).begin(Phase.BOOTSTRAP, TARGET) == Done()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_only_the_named_phase_of_the_named_subcloud_fails(seconds: float) -> None:
    deployer = SimulatedDeployer(seconds, failures_of("quay-1:install, quay-2:create"))
    assert isinstance(deployer.poll(Phase.INSTALL, TARGET), Failed)
    assert deployer.poll(Phase.CREATE, TARGET) == Done()


def test_a_managed_subcloud_is_in_sync_everywhere() -> None:
    assert deployer_of(settings_from({})).endpoint_statuses(TARGET) == dict.fromkeys(
        ENDPOINT_TYPES, "in-sync"
    )


@pytest.mark.parametrize("text", ["quay-1", ":install", "quay-1:", "quay-1:fly", "quay-1:install,,x"])
def test_failures_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="NAME:PHASE"):
        deployer_of(settings_from({"DEPLOY_FAILURES": text}))


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
