"""A deployer that raises: whatever it was asked for has failed, and is over."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.services.deploying.undeployment import TEARDOWN_TRIES
from tests.integration.kept_tasks import tasks
from tests.integration.subclouds.fleet import Fleet, done
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, patch
from tests.subcloud_forms import PASSWORD, install_values, new_form


def break_down(monkeypatch: pytest.MonkeyPatch, way: str, phase: Phase) -> None:
    """Let the deployer raise from now on, when one phase begins or is looked at."""
    ask = getattr(SimulatedDeployer, way)

    def broken(self: SimulatedDeployer, asked: Phase, target: Any) -> Any:
        if asked is phase:
            raise OSError(28, f"No space left for {target.sysadmin_password}")
        return ask(self, asked, target)

    monkeypatch.setattr(SimulatedDeployer, way, broken)


WAYS = pytest.mark.parametrize("way", ["begin", "poll"])


@WAYS
@pytest.mark.parametrize("phase", [Phase.CREATE, Phase.INSTALL, Phase.BOOTSTRAP, Phase.CONFIG])
def test_a_deployment_fails_with_the_reason(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: str, phase: Phase
) -> None:
    break_down(monkeypatch, way, phase)
    parts: dict[str, Any] = {"bmc_password": PASSWORD, "deploy_config": b"a: 1"}
    done(fleet.operator.post("/subclouds", **new_form(install_values=install_values(), **parts)))
    fleet.run_jobs()
    shown = fleet.show(1)
    has_begun = way == "poll" or phase is Phase.CREATE
    assert shown["deploy-status"] == f"{'' if has_begun else 'pre-'}{phase.value}-failed"
    reason = f"the deployer failed in the phase {phase.value}: OSError: [Errno 28] No space left for ******"
    assert shown["error-description"] == reason
    assert tasks(fleet.runtime) == []


@WAYS
def test_a_prestaging_fails(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    fleet.managed()
    break_down(monkeypatch, way, Phase.PRESTAGE)
    done(fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD}))
    fleet.run_jobs()
    assert fleet.show(1)["prestage-status"] == "failed"
    assert tasks(fleet.runtime) == []


@WAYS
def test_a_network_reconfiguration_fails(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    fleet.deployed()
    break_down(monkeypatch, way, Phase.RECONFIGURE)
    done(patch(fleet, **NETWORK, **WITH_ACCESS))
    fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "network-reconfiguration-failed"
    assert "OSError" in shown["error-description"]


@WAYS
def test_a_teardown_is_given_up_after_its_tries(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, availability_status="offline")
    break_down(monkeypatch, way, Phase.DELETE)
    # The time to the next try stands in the row, which jobs that run at once do not wait for.
    monkeypatch.setattr("dcapi.services.deploying.undeployment.RETRY_SECONDS", 0.0)
    done(fleet.operator.delete("/subclouds/1"))
    fleet.run_jobs()
    assert (
        f"{TEARDOWN_TRIES} tries failed, the last one: the deployer failed in the phase delete" in caplog.text
    )
    assert tasks(fleet.runtime) == []
