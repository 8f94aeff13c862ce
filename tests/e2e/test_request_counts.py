"""What a sync costs the other site, counted in front of it, logins included."""

from __future__ import annotations

from collections import Counter

import pytest

from dcapi.lab.operator import Json
from dcapi.lab.pair import OUTCOME_SECONDS, Pair
from dcapi.lab.proxy import Exchange
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate
from tests.e2e.conftest import MakePair

MEMBERS = 100
# Requests that a sync may take: the first one for each member and besides, one of an unchanged group, one of
# a group with a single changed member.
EACH_MEMBER, FIRST_BESIDES, UNCHANGED, ONE_CHANGED = 2, 20, 15, 20


@pytest.mark.timeout(600)
def test_a_sync_costs_the_peer_no_more_requests_than_what_differs(make_pair: MakePair) -> None:
    pair = make_pair({"RECONCILE_SECONDS": "600"})
    pair.introduce()
    # The longer a sync takes, the more heartbeats pass by: they are not what it costs.
    pair.at_a.update("system-peers", pair.b.name, {"heartbeat_interval": 600})
    group = pair.at_a.create(GROUPS, {"peer-group-name": "hundred"})
    names = [pair.new_member("hundred", install=True) for _ in range(MEMBERS)]
    pair.join_all(group["id"], names)

    with pair.proxy.recording() as first:
        shared = associate(pair, group, wait=100)
        shared.expect_status("in-sync")
    shared.expect_same_members()
    assert len(first) <= EACH_MEMBER * MEMBERS + FIRST_BESIDES, _told(first)

    unchanged = _recorded_sync(pair, shared)
    assert len(unchanged) <= UNCHANGED, _told(unchanged)

    pair.at_a.update_subcloud(names[41].name, {"description": "Repainted"})
    shared.expect_status("out-of-sync")
    one_changed = _recorded_sync(pair, shared)
    assert len(one_changed) <= ONE_CHANGED, _told(one_changed)
    shared.expect_same_members()


def test_every_request_of_a_sync_is_counted_the_login_too(pair: Pair) -> None:
    pair.introduce()
    group = pair.at_a.create(GROUPS, {"peer-group-name": "counted"})
    with pair.proxy.recording() as passed:
        associate(pair, group).expect_status("in-sync")
    kinds = Counter(each.path.split("/")[1] for each in passed)
    assert {"v1", "v1.0"} <= set(kinds), _told(passed)
    # A heartbeat may be on its way at the end, or give up: its request has no answer then.
    assert all(each.code < 500 for each in passed if each.code is not None), _told(passed)


def _recorded_sync(pair: Pair, shared: SharedGroup) -> list[Exchange]:
    with pair.proxy.recording() as passed:
        ended: Json = pair.at_a.sync(shared.association_id, wait=OUTCOME_SECONDS)
        assert ended["sync-status"] == "in-sync", ended
        shared.expect_status("in-sync")
    return passed


def _told(passed: list[Exchange]) -> str:
    return "\n".join(
        [f"{len(passed)} requests:", *(f"{each.method} {each.path} {each.code}" for each in passed)]
    )
