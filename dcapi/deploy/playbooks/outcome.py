"""What the end of a playbook means for its phase."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from dcapi.deploy.playbooks.folder import PlaybookResult, PlaybookRun
from dcapi.deploy.playbooks.supervisor.playbook import DONE, LATE
from dcapi.deploy.port import Done, Failed, Phase
from dcapi.models.limits import is_region_name

logger = logging.getLogger(__name__)

# Seconds that a phase gets at most, whatever the settings say.
LIMITS: Mapping[Phase, float] = {Phase.SHUTDOWN: 60.0}
# Phases that are over when their time is: what waits for them goes on, whatever a BMC does later.
OVER_WHEN_LATE = frozenset({Phase.SHUTDOWN})
# What a playbook may return with ``set_stats``: names of regions all of them.
FACTS: Mapping[Phase, tuple[str, ...]] = {Phase.ENROLL: ("region_name",)}


def limit_of(phase: Phase, seconds: float) -> float:
    """Seconds that a playbook of this phase may take, where the settings give ``seconds``."""
    return min(seconds, LIMITS.get(phase, seconds))


def outcome(run: PlaybookRun, result: PlaybookResult) -> Done | Failed:
    """What a playbook that came to its own end, in time or not, means."""
    if result.status == LATE:
        return late(Phase(run.phase), result.reason)
    if result.status != DONE:
        return Failed(f"playbook {run.phase}.yml: {result.reason}")
    for name, value in result.facts.items():
        if not (isinstance(value, str) and is_region_name(value)):
            return Failed(f"playbook {run.phase}.yml: {value!r} can be no {name}")
    return Done(result.facts)


def late(phase: Phase, reason: str) -> Done | Failed:
    """What it means that a playbook took too long."""
    if phase in OVER_WHEN_LATE:
        logger.warning("playbook %s.yml: %s", phase.value, reason)
        return Done()
    return Failed(f"playbook {phase.value}.yml: {reason}")
