"""Who of several plays which run, without the processes that do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from tests.faults.player import Report
from tests.faults.pool import play_seeds


class ScriptedLane:
    """Plays in no time; the runs of some seeds fail."""

    def __init__(self, begun: list[int], failing: Iterable[int] = ()) -> None:
        self._begun = begun
        self._failing = frozenset(failing)
        self._seed: int | None = None

    def begin(self, seed: int) -> None:
        assert self._seed is None, "it plays already"
        self._seed = seed
        self._begun.append(seed)

    def end(self) -> Report:
        assert self._seed is not None
        seed, self._seed = self._seed, None
        return Report(seed, f"seed {seed}", ["lost"] if seed in self._failing else [])


Lanes = Sequence[ScriptedLane]


def first(busy: Lanes) -> Lanes:
    return busy[:1]


def last(busy: Lanes) -> Lanes:
    return busy[-1:]


def every(busy: Lanes) -> Lanes:
    return busy


@pytest.mark.parametrize("ended", [first, last, every])
def test_each_run_is_played_once_whichever_lane_is_ready_first(ended: Callable[[Lanes], Lanes]) -> None:
    lanes = [ScriptedLane([]) for _ in range(3)]
    reports = play_seeds(range(10, 20), lanes, ended)
    assert sorted(report.seed for report in reports) == list(range(10, 20))


def test_every_lane_plays_while_runs_are_left() -> None:
    numbers = []

    def ended(busy: Lanes) -> Lanes:
        numbers.append(len(busy))
        return busy[:1]

    list(play_seeds(range(5), [ScriptedLane([]) for _ in range(3)], ended))
    assert numbers == [3, 3, 3, 2, 1]


def test_lanes_that_are_not_needed_begin_nothing() -> None:
    begun: list[list[int]] = [[], [], []]
    list(play_seeds([7], [ScriptedLane(seeds) for seeds in begun], every))
    assert begun == [[7], [], []]


def test_a_report_is_handed_on_before_others_are_awaited() -> None:
    begun: list[int] = []
    reports = play_seeds(range(4), [ScriptedLane(begun), ScriptedLane(begun)], first)
    assert next(reports).seed == 0
    assert begun == [0, 1]


def test_a_run_that_fails_keeps_no_other_from_being_played() -> None:
    lanes = [ScriptedLane([], failing={1, 2}) for _ in range(2)]
    reports = list(play_seeds(range(6), lanes, first))
    assert [report.seed for report in reports if report.problems] == [1, 2]
    assert len(reports) == 6


def test_once_a_defect_is_found_no_run_begins_and_those_that_go_on_are_reported() -> None:
    begun: list[int] = []
    lanes = [ScriptedLane(begun, failing={3}) for _ in range(3)]
    reports = list(play_seeds(range(20), lanes, first, until_found=True))
    assert begun == [0, 1, 2, 3, 4, 5]
    assert sorted(report.seed for report in reports) == begun
