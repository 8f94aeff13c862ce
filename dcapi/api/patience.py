"""Which requests wait for a busy database instead of being answered 503.

A site that takes a group over draws conclusions from what it is answered: it takes a member that it cannot
read, and leaves out one that is refused to it. So what passes by itself must not be its answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from flask import request
from sqlalchemy.exc import SQLAlchemyError

from dcapi.api.database_time import left_of
from dcapi.api.errors import is_busy
from dcapi.api.request import from_peer, runtime, session
from dcapi.auth.policy import may
from dcapi.models.time_budget import waiting_at_most
from dcapi.tasks.hold import LeaseLost

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# What it takes to take a member over.
MODIFY = "dc_api:subclouds:modify"
# Patiences that such a request waits.
PATIENCES = 3
# Seconds between two tries: first soon, then seldom.
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


def is_exempt() -> bool:
    """Whether load must not decide about this request: another site sends it, which may take members over."""
    return from_peer() and may(MODIFY)


def patiently(use_case: Callable[[], Answer]) -> Answer:
    """Carry out a use case that has one transaction, for another site as often as it takes to find room.

    Raises what it raises, also what passes once three patiences are over; what the request waited for its
    turn is part of them.
    """
    if not is_exempt():
        return use_case()
    seconds = left_of(PATIENCES * runtime().settings.PEER_PATIENCE_SECONDS, request.environ)
    with waiting_at_most(seconds):
        return _tried_again(use_case, time.monotonic() + seconds)


def _tried_again(use_case: Callable[[], Answer], deadline: float) -> Answer:
    """What the use case returns, as often as it takes until the deadline."""
    pause = FIRST_PAUSE
    while True:
        try:
            return use_case()
        except (SQLAlchemyError, LeaseLost) as error:
            left = deadline - time.monotonic()
            if left <= 0 or not is_busy(error):
                raise
            logger.info("a request of another site waits for the database: %s", type(error).__name__)
        session().rollback()
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)
