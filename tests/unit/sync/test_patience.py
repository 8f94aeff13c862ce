"""When the patience with a subcloud that is to come online ends."""

from __future__ import annotations

import pytest

from dcapi.sync.takeover.rehome_steps import patience_end

HOUR = 3600.0
NOW = 1_000_000.0
LIMIT = 600.0


@pytest.mark.parametrize(
    ("deadline", "due_at", "end"),
    [
        (None, NOW, NOW + LIMIT),
        (NOW + 100, NOW, NOW + 100),
        (NOW - 1, NOW - 5, NOW - 1),
        (NOW + HOUR, NOW, NOW + LIMIT),
    ],
    ids=["first look", "in time", "over", "written by a clock that was ahead"],
)
def test_patience_ends_at_its_deadline_within_its_limit(
    deadline: float | None, due_at: float, end: float
) -> None:
    assert patience_end(deadline, due_at=due_at, now=NOW, limit=LIMIT) == end


def test_a_time_in_which_nobody_looked_costs_no_patience() -> None:
    """The clock was set ahead by an hour, or the site was down."""
    due_at = NOW - HOUR
    assert patience_end(due_at + 100, due_at=due_at, now=NOW, limit=LIMIT) == NOW + 100


def test_a_clock_that_was_set_back_leaves_the_patience_within_its_limit() -> None:
    due_at = NOW + HOUR
    assert patience_end(due_at + 100, due_at=due_at, now=NOW, limit=LIMIT) == NOW + LIMIT
