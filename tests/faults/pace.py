"""How fast a run goes: on a machine that has other things to do, everything waits longer.

Time limits of the sites, heartbeats, leases, and what is done to them keep their proportions. The variable
reaches the processes that play runs side by side, too.
"""

from __future__ import annotations

import os

PACE_VARIABLE = "FAULTS_PACE"
# So many times longer than on a machine with nothing else to do.
PACE = int(os.environ.get(PACE_VARIABLE) or "1")

Range = tuple[float, float]


def paced(seconds: float) -> float:
    return seconds * PACE


def paced_range(shortest: float, longest: float) -> Range:
    return shortest * PACE, longest * PACE
