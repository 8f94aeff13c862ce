"""A deployer for labs and tests: every phase takes its time, and fails where the settings say so.

It remembers nothing: the time of the next look stands in the subcloud's row, so a phase that is looked at is
over. What looks like chance follows from the seed, the subcloud, the phase and the attempt alone.
"""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass

from dcapi.deploy.port import Aborted, AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.errors import SettingsError
from dcapi.settings import Settings


@dataclass(frozen=True)
class Failure:
    """A phase that fails for a subcloud, by its name, its bootstrap address, or both together."""

    phase: Phase
    name: str | None = None
    address: str | None = None
    # Which of the two it is cannot be told from the setting.
    either: str | None = None

    def hits(self, phase: Phase, target: Target) -> bool:
        address = _canonical(target.bootstrap_address)
        if phase != self.phase:
            return False
        if self.either is not None:
            return target.name == self.either or address == _canonical(self.either)
        return target.name == self.name and address == self.address


Failures = frozenset[Failure]


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
        address = _canonical(target.bootstrap_address)
        drawn = random.Random(f"{self.seed}/{what}/{target.name}/{address}/{phase.value}/{target.attempt}")  # noqa: S311 (it spreads, and guards nothing)
        return drawn.random()


class SimulatedDeployer:
    def __init__(
        self, seconds: float, failures: Failures = frozenset(), chance: Chance | None = None
    ) -> None:
        self._seconds = seconds
        self._failures = failures
        self._chance = chance or Chance()

    @property
    def longest_pause(self) -> float:
        return self._seconds * (1 + self._chance.jitter)

    def begin(self, phase: Phase, target: Target) -> StepState:
        # What takes no time has begun all the same: nothing fails before that.
        return Running(self._chance.seconds(self._seconds, phase, target))

    def poll(self, phase: Phase, target: Target) -> StepState:
        named = any(failure.hits(phase, target) for failure in self._failures)
        if named or self._chance.fails(phase, target):
            return Failed(f"simulated failure of the phase {phase.value}")
        return Done()

    def abort(self, phase: Phase, target: Target) -> AbortState:  # noqa: ARG002 (it takes effect at once)
        return Aborted()

    def delete(self, target: Target) -> None:
        """Nothing is kept, so nothing is to be forgotten."""

    def close(self) -> None:
        """Nothing runs."""


def from_settings(settings: Settings) -> SimulatedDeployer:
    """The simulated deployer of a site; raises SettingsError for failures that cannot be read."""
    chance = Chance(settings.DEPLOY_SEED, settings.DEPLOY_FAILURE_RATE, settings.DEPLOY_JITTER)
    return SimulatedDeployer(settings.DEPLOY_PHASE_SECONDS, failures_of(settings.DEPLOY_FAILURES), chance)


def failures_of(text: str) -> Failures:
    """Read ``NAME:PHASE,ADDRESS:PHASE,NAME@ADDRESS:PHASE``; raises SettingsError."""
    return frozenset(_failure(pair.strip()) for pair in text.split(",") if pair.strip())


def _failure(pair: str) -> Failure:
    subject, _, phase = pair.rpartition(":")
    name, at, address = subject.rpartition("@")
    if phase not in tuple(Phase) or not address or (at and not name):
        raise SettingsError(
            f"DCAPI_DEPLOY_FAILURES: {pair!r} is not NAME:PHASE, ADDRESS:PHASE or NAME@ADDRESS:PHASE "
            f"with one of {', '.join(Phase)}"
        )
    if at:
        return Failure(Phase(phase), name=name, address=_canonical(address))
    return Failure(Phase(phase), either=subject)


def _canonical(address: str | None) -> str | None:
    """An address in its one spelling; what is none stays as it is."""
    try:
        return None if address is None else str(ipaddress.ip_address(address))
    except ValueError:
        return address
