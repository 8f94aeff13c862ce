"""The processes of a site: found, stopped for a while, and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from dcapi.lab.polling import OverdueError, wait_until
from dcapi.lab.site import LabSite
from tests.faults.pace import paced

# A worker that is to come up loads the application first.
START_SECONDS = paced(30.0)
# A busy master may take two signals for one: it is told again after so many seconds.
SIGNAL_SECONDS = paced(4.0)
# Two that bring a site back at once would be in each other's way.
RESTARTING = threading.Lock()


def workers_of(site: LabSite) -> list[int]:
    """Process ids of a site's workers, the oldest first."""
    return [] if site.pid is None else _children(site.pid)


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def set_workers(site: LabSite, wanted: int) -> None:
    """Let a running site have so many workers, now and after each start; raises OverdueError."""
    site.settings["WORKERS"] = str(wanted)
    deadline = time.monotonic() + START_SECONDS
    while True:
        _ask_for_workers(site, wanted - len(workers_of(site)))
        try:
            wait_until(
                f"{wanted} workers of {site.name}",
                lambda: len(workers_of(site)) == wanted,
                within=SIGNAL_SECONDS,
            )
        except OverdueError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _ask_for_workers(site: LabSite, missing: int) -> None:
    if site.pid is None:
        return
    for _ in range(abs(missing)):
        send(site.pid, signal.SIGTTIN if missing > 0 else signal.SIGTTOU)
        time.sleep(0.02)  # two signals of a kind that come at once are one


def send(process: int, number: signal.Signals) -> bool:
    """Send a signal; False when the process is gone."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    """Let processes stand still for the block."""
    for process in processes:
        send(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            send(process, signal.SIGCONT)


def kill_master(site: LabSite) -> None:
    """Kill the master alone; its workers see it and end, or are killed when the site is started again."""
    if site.pid is not None:
        send(site.pid, signal.SIGKILL)


def restart(site: LabSite, *, within: float = START_SECONDS) -> None:
    """Kill what is left of a site that is down, and start it; raises SiteFailedError."""
    with RESTARTING:
        if site.running:
            return
        if site.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(site.pid, signal.SIGKILL)
        site.kill()
        site.start(within=within)
