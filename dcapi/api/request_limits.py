"""How many requests a user may make in a second, counted by each process for itself.

After the guard, so that a user is somebody whose token is valid. What load must not decide about is exempt.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from flask import Flask, request

from dcapi.api.patience import is_exempt
from dcapi.auth.context import caller
from dcapi.errors import TooManyRequests
from dcapi.settings import Settings

# The views that wait for a busy database when another site calls them: the GETs and the PATCH of a subcloud.
EXEMPT = frozenset({"subclouds.show_subcloud", "subclouds.show_subcloud_detail", "subclouds.update_subcloud"})

TOO_MANY = "More than {:g} requests of user {!r} in a second: try again in {} s"


class RequestRates:
    """Lets each user make so many requests in a second, all of them at once if need be."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._interval = 1 / per_second
        self._burst = max(1.0, self._interval)
        self._clock = clock
        self._lock = threading.Lock()
        # User → when all requests so far would have come, one at a time. Who asked last stands last.
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait_of(self, user: str) -> float:
        """Seconds until this user may make a request; 0: now, and it is counted."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            due = max(self._due.get(user, now), now) + self._interval
            # A hair of what floats lose is no reason to refuse.
            wait = due - now - self._burst
            if wait > self._interval / 1000:
                return wait
            self._due[user] = due
            self._due.move_to_end(user)
            return 0.0

    def _forget(self, now: float) -> None:
        """Drop those at the front who have waited long enough: the rest is no more than come in a moment."""
        while self._due and next(iter(self._due.values())) <= now:
            self._due.popitem(last=False)


def register(app: Flask, settings: Settings) -> None:
    """Limit the requests of each user, if the settings say so. To be called after the guard is there."""
    if settings.USER_REQUESTS_PER_SECOND > 0:
        app.before_request(partial(_limit, RequestRates(settings.USER_REQUESTS_PER_SECOND)))


def _limit(rates: RequestRates) -> None:
    """Raises TooManyRequests for a user who has made enough of them."""
    try:
        who = caller()
    except RuntimeError:  # a public view, or no view at all
        return
    if request.endpoint in EXEMPT and is_exempt():
        return
    wait = rates.wait_of(who.user_id)
    if wait:
        seconds = math.ceil(wait)
        raise TooManyRequests(TOO_MANY.format(rates.per_second, who.user_name, seconds), retry_after=seconds)
