"""Sends the traffic, takes the database away, looks at memory, ends the site in the middle, and judges."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.bench.figures import percentile
from tests.load.busy_site import BusySite
from tests.load.slow_clients import SlowClients
from tests.load.traffic import CLIENTS, Traffic
from tests.load.verdicts import Outage, Verdict, failures, judge_answers, judge_writes

MEMORY_GROWTH = 1.1
# Of the whole time, when memory is looked at for the first time.
SETTLED = 0.25
# Seconds without a database; in a short run a third of it.
OUTAGE_SECONDS = 10.0
# Seconds of traffic before the site is asked to end, and after that.
BEFORE_END = 3.0

Note = Callable[[str], None]


def measure(site: BusySite, seconds: float, note: Note) -> list[Verdict]:
    """The verdicts about so many seconds of traffic, and about an end in the middle of more."""
    with SlowClients(site.site.port.number) as slow:
        verdicts = _judge_traffic(site, seconds, note)
        note(f"slow clients: opened {dict(slow.opened)}, closed by the site {dict(slow.closed_by_site)}")
        closed = slow.closed_by_site.total()
        verdicts.append(Verdict("the site closes who is slow", f"{closed} connections", closed > 0))
        note("the site is asked to end in the middle of the traffic, and started again")
        return [*verdicts, *_judge_end(site, note)]


def _judge_traffic(site: BusySite, seconds: float, note: Note) -> list[Verdict]:
    note(f"{CLIENTS} clients read and write for {seconds:g} s, beside slow ones")
    without = min(OUTAGE_SECONDS, seconds / 3)
    before = (seconds - without) / 2
    with Traffic(site) as traffic:
        time.sleep(seconds * SETTLED)
        settled, workers = site.memory(), site.workers()
        time.sleep(before - seconds * SETTLED)
        outage = _take_database(site, without, note)
        time.sleep(before)
        grown, survivors = site.memory(), site.workers()
    _note_answers(traffic, seconds, outage, note)
    growth = grown / settled
    sizes = f"{settled / 2**20:.1f} MiB, then {grown / 2**20:.1f} MiB, {growth:.3f} times"
    return [
        *judge_answers(traffic.tallies(), outage),
        judge_writes(traffic.tallies(), _locations(site)),
        Verdict("the workers are those of the beginning", f"{survivors}", workers == survivors),
        Verdict(f"memory at most {MEMORY_GROWTH} times", sizes, growth <= MEMORY_GROWTH),
    ]


def _take_database(site: BusySite, seconds: float, note: Note) -> Outage:
    note(f"the database is taken away for {seconds:g} s: {site.database.how}")
    # From before it begins: the first connections are lost while the last ones are not cut yet.
    began = time.monotonic()
    site.database.take()
    time.sleep(seconds)
    site.database.give_back()
    return Outage(began, time.monotonic())


def _note_answers(traffic: Traffic, seconds: float, outage: Outage, note: Note) -> None:
    slowest = traffic.slowest()
    times = [answer.took for answer in slowest]
    note(f"{len(times)} requests, {len(times) / seconds:.0f} a second; answers {dict(traffic.statuses())}")
    note("; ".join(f"p{share} {percentile(times, share) * 1000:.0f} ms" for share in (50, 95, 99)))
    note("slowest: " + ", ".join(f"{one.took:.2f} s {one.request} {one.status}" for one in slowest[:5]))
    for failure in failures(traffic.tallies(), outage)[:10]:
        note(failure)


def _locations(site: BusySite) -> dict[int, object]:
    return {int(row["id"]): row["location"] for row in site.operator.listed("subclouds")}


def _judge_end(site: BusySite, note: Note) -> list[Verdict]:
    with Traffic(site) as traffic:
        time.sleep(BEFORE_END)
        asked = time.monotonic()
        site.site.ask_to_stop()
        code = site.site.stop()
        took = time.monotonic() - asked
    note(f"it took {took:.1f} s to end, answers {dict(traffic.statuses())}")
    site.site.start()
    broken = sum(number for status, number in traffic.statuses().items() if status >= 500)
    return [
        Verdict("the site ends in good order", f"exit code {code}", code == 0),
        Verdict("no answer 5xx while it ends", str(broken), not broken),
        judge_writes(traffic.tallies(), _locations(site)),
    ]
