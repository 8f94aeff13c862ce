"""``Prefer: wait`` (RFC 7240): answer an asynchronous call when its outcome is there, or when time is up."""

from __future__ import annotations

import time
from collections.abc import Callable

from flask import after_this_request, request
from flask.wrappers import Response
from sqlalchemy.orm import Session

from dcapi.api.bodies import prefer_wait
from dcapi.api.database_time import LEAST_SECONDS
from dcapi.api.request import runtime
from dcapi.models.engine import read_only
from dcapi.models.time_budget import waiting_at_most

# Seconds between two looks at the outcome: first soon, then seldom.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25
# Where the server puts what is called when a request changes nothing any more.
TURN_ENDED = "dcapi.turn_ended"


def wait_for_outcome(is_there: Callable[[Session], bool], seconds: float | None = None) -> bool:
    """Hold the answer as long as the request prefers; not at all when it prefers nothing or too many wait.

    ``seconds`` is how long it is held for a request that prefers nothing. ``is_there`` gets a session of its
    own for each look, because the outcome may come from another process.
    Returns whether it was waited, so that the answer shows how things stand now. Call it after the commit.
    """
    preferred = prefer_wait()
    seconds = seconds if preferred is None else preferred
    if seconds is None:
        return False
    with runtime().waiters.attempt() as entered:
        if entered:
            request.environ.get(TURN_ENDED, lambda: None)()
            with waiting_at_most(max(seconds, LEAST_SECONDS)):
                _poll(is_there, seconds)
            if preferred is not None:
                after_this_request(_say_applied)
    return entered


def _poll(is_there: Callable[[Session], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not _look(is_there):
        left = deadline - time.monotonic()
        if left <= 0 or runtime().jobs.stopping:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return True


def _look(is_there: Callable[[Session], bool]) -> bool:
    with runtime().unit_of_work() as session:
        return is_there(read_only(session))


def _say_applied(response: Response) -> Response:
    response.headers["Preference-Applied"] = f"wait={prefer_wait():g}"
    return response
