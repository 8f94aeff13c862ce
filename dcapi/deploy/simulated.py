"""A deployer for labs and tests: every phase takes its time, and fails where the settings say so.

It remembers nothing but failures that were planned: the time of the next look stands in the subcloud's row,
so a phase that is looked at is over. What looks like chance follows from the seed, the subcloud, the phase
and the attempt alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from dcapi.deploy.port import Aborted, AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.deploy.simulated_failures import ABORT, Failures, PlannedFailures, canonical, failures_of
from dcapi.settings import Settings


@dataclass(frozen=True)
class Chance:
    """Failures and times that only look like chance."""

    seed: int = 0
    failure_rate: float = 0.0
    jitter: float = 0.0

    def fails(self, phase: Phase, target: Target) -> bool:
        return self._number("failure", phase, target) < self.failure_rate

    def seconds(self, seconds: float, phase: Phase, target: Target) -> float:
        """The time of a phase, longer or shorter by up to the share that may differ."""
        return seconds * (1 + self.jitter * (2 * self._number("time", phase, target) - 1))

    def _number(self, what: str, phase: Phase, target: Target) -> float:
        address = canonical(target.bootstrap_address)
        drawn = random.Random(f"{self.seed}/{what}/{target.name}/{address}/{phase.value}/{target.attempt}")  # noqa: S311 (it spreads, and guards nothing)
        return drawn.random()


class SimulatedDeployer:
    def __init__(
        self,
        seconds: float,
        failures: Failures = frozenset(),
        chance: Chance | None = None,
        planned: PlannedFailures | None = None,
    ) -> None:
        self._seconds = seconds
        self._failures = failures
        self._chance = chance or Chance()
        self._planned = planned

    @property
    def longest_pause(self) -> float:
        return self._seconds * (1 + self._chance.jitter)

    def begin(self, phase: Phase, target: Target) -> StepState:
        """Never fails: what fails has begun, and is found to have failed by the next look."""
        if self._planned is not None:
            self._planned.begin(target.subcloud_id, phase)
        return Running(self._chance.seconds(self._seconds, phase, target))

    def poll(self, phase: Phase, target: Target) -> StepState:
        planned = self._planned is not None and self._planned.strike(target.subcloud_id, phase)
        if planned or self._is_named(phase, target) or self._chance.fails(phase, target):
            return Failed(f"simulated failure of the phase {phase.value}")
        return Done()

    def abort(self, phase: Phase, target: Target) -> AbortState:
        planned = self._planned is not None and self._planned.strike(target.subcloud_id, ABORT)
        if planned or self._is_named(ABORT, target):
            return Failed(f"simulated failure of the abort of the phase {phase.value}")
        return Aborted()

    def delete(self, target: Target) -> None:
        if self._planned is not None:
            self._planned.forget(target.subcloud_id)

    def close(self) -> None:
        """Nothing runs."""

    def _is_named(self, word: str, target: Target) -> bool:
        return any(failure.hits(word, target) for failure in self._failures)


def from_settings(settings: Settings) -> SimulatedDeployer:
    """The simulated deployer of a site; raises SettingsError for failures that cannot be read."""
    chance = Chance(settings.DEPLOY_SEED, settings.DEPLOY_FAILURE_RATE, settings.DEPLOY_JITTER)
    failures = failures_of(settings.DEPLOY_FAILURES)
    return SimulatedDeployer(settings.DEPLOY_PHASE_SECONDS, failures, chance, PlannedFailures.of(settings))
