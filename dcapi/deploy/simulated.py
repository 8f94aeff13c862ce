"""A deployer for labs and tests: every phase takes the same time, and fails where the settings say so.

It remembers nothing: the time of the next look stands in the subcloud's row, so a phase that is looked at is
over.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcapi.deploy.port import Done, Failed, Phase, Running, StepState, Target
from dcapi.errors import SettingsError
from dcapi.models.states import ENDPOINT_TYPES, EndpointSync
from dcapi.settings import Settings

Failures = frozenset[tuple[str, Phase]]


class SimulatedDeployer:
    def __init__(self, seconds: float, failures: Failures = frozenset()) -> None:
        self._seconds = seconds
        self._failures = failures

    def begin(self, phase: Phase, target: Target) -> StepState:
        if self._seconds > 0:
            return Running(self._seconds)
        return self.poll(phase, target)

    def poll(self, phase: Phase, target: Target) -> StepState:
        if (target.name, phase) in self._failures:
            return Failed(f"simulated failure of the phase {phase.value}")
        return Done()

    def endpoint_statuses(self, target: Target) -> Mapping[str, str]:  # noqa: ARG002 (the port names it)
        return dict.fromkeys(ENDPOINT_TYPES, EndpointSync.IN_SYNC.value)

    def delete(self, target: Target) -> None:
        """Nothing is kept, so nothing is to be forgotten."""


def from_settings(settings: Settings) -> SimulatedDeployer:
    """The simulated deployer of a site; raises SettingsError for failures that cannot be read."""
    return SimulatedDeployer(settings.DEPLOY_PHASE_SECONDS, failures_of(settings.DEPLOY_FAILURES))


def failures_of(text: str) -> Failures:
    """Read ``NAME:PHASE,NAME:PHASE``; raises SettingsError."""
    return frozenset(_failure(pair.strip()) for pair in text.split(",") if pair.strip())


def _failure(pair: str) -> tuple[str, Phase]:
    name, _, phase = pair.rpartition(":")
    if not name or phase not in tuple(Phase):
        raise SettingsError(
            f"DCAPI_DEPLOY_FAILURES: {pair!r} is not NAME:PHASE with one of {', '.join(Phase)}"
        )
    return name, Phase(phase)
