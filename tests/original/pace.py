"""How much faster time goes here than at two sites as they are delivered."""

from __future__ import annotations

# The stand-in's clock goes so many times as fast, and this project's patience is so much shorter: ten seconds
# of either are half a second here. Times that are counted in seconds of the machine are named so.
PACE = 20.0
PATIENCE = 10 / PACE


def paced(seconds: float) -> float:
    """So many seconds of a site, or of its patience, in seconds of the machine."""
    return seconds / PACE
