"""How long a process watches a peer: from heartbeat to heartbeat, until the row says something else."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from dcapi.models import Lease
from dcapi.sync.watch.monitor import Monitor, peer_lease
from dcapi.tasks.hold import take_hold
from dcapi.tasks.holders import holder_of
from tests.integration.dead_holders import dead_owner
from tests.integration.sync.conftest import Site


class Clock:
    """The clocks by which heartbeats are due and leases are judged."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed

    def time(self) -> float:
        return time.time() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clocks = SimpleNamespace(monotonic=clock.monotonic, time=clock.time)
    for module in ("dcapi.sync.watch.monitor", "dcapi.tasks.hold"):
        monkeypatch.setattr(f"{module}.time", clocks)
    return clock


@pytest.fixture
def watched(site: Site) -> Site:
    site.associate()
    site.run_jobs()
    return site


def change_peer(site: Site, **values: Any) -> None:
    site.good(site.operator.patch("/system-peers/1", json=values))


def look(site: Site, *monitors: Monitor) -> int:
    """Let each monitor look, and its heartbeats end; returns how many the peer has heard in all."""
    for one in monitors:
        one.look()
        for turn in one._turns.values():
            if turn.beat is not None:
                turn.beat.result(timeout=10)
    return site.peer.count["groups"]


def lease_of_the_peer(site: Site) -> tuple[int, float]:
    """The epoch of the lease under which the peer is watched, and when it expires."""
    with site.runtime.unit_of_work() as session:
        lease = session.get(Lease, peer_lease(1))
        assert lease is not None
        return lease.epoch, lease.expires_at


def test_peer_keeps_its_watcher_over_a_late_heartbeat(watched: Site, clock: Clock) -> None:
    change_peer(watched, heartbeat_interval=300)
    first, second = Monitor(watched.runtime), Monitor(watched.runtime)
    before = watched.peer.count["groups"]
    for _ in range(121):
        look(watched, first, second)
        clock.passed += 10
    assert watched.peer.count["groups"] - before == 5
    assert lease_of_the_peer(watched)[0] == 1


@pytest.mark.parametrize(("before", "after"), [(30, 600), (600, 30)])
def test_another_interval_counts_at_once_and_for_the_lease_too(
    watched: Site, clock: Clock, before: int, after: int
) -> None:
    change_peer(watched, heartbeat_interval=before)
    watched.peer._limit = 20.0
    one = Monitor(watched.runtime)
    heard = look(watched, one)
    # Longer than the lease of a peer that is asked every 30 s.
    watched.peer._limit = 50.0 if after > before else 20.0
    change_peer(watched, heartbeat_interval=after)
    look(watched, one)
    assert look(watched, one) == heard + 1
    assert lease_of_the_peer(watched)[1] - clock.time() == pytest.approx(1.5 * after, abs=5)
    for _ in range(after // 10 + 1):
        clock.passed += 10
        look(watched, one)
    assert watched.peer.count["groups"] == heard + 2


def test_a_peer_at_another_address_is_asked_at_once(watched: Site, clock: Clock) -> None:
    one = Monitor(watched.runtime)
    heard = look(watched, one)
    change_peer(watched, manager_endpoint="http://moved.example:5000/v3", manager_password="c2VjcmV0")
    look(watched, one)
    assert look(watched, one) == heard + 1


def test_peer_of_a_dead_watcher_is_asked_within_two_intervals(watched: Site, clock: Clock) -> None:
    change_peer(watched, heartbeat_interval=10)
    watched.peer._limit = 10.0
    first, second = Monitor(watched.runtime), Monitor(watched.runtime)
    look(watched, first)
    clock.passed += 10
    # The worst moment to die: the lease was just renewed.
    heard = look(watched, first)
    waited = 0.0
    while look(watched, second) == heard and waited < 100:
        pause = second.look()
        clock.passed += pause
        waited += pause
    assert 10 < waited < 20


def test_a_site_that_was_killed_asks_its_peer_as_soon_as_it_is_back(watched: Site) -> None:
    change_peer(watched, heartbeat_interval=600)
    heard = watched.peer.count["groups"]
    assert take_hold(watched.runtime.unit_of_work, peer_lease(1), dead_owner(), 900) is not None

    assert look(watched, Monitor(watched.runtime)) == heard + 1
    assert lease_of_the_peer(watched)[0] == 2


def test_a_watcher_bears_the_name_of_its_process(watched: Site) -> None:
    look(watched, Monitor(watched.runtime))
    with watched.runtime.unit_of_work() as session:
        lease = session.get_one(Lease, peer_lease(1))
        holder = holder_of(lease.owner)

    assert lease.owner == watched.runtime.owner
    assert holder is not None
    assert holder.process == os.getpid()
