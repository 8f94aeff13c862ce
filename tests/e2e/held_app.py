"""The application with a deployer that stays where a subcloud says, for tests of kills.

``held`` in its bootstrap values lists what does not come to its end, such as ``begin-install``,
``poll-install`` and ``abort-install``. A playbook that is to go on stays by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dcapi import create_app
from dcapi.deploy.ansible import AnsibleDeployer
from dcapi.deploy.port import Phase, Running, Target
from dcapi.deploy.simulated import SimulatedDeployer

HELD = "held"
# Seconds: more than any test takes to kill the process.
HOLD_SECONDS = 300.0
LOOK_SECONDS = 0.2

Ask = Callable[[Any, Phase, Target], Any]


def is_held(operation: str, phase: Phase, target: Target) -> bool:
    return f"{operation}-{phase.value}" in target.bootstrap_values.get(HELD, ())


def blocking(operation: str, ask: Ask) -> Ask:
    """Asks a deployer, and does not come back from a call that is held."""

    def asked(deployer: Any, phase: Phase, target: Target) -> Any:
        if is_held(operation, phase, target):
            threading.Event().wait(HOLD_SECONDS)
        return ask(deployer, phase, target)

    return asked


def going_on(ask: Ask) -> Ask:
    """Looks at a phase, which goes on for ever when it is held."""

    def asked(deployer: Any, phase: Phase, target: Target) -> Any:
        return Running(LOOK_SECONDS) if is_held("poll", phase, target) else ask(deployer, phase, target)

    return asked


for kind in (SimulatedDeployer, AnsibleDeployer):
    for name in ("begin", "abort"):
        setattr(kind, name, blocking(name, getattr(kind, name)))
simulated: Any = SimulatedDeployer
simulated.poll = going_on(simulated.poll)

app = create_app()
