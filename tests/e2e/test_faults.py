"""Each request of a sync fails once, in turn: it says why, both sites agree, a further sync mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dcapi.lab.faults import Answer, Close, Fault
from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate

# As many requests as the sync of two members takes, a login among them when it is the first of its worker.
REQUESTS = 14
NONSENSE = b'{"subclouds": [{"name": 3}], "id": "x", "isystems": {}, "subcloud_peer_groups": 7}'

FaultAt = Callable[[int], Fault]
WAYS: dict[str, FaultAt] = {
    "cut_before_it_arrives": lambda at: Close(skip=at, times=1),
    "its_answer_is_lost": lambda at: Close(skip=at, times=1, on_answer=True),
    "the_peer_is_busy": lambda at: Answer(503, skip=at, times=1),
    "its_answer_is_nonsense": lambda at: Answer(200, NONSENSE, skip=at, times=1, on_answer=True),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault_at", WAYS.values(), ids=WAYS.keys())
def test_a_request_of_a_sync_that_fails_is_told_and_made_good(
    pair: Pair, fault_at: FaultAt, request: pytest.FixtureRequest
) -> None:
    pair.introduce()
    members = [pair.new_member("tried", install=True) for _ in range(2)]
    for member in members:
        pair.deploy(member)
    for at in range(REQUESTS):
        _sync_with_a_fault(pair, f"{request.node.callspec.id}-{at}", members, fault_at(at))
    for site in (pair.a, pair.b):
        assert "Traceback" not in site.log_file.read_text()


def _sync_with_a_fault(pair: Pair, name: str, members: list[Member], fault: Fault) -> None:
    group = pair.at_a.create(GROUPS, {"peer-group-name": name})
    for member in members:
        pair.at_a.update_subcloud(member.name, member.joining(group["id"]))
    with pair.proxy.add(fault):
        shared = associate(pair, group)
    ended = shared.wait_end_of_run()
    assert ended["sync-status"] in ("in-sync", "failed")
    assert (ended["sync-message"] == "None") == (ended["sync-status"] == "in-sync")
    wait_until(f"both sites to agree after {fault}", lambda: _statuses(shared), lambda seen: len(seen) == 1)
    shared.sync()
    _remove(pair, shared)


def _statuses(shared: SharedGroup) -> set[str]:
    """The statuses that the two sites show; B shows one only when the sync got as far as making it."""
    group = shared.pair.at_b.find(GROUPS, shared.name)
    there: list[Json] = shared.pair.at_b.listed("peer-group-associations") if group else []
    shown = [each["sync-status"] for each in there if group and each["peer-group-id"] == group["id"]]
    return {shared.association_at_a()["sync-status"], *shown}


def _remove(pair: Pair, shared: SharedGroup) -> None:
    """Take the group from both sites, so that the same members can be tried again."""
    pair.at_a.delete("peer-group-associations", shared.association_id)
    assert pair.at_b.find(GROUPS, shared.name) is None
    for name in shared.members_at_a():
        assert pair.at_b.find("subclouds", name) is None
        pair.at_a.update_subcloud(name, {"peer_group": "none"})
    pair.at_a.delete(GROUPS, shared.id)
