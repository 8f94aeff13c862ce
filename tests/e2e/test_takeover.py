"""One process watches a peer; when it dies, another one of the deployment goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

from dcapi.lab.pair import HEARTBEAT_SECONDS, Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import shared_group
from dcapi.tasks.holders import holder_of
from tests.e2e.conftest import MakePair

# What a machine that has other things to do may take longer.
BUSY_SECONDS = 3.0


def watcher(pair: Pair) -> int | None:
    """Process id of the worker of A that watches B now; None while nobody does."""
    folder = Path(pair.a.settings["INSTANCE_PATH"])
    with sqlite3.connect(folder / "dcapi.sqlite3", timeout=30) as database:
        query = "SELECT owner FROM lease WHERE name LIKE 'peer:%' AND expires_at > ?"
        found = database.execute(query, (time.time(),)).fetchone()
    holder = None if found is None else holder_of(found[0])
    return None if holder is None else holder.process


def heartbeats(pair: Pair) -> int:
    """Heartbeats of A that B has heard: nobody else asks for the list of groups without a sync."""
    return sum(one.path.rstrip("/").endswith("subcloud-peer-groups") for one in pair.proxy.exchanges)


def test_another_worker_watches_when_the_watcher_is_killed(make_pair: MakePair) -> None:
    pair = make_pair({"WORKERS": "2"})
    shared = shared_group(pair, "watchtowers", [pair.new_member("watchtower")])
    first = wait_until("a worker to watch B", lambda: watcher(pair))
    assert first is not None
    os.kill(first, signal.SIGKILL)
    second = wait_until(
        "another worker to watch B within two intervals",
        lambda: watcher(pair),
        lambda pid: pid not in (None, first),
        within=2 * HEARTBEAT_SECONDS + BUSY_SECONDS,
    )
    before = heartbeats(pair)
    wait_until("heartbeats to go on", lambda: heartbeats(pair), lambda count: count > before)
    assert second != first
    pair.take_b_down()
    shared.expect_status_at_a("unknown")
    pair.bring_b_back()
    shared.expect_status("in-sync")
