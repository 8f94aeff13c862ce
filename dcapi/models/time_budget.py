"""How long a request may wait for the database in all: its statements have limits, but they are many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Seconds from which on a wait is taken from the budget: what is shorter is work, of which there may be much.
NOTABLE_SECONDS = 0.1


@dataclass
class _Budget:
    left: float


_budget: ContextVar[_Budget | None] = ContextVar("time for the database", default=None)


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Let this thread wait for the database so many seconds in all within the block.

    Inside of another such block, the inner one alone counts.
    """
    token = _budget.set(_Budget(seconds))
    try:
        yield
    finally:
        _budget.reset(token)


@contextmanager
def waiting_at_least(seconds: float) -> Iterator[None]:
    """Let waits within the block take so many seconds even where the budget is nearly spent."""
    budget = _budget.get()
    if budget is None or budget.left >= seconds:
        yield
        return
    with waiting_at_most(seconds):
        yield


@contextmanager
def one_wait(limit: float) -> Iterator[float]:
    """A wait for the database: yields the seconds that it may take, which are at most ``limit``.

    0 when the budget is spent. Without one it is the limit.
    """
    budget = _budget.get()
    if budget is None:
        yield limit
        return
    began = time.monotonic()
    try:
        yield max(min(limit, budget.left), 0.0)
    finally:
        taken = time.monotonic() - began
        if taken >= NOTABLE_SECONDS:
            budget.left -= taken
