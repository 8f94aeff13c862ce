"""A deployer that raises while a group is taken over: the member has failed, and the migration ends."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.simulated import SimulatedDeployer
from tests.integration.migration.conftest import Survivor


@pytest.mark.parametrize("way", ["begin", "poll"])
def test_a_member_whose_rehoming_raises_has_failed_and_the_others_arrive(
    site: Survivor, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ask = getattr(SimulatedDeployer, way)

    def broken(self: SimulatedDeployer, phase: Any, target: Any) -> Any:
        if target.name == "edge-1":
            raise OSError(28, "No space left on device")
        return ask(self, phase, target)

    monkeypatch.setattr(SimulatedDeployer, way, broken)
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.be_away()
    site.begin()
    site.run_jobs()
    assert site.standing("edge-1")[0] == "rehome-failed"
    assert "OSError: [Errno 28] No space left on device" in site.subcloud("edge-1")["error-description"]
    assert site.standing("edge-2") == ("complete", "managed")
    site.expect_complete()
