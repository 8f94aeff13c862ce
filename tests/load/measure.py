"""Sends the traffic, looks at memory and times, ends the site in the middle of it, and judges."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.figures import percentile
from tests.load.busy_site import BusySite
from tests.load.clients import Client

CLIENTS = 16
LONGEST_SECONDS = 2.0
MEMORY_GROWTH = 1.1
# Of the whole time, when memory is looked at for the first time.
SETTLED = 0.25
# Seconds of traffic before the site is asked to end, and after that.
BEFORE_END = 3.0

Note = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """One limit, and whether it was met."""

    what: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.what}: {self.measured}"


class Traffic:
    """All clients, each with subclouds of its own."""

    def __init__(self, site: BusySite) -> None:
        self.ending = threading.Event()
        token = site.operator.log_in()
        ids = sorted(int(subcloud["id"]) for subcloud in site.operator.listed("subclouds"))
        self.clients = [
            Client(site.site.url, token, ids[number::CLIENTS], number, self.ending)
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> Traffic:
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for client in self.clients:
            client.join()

    def slowest(self) -> list[tuple[float, str]]:
        return sorted((one for client in self.clients for one in client.tally.times), reverse=True)

    def statuses(self) -> Counter[int]:
        return sum((client.tally.statuses for client in self.clients), Counter())

    def failures(self) -> list[str]:
        return [failure for client in self.clients for failure in client.tally.failures]


def measure(site: BusySite, seconds: float, note: Note) -> list[Verdict]:
    """The verdicts about so many seconds of traffic, and about an end in the middle of more."""
    note(f"{CLIENTS} clients read and write for {seconds:g} s")
    with Traffic(site) as traffic:
        time.sleep(seconds * SETTLED)
        settled, workers = site.memory(), site.workers()
        time.sleep(seconds * (1 - SETTLED))
        grown, survivors = site.memory(), site.workers()
    verdicts = _judge_answers(traffic, seconds, note)
    growth = grown / settled
    verdicts.append(Verdict("the workers are those of the beginning", f"{survivors}", workers == survivors))
    sizes = f"{settled / 2**20:.1f} MiB, then {grown / 2**20:.1f} MiB, {growth:.3f} times"
    verdicts.append(Verdict(f"memory at most {MEMORY_GROWTH} times", sizes, growth <= MEMORY_GROWTH))
    note("the site is asked to end in the middle of the traffic, and started again")
    return [*verdicts, *_judge_end(site, note)]


def _judge_answers(traffic: Traffic, seconds: float, note: Note) -> list[Verdict]:
    slowest, statuses, failures = traffic.slowest(), traffic.statuses(), traffic.failures()
    times = [one for one, _ in slowest]
    note(f"{len(times)} requests, {len(times) / seconds:.0f} a second; answers {dict(statuses)}")
    note("; ".join(f"p{share} {percentile(times, share) * 1000:.0f} ms" for share in (50, 95, 99)))
    note("slowest: " + ", ".join(f"{one:.2f} s {what}" for one, what in slowest[:5]))
    for failure in failures[:10]:
        note(failure)
    broken = sum(number for status, number in statuses.items() if status >= 500)
    return [
        Verdict("no answer 5xx", str(broken), not broken),
        Verdict("no request without the answer that it deserves", str(len(failures)), not failures),
        Verdict(f"no request above {LONGEST_SECONDS:g} s", f"{times[0]:.2f} s", times[0] <= LONGEST_SECONDS),
    ]


def _judge_end(site: BusySite, note: Note) -> list[Verdict]:
    with Traffic(site) as traffic:
        time.sleep(BEFORE_END)
        asked = time.monotonic()
        site.site.ask_to_stop()
        code = site.site.stop()
        took = time.monotonic() - asked
    note(f"it took {took:.1f} s to end, answers {dict(traffic.statuses())}")
    site.site.start()
    there = {int(row["id"]): row["location"] for row in site.operator.listed("subclouds")}
    acknowledged = [item for client in traffic.clients for item in client.tally.acknowledged.items()]
    attempted = {key: text for client in traffic.clients for key, text in client.tally.attempted.items()}
    lost = [key for key, text in acknowledged if there[key] not in (text, attempted[key])]
    broken = sum(number for status, number in traffic.statuses().items() if status >= 500)
    return [
        Verdict("the site ends in good order", f"exit code {code}", code == 0),
        Verdict("no answer 5xx while it ends", str(broken), not broken),
        Verdict(f"every acknowledged write is there ({len(acknowledged)})", f"{len(lost)} lost", not lost),
    ]
