"""What the lab waits for: something that becomes true, and something that stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from dcapi.lab import polling
from dcapi.lab.polling import OverdueError, wait_until, wait_until_still


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def until(self, moment: float) -> Callable[[], float]:
        """Something to look at that changes with each look until so many seconds have passed."""
        start = self.now
        return lambda: min(self.now - start, moment)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.sleep))
    return clock


def test_what_comes_true_is_returned_at_once(clock: Clock) -> None:
    assert wait_until("three", clock.until(9), lambda seen: seen >= 3, every=1) == 3
    assert clock.now == 103


def test_wait_that_times_out_shows_what_was_seen(clock: Clock) -> None:
    with pytest.raises(OverdueError, match="ten: not within 20 s; seen last: 9"):
        wait_until("ten", clock.until(9), lambda seen: seen >= 10, within=20, every=1)


def test_what_is_still_was_so_for_the_whole_time(clock: Clock) -> None:
    assert wait_until_still("it", clock.until(5), seconds=4, every=1) == 5
    assert clock.now == 109


def test_what_never_is_still_is_an_error(clock: Clock) -> None:
    with pytest.raises(OverdueError, match="it: not within 20 s"):
        wait_until_still("it", clock.until(99), seconds=4, within=20, every=1)
