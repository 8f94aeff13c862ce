"""Eight clients that change subclouds at once, on SQLite: how much longer than most a few of them wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from threading import Barrier

from dcapi.lab.operator import Operator
from dcapi.lab.site import LabSite
from tests.bench.figures import Note, Verdict, percentile, seconds_of
from tests.bench.filled_site import fill

CLIENTS = 8
# Changes of each client before the first one that counts.
WARM_UP = 5
P99 = "p99"
# How many times the median the slowest hundredth may take.
LIMIT = 5.0


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the times of ``rounds`` changes of each client; raises AssertionError when one is refused."""
    site = LabSite("site-a", folder, settings={"WORKERS": "1"})
    fill(site, CLIENTS)
    try:
        site.start()
        note(f"{rounds} changes by each of {CLIENTS} clients at once")
        times = _times(site, rounds)
        site.stop()
    finally:
        site.close()
    what = f"change of a subcloud, {CLIENTS} clients at once, beside their median"
    return [Verdict(what, P99, percentile(times, 99), median(times), LIMIT)]


def _times(site: LabSite, rounds: int) -> list[float]:
    together = Barrier(CLIENTS)
    with Operator(site.url, site.admin_password) as operator:
        operator.log_in()
        clients = [operator.twin() for _ in range(CLIENTS)]

    def change(number: int) -> list[float]:
        with clients[number] as client:
            together.wait(60)
            calls = [partial(_change, client, number, turn) for turn in range(WARM_UP + rounds)]
            times = [seconds_of(call) for call in calls]
        return times[WARM_UP:]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [seconds for times in pool.map(change, range(CLIENTS)) for seconds in times]


def _change(client: Operator, number: int, turn: int) -> None:
    text = f"Painted {turn} times"
    changed = client.update_subcloud(f"edge-{number}", {"description": text})
    if changed["description"] != text:
        raise AssertionError(f"the change of edge-{number} was answered {changed}")
