"""What a request may wait for the database in all."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from dcapi.models import time_budget
from dcapi.models.time_budget import one_wait, waiting_at_least, waiting_at_most


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the monotonic clock shows."""
    shown = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: shown[0])
    return shown


def wait(clock: list[float], limit: float, taken: float) -> float:
    """Wait so long; returns what was allowed."""
    with one_wait(limit) as seconds:
        clock[0] += taken
    return seconds


def test_without_a_budget_a_wait_has_its_own_limit(clock: list[float]) -> None:
    assert [wait(clock, 7, 7), wait(clock, 7, 7)] == [7, 7]


def test_each_wait_leaves_less_for_the_next_one(clock: list[float]) -> None:
    with waiting_at_most(9):
        assert [wait(clock, 7, 6), wait(clock, 7, 4), wait(clock, 7, 0)] == [7, 3, 0]
    assert wait(clock, 7, 0) == 7


def test_a_wait_that_fails_counts_as_well(clock: list[float]) -> None:
    with waiting_at_most(9):
        with suppress(ValueError), one_wait(7):
            clock[0] += 7
            raise ValueError("failed")
        assert wait(clock, 7, 0) == 2


def test_many_short_statements_are_work_and_no_wait(clock: list[float]) -> None:
    with waiting_at_most(9):
        for _ in range(1000):
            wait(clock, 7, time_budget.NOTABLE_SECONDS / 2)
        assert wait(clock, 7, 0) == 7


def test_an_inner_budget_counts_alone_and_the_outer_one_stays(clock: list[float]) -> None:
    with waiting_at_most(9):
        with waiting_at_most(30):
            wait(clock, 20, 20)
            assert wait(clock, 20, 0) == 10
        assert wait(clock, 20, 0) == 9


@pytest.mark.parametrize(("taken", "allowed"), [(0, 7), (5, 4), (8.5, 2), (20, 2)])
def test_an_end_has_its_time_however_little_is_left(clock: list[float], taken: float, allowed: float) -> None:
    with waiting_at_most(9):
        wait(clock, 30, taken)
        with waiting_at_least(2):
            assert wait(clock, 7, 0) == allowed
    with waiting_at_least(2):
        assert wait(clock, 7, 0) == 7
