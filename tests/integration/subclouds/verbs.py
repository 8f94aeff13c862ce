"""What the tests of a subcloud's verbs ask with."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Failed, Phase
from dcapi.deploy.simulated import SimulatedDeployer
from tests.integration.subclouds.fleet import Fleet
from tests.subcloud_forms import ADDRESS, PASSWORD, form

NETWORK = {
    "management_subnet": "10.77.1.0/24",
    "management_gateway_ip": "10.77.1.1",
    "management_start_ip": "10.77.1.2",
    "management_end_ip": "10.77.1.90",
}
WITH_ACCESS = {"bootstrap_address": ADDRESS, "sysadmin_password": PASSWORD}


def patch(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/1", **form(**parts))


def busy_text(column: str, status: str) -> str:
    """What is said of the first subcloud while something is being done with it."""
    return (
        f"Subcloud quay-1 current {column} is '{status}'. "
        "Please wait until it finishes before running this operation."
    )


def failing(monkeypatch: pytest.MonkeyPatch, phase: Phase, reason: str) -> None:
    """Let one phase fail from now on."""
    ask = SimulatedDeployer.poll

    def poll(self: SimulatedDeployer, asked: Phase, target: Any) -> Any:
        return Failed(reason) if asked is phase else ask(self, asked, target)

    monkeypatch.setattr(SimulatedDeployer, "poll", poll)
