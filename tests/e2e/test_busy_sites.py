"""Sites with few threads: clients that wait, and peers that call each other, stop nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from dcapi.lab.faults import Stall
from dcapi.lab.operator import Json, Operator, RefusedError
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, PRIORITY_AT_B, associate
from tests.e2e.conftest import MakePair

CLIENTS = 16
WAIT_SECONDS = 30.0
# An answer that waits for nothing comes within this, also on a busy machine; one without a thread would not.
PROMPT_SECONDS = 15.0
ROUNDS = 8


def test_clients_that_wait_leave_threads_for_the_calls_of_the_peer(make_pair: MakePair) -> None:
    pair = make_pair({"WORKERS": "2", "THREADS": "4"})
    pair.introduce()
    shared = associate(pair, pair.at_a.create(GROUPS, {"peer-group-name": "waited-for"}))
    shared.expect_status("in-sync")
    with ThreadPoolExecutor(CLIENTS) as pool:
        with pair.proxy.add(Stall("*", r"/v1\.0/.*")) as stall:
            waiting = [pool.submit(_wait_for_sync, pair, shared.association_id) for _ in range(CLIENTS)]
            stall.wait_taken()
            for _ in range(5):
                _expect_prompt_answers_to_a_peer(pair)
            assert not all(each.done() for each in waiting)
        statuses = [each.result(WAIT_SECONDS) for each in waiting]
    assert set(statuses) == {"syncing", "in-sync"}
    shared.expect_status("in-sync")


def _wait_for_sync(pair: Pair, association: int) -> str:
    with pair.at_a.twin() as operator:
        return str(operator.sync(association, wait=WAIT_SECONDS)["sync-status"])


def _expect_prompt_answers_to_a_peer(pair: Pair) -> None:
    """What B asks of A: a login, A's UUID, its groups, one association (here one that is not there)."""
    with Operator(pair.a.url, pair.a.admin_password) as peer:
        calls = (
            peer.log_in,
            peer.site_uuid,
            lambda: peer.listed(GROUPS),
            lambda: peer.find(ASSOCIATIONS, 999),
        )
        for call in calls:
            assert _seconds(call) < PROMPT_SECONDS


def test_sites_that_change_attributes_towards_each_other_both_finish(make_pair: MakePair) -> None:
    pair = make_pair({"WORKERS": "1", "THREADS": "4"})
    pair.introduce()
    of_a = associate(pair, pair.at_a.create(GROUPS, {"peer-group-name": "led-by-a"})).id
    of_b = _associated_by_b(pair, "led-by-b")
    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            change: Json = {"max-subcloud-rehoming": number + 20}
            both = [
                pool.submit(operator.update, GROUPS, group, change)
                for operator, group in ((pair.at_a, of_a), (pair.at_b, of_b))
            ]
            assert [each.result(WAIT_SECONDS)["max_subcloud_rehoming"] for each in both] == [number + 20] * 2
    for operator in (pair.at_a, pair.at_b):
        values = [operator.one(GROUPS, name)["max_subcloud_rehoming"] for name in ("led-by-a", "led-by-b")]
        assert values == [ROUNDS + 19] * 2


def test_many_changes_of_attributes_in_both_directions_all_finish(make_pair: MakePair) -> None:
    pair = make_pair({"WORKERS": "1", "THREADS": "4"})
    pair.introduce()
    names = [f"group-{number}" for number in range(4)]
    of_a = [associate(pair, pair.at_a.create(GROUPS, {"peer-group-name": f"a-{name}"})).id for name in names]
    of_b = [_associated_by_b(pair, f"b-{name}") for name in names]
    calls = [(pair.at_a, group) for group in of_a] + [(pair.at_b, group) for group in of_b]
    with ThreadPoolExecutor(len(calls)) as pool:
        done = [pool.submit(_disable_at_last, operator, group) for operator, group in calls]
        assert [each.result(60) for each in done] == ["disabled"] * len(calls)
    for operator in (pair.at_a, pair.at_b):
        states = {group["peer_group_name"]: group["group_state"] for group in operator.listed(GROUPS)}
        assert states == {f"{site}-{name}": "disabled" for site in "ab" for name in names}


def _disable_at_last(known: Operator, group: int) -> str:
    """Disable a group; a site that has no thread to spare says so at once, and is asked again."""

    def attempt() -> Json | None:
        try:
            return operator.update(GROUPS, group, {"group-state": "disabled"})
        except RefusedError as refused:
            if refused.code != requests.codes.service_unavailable:
                raise
            return None

    with known.twin() as operator:
        answer = wait_until("the change to be taken", attempt, within=30)
    assert answer is not None
    return str(answer["group_state"])


def _associated_by_b(pair: Pair, name: str) -> int:
    """A group that B leads and A has a copy of; returns its id at B."""
    group = pair.at_b.create(GROUPS, {"peer-group-name": name})
    fields = {
        "peer_group_id": group["id"],
        "system_peer_id": pair.peer_at_b()["id"],
        "peer_group_priority": PRIORITY_AT_B,
    }
    association = pair.at_b.create(ASSOCIATIONS, fields, wait=WAIT_SECONDS)
    assert association["sync-status"] == "in-sync", association
    return int(group["id"])


def _seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started
