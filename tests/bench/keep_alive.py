"""Small requests over kept connections, beside gunicorn's own gthread serving the same application."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dcapi.lab.ports import HOST
from dcapi.lab.site import LabSite
from tests.bench.figures import MEDIAN, Note, Verdict, judged, seconds_of

# Requests of a batch: one alone is too short to be timed well.
BATCH = 100
WARM_UP = 3
# At least 0.9 times as many requests in the same time.
LIMITS = {MEDIAN: 1 / 0.9}
STOCK = "--worker-class=gthread"


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the times of both in turns; raises AssertionError for an answer that is none."""
    with ExitStack() as stack:
        note(f"two sites answer {BATCH} small requests at a time")
        ours = stack.enter_context(_batches(LabSite("bench-ours", folder / "ours")))
        stock = stack.enter_context(_batches(StockSite("bench-stock", folder / "stock")))
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM_UP + rounds):
            taken = seconds_of(ours), seconds_of(stock)
            if number >= WARM_UP:
                for kept, seconds in zip(times, taken, strict=True):
                    kept.append(seconds)
    return judged(f"{BATCH} keep-alive requests beside stock gthread", *times, LIMITS)


class StockSite(LabSite):
    """The same site on gunicorn's own worker."""

    def environment(self) -> dict[str, str]:
        # gunicorn reads this after its configuration file.
        return super().environment() | {"GUNICORN_CMD_ARGS": f"{STOCK} --keep-alive=75"}


@contextmanager
def _batches(site: LabSite) -> Iterator[Callable[[], None]]:
    """What asks a site so many times over one connection."""
    try:
        site.start()
        connection = http.client.HTTPConnection(HOST, site.port.number)
        try:
            yield lambda: _ask(connection)
        finally:
            connection.close()
    finally:
        site.close()


def _ask(connection: http.client.HTTPConnection) -> None:
    for _ in range(BATCH):
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK or answer.will_close:
            raise AssertionError(f"a kept connection was answered {answer.status}")
