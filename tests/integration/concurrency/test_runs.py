"""Of one association one run goes on at a time, whichever process was asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from dcapi.lab.faults import Delay, Stall
from dcapi.lab.operator import Operator
from dcapi.lab.polling import wait_until
from dcapi.lab.proxy import Exchange
from dcapi.lab.shared_group import SharedGroup
from tests.integration.concurrency.twins import PATIENCE, THREADS, Twins, at_once

# What a heartbeat asks for, and no run whose group is known.
HEARTBEAT = ("GET", "/v1.0/subcloud-peer-groups")
# What every run asks B first.
FIRST_REQUEST = ("GET", "/v1/isystems")
ASKS = 6


def runs_in(passed: Iterable[Exchange]) -> list[list[str]]:
    """The requests of each run, logins and heartbeats left out."""
    runs: list[list[str]] = []
    for exchange in passed:
        if exchange.path.startswith("/v3") or (exchange.method, exchange.path) == HEARTBEAT:
            continue
        if (exchange.method, exchange.path) == FIRST_REQUEST:
            runs.append([])
        runs[-1].append(f"{exchange.method} {exchange.path}")
    return runs


def one_run(twins: Twins, shared: SharedGroup) -> list[str]:
    """The requests of a run that finds nothing to do."""
    with twins.pair.proxy.recording() as passed:
        shared.sync()
    (run,) = runs_in(passed)
    return run


def expect_one_after_the_other(runs: list[list[str]], whole: list[str]) -> None:
    """Of two runs at once neither would be whole. One that was asked for again meanwhile tells no outcome."""
    assert runs[-1] == whole
    for run in runs:
        assert run in (whole, whole[:-1])


def wait_served(twins: Twins, shared: SharedGroup) -> None:
    """Wait until a run has served the last request to sync, and B knows how it ended."""
    wait_until(
        "the last request to sync to be served",
        lambda: twins.counters(shared.association_id),
        lambda counters: counters.sync_status != "syncing",
        within=PATIENCE,
    )
    shared.expect_status("in-sync")


def test_a_process_that_is_asked_while_the_other_one_runs_lets_it_end(twins: Twins) -> None:
    shared, _ = twins.new_group(2)
    whole = one_run(twins, shared)
    first, second = twins.operators
    with twins.pair.proxy.recording() as passed:
        with twins.pair.proxy.add(Stall(*FIRST_REQUEST, times=1)) as stall:
            begin = len(twins.pair.proxy.exchanges)
            first.sync(shared.association_id)
            stall.wait_taken()
            ended = twins.attended(twins.second, shared.association_id)
            second.sync(shared.association_id)
            # Its job came, found the lease taken, and left.
            twins.wait_attended(twins.second, shared.association_id, ended + 1)
            assert len(runs_in(twins.pair.proxy.exchanges[begin:])) == 1
        wait_served(twins, shared)
    runs = runs_in(passed)
    expect_one_after_the_other(runs, whole)
    assert len(runs) == 2


def test_however_many_ask_during_a_run_one_further_run_serves_them_all(twins: Twins) -> None:
    shared, _ = twins.new_group(2)
    whole = one_run(twins, shared)
    before = twins.counters(shared.association_id)
    with twins.pair.proxy.recording() as passed:
        with twins.pair.proxy.add(Stall(*FIRST_REQUEST, times=1)) as stall:
            twins.operators[0].sync(shared.association_id)
            stall.wait_taken()
            ask_at_once(twins, shared, 1)
        wait_served(twins, shared)
    runs = runs_in(passed)
    expect_one_after_the_other(runs, whole)
    assert len(runs) == 2
    asked = 1 + 2 * THREADS
    assert twins.counters(shared.association_id).sync_asked == before.sync_asked + asked


def test_runs_do_not_overlap_when_all_threads_of_both_processes_ask(twins: Twins) -> None:
    shared, _ = twins.new_group(2)
    whole = one_run(twins, shared)
    before = twins.counters(shared.association_id)
    # A slow answer in the middle of each run gives the others time to begin one.
    with (
        twins.pair.proxy.recording() as passed,
        twins.pair.proxy.add(Delay(0.05, "GET", r".*/subclouds")),
    ):
        ask_at_once(twins, shared, ASKS)
        wait_served(twins, shared)
    runs = runs_in(passed)
    expect_one_after_the_other(runs, whole)
    assert len(runs) > 1
    assert twins.counters(shared.association_id).sync_asked == before.sync_asked + ASKS * 2 * THREADS


def ask_at_once(twins: Twins, shared: SharedGroup, times: int) -> None:
    """Ask so many times on each of as many connections as both processes have threads."""

    def ask(operator: Operator) -> None:
        with operator:
            for _ in range(times):
                assert operator.sync(shared.association_id)["sync-status"] == "syncing"

    at_once([partial(ask, operator.twin()) for operator in twins.operators for _ in range(THREADS)])
