"""Times that were taken, and how they are judged: by what another thing took in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

# Called with what goes on.
Note = Callable[[str], None]

MEDIAN = "median"
P95 = "p95"


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call took, in seconds."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def percentile(times: Iterable[float], percent: float) -> float:
    """The shortest time that ``percent`` per cent of the times are not above; raises ValueError for none."""
    ordered = sorted(times)
    if not ordered:
        raise ValueError("there are no times")
    position = -int(-len(ordered) * percent // 100)  # rounded up, without the errors of binary fractions
    return ordered[max(position, 1) - 1]


FIGURES: dict[str, Callable[[list[float]], float]] = {
    MEDIAN: median,
    P95: lambda times: percentile(times, 95),
}


@dataclass(frozen=True)
class Verdict:
    """One figure of what was measured beside the same figure of what it is compared with; in seconds."""

    what: str
    figure: str
    measured: float
    reference: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.measured / self.reference

    @property
    def met(self) -> bool:
        return self.ratio <= self.limit

    def __str__(self) -> str:
        times = f"{self.measured * 1000:.2f} ms against {self.reference * 1000:.2f} ms"
        missed = "" if self.met else "  MISSED"
        return f"{self.what}, {self.figure}: {times}, ratio {self.ratio:.2f} (limit {self.limit:g}){missed}"


def judged(
    what: str, measured: list[float], reference: list[float], limits: dict[str, float]
) -> list[Verdict]:
    """A verdict for each figure that has a limit."""
    return [
        Verdict(what, figure, FIGURES[figure](measured), FIGURES[figure](reference), limit)
        for figure, limit in limits.items()
    ]
