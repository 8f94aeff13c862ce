"""A wall clock for what must not end before its time because somebody set the clock ahead.

The monotonic clock tells that the wall clock was set. A worker gets by its fork what gunicorn's master saw,
so that one which starts while the clock is ahead knows it; no server knows what happened before its start.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

# Seconds by which the two clocks may part between two looks: NTP moves one of them a little.
TOLERANCE_SECONDS = 5.0


class CarefulClock:
    """Stays behind a wall clock that was set ahead: by as much, and for as many seconds.

    Until then an end that was written before comes when it would have come. Times are seconds since
    the epoch.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._clocks = (wall, steady)
        self._lock = threading.Lock()
        self._distance = wall() - steady()
        self._behind = 0.0
        self._caught_up_at = -math.inf
        self._set_at = -math.inf

    def now(self) -> float:
        """The time; never ahead of the wall clock."""
        with self._lock:
            wall = self._look()
            return wall - self._behind

    def set_at(self) -> float:
        """What the wall clock showed when it was last found to have been set; minus infinity when never."""
        with self._lock:
            self._look()
            return self._set_at

    def _look(self) -> float:
        wall, steady = (clock() for clock in self._clocks)
        moved, self._distance = wall - steady - self._distance, wall - steady
        if abs(moved) > TOLERANCE_SECONDS:
            self._behind = max(0.0, self._behind + moved)
            self._set_at, self._caught_up_at = wall, wall + self._behind
        if wall >= self._caught_up_at:
            self._behind = 0.0
        return wall


# Looked at by every sweep, so that a jump is known soon.
CLOCK = CarefulClock()
