"""Time at a site, which may go faster than that of the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """A clock by which a site waits: at ``factor`` 20 it waits three seconds where a minute is due."""

    factor: float = 1.0

    def real(self, seconds: float) -> float:
        """How many seconds of this machine so many seconds of the site are."""
        return seconds / self.factor
