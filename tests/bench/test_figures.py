"""The arithmetic of the benches, and that a missed limit ends in a bad exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.figures import MEDIAN, P95, Verdict, judged, percentile


def test_the_95th_percentile_of_a_hundred_times_is_the_95th_shortest() -> None:
    assert percentile(reversed(range(1, 101)), 95) == 95


@pytest.mark.parametrize("count", range(1, 20))
def test_of_fewer_than_twenty_times_the_95th_percentile_is_the_longest(count: int) -> None:
    assert percentile(range(count), 95) == count - 1


def test_of_twenty_times_the_95th_percentile_leaves_one_out() -> None:
    assert percentile(range(20), 95) == 18


def test_no_times_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no times"):
        percentile([], 95)


def test_each_limit_gets_a_verdict_by_its_own_figure() -> None:
    measured = [0.004] * 19 + [0.100] * 2
    reference = [0.002] * 21
    middle, upper = judged("a change", measured, reference, {MEDIAN: 2.0, P95: 3.0})
    assert (middle.ratio, middle.met) == (2.0, True)
    assert (upper.ratio, upper.met) == (50.0, False)
    assert str(middle) == "a change, median: 4.00 ms against 2.00 ms, ratio 2.00 (limit 2)"
    assert str(upper).endswith("ratio 50.00 (limit 3)  MISSED")


@pytest.mark.parametrize(("measured", "code"), [(0.003, 0), (0.0031, 1)])
def test_a_missed_limit_makes_the_exit_code(
    measured: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(folder: Path, rounds: int, note: bench.Note) -> list[Verdict]:
        return [Verdict("met", MEDIAN, 0.001, 0.002, 1.5), Verdict("a change", MEDIAN, measured, 0.002, 1.5)]

    monkeypatch.setattr(bench, "BENCHES", {"made-up": (measure, 1)})
    assert bench.main([]) == code
