"""Who works on a group or an association keeps others away: they are told so, and nothing of it is done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dcapi.lab.faults import Stall
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS
from tests.integration.concurrency.twins import PATIENCE, Twins, at_once, outcome

CHANGED_ELSEWHERE = "Another change of this peer group is being sent to its peer site(s)"
RUN_GOES_ON = "A sync of this peer group association is running"
BEING_DELETED = "This peer group association is being deleted."


def refusals(calls: list[Callable[[], object]]) -> list[tuple[int, str]]:
    """What all of the calls, made at once, are answered."""
    return [(code, str(said)) for code, said in at_once([partial(outcome, call) for call in calls])]


def test_attribute_change_under_way_refuses_others_in_every_process(twins: Twins) -> None:
    shared, _ = twins.new_group()
    first, second = twins.operators
    with ThreadPoolExecutor(1) as pool:
        with twins.pair.proxy.add(Stall("PATCH", r"/v1\.0/subcloud-peer-groups/.*")) as stall:
            sent = pool.submit(first.twin().update, GROUPS, shared.id, {"max-subcloud-rehoming": 21})
            stall.wait_taken()
            others = refusals(
                [
                    partial(by.update, GROUPS, shared.id, {"max-subcloud-rehoming": 22})
                    for by in (first, second)
                ]
            )
            assert [code for code, _ in others] == [409, 409]
            assert all(CHANGED_ELSEWHERE in said for _, said in others)
        assert sent.result(PATIENCE)["max_subcloud_rehoming"] == 21
    assert shared.at_b()["max_subcloud_rehoming"] == 21
    assert second.update(GROUPS, shared.id, {"max-subcloud-rehoming": 23})["max_subcloud_rehoming"] == 23
    assert shared.at_b()["max_subcloud_rehoming"] == 23


def test_while_a_run_goes_on_its_association_is_not_changed_or_deleted(twins: Twins) -> None:
    shared, _ = twins.new_group(1)
    first, second = twins.operators
    before = shared.association_at_a()["peer-group-priority"]
    with twins.pair.proxy.add(Stall("GET", r".*/subclouds", times=1)) as stall:
        first.sync(shared.association_id)
        stall.wait_taken()
        others = refusals(
            [
                partial(first.update, ASSOCIATIONS, shared.association_id, {"peer_group_priority": 9}),
                partial(second.delete, ASSOCIATIONS, shared.association_id),
            ]
        )
        assert [code for code, _ in others] == [409, 409]
        assert all(RUN_GOES_ON in said for _, said in others)
    shared.expect_status("in-sync")
    assert shared.association_at_a()["peer-group-priority"] == before
    shared.expect_same_members()


def test_attribute_changed_during_a_run_wins_at_both_sites(twins: Twins) -> None:
    shared, _ = twins.new_group(1)
    first, second = twins.operators
    with twins.pair.proxy.add(Stall("GET", r".*/subclouds", times=1)) as stall:
        first.sync(shared.association_id)
        stall.wait_taken()
        second.update(GROUPS, shared.id, {"max-subcloud-rehoming": 31})
        revision = twins.counters(shared.association_id).revision
    # The run may have read the old value and sent it after the new one: nobody knows, so it proves nothing.
    assert shared.wait_end_of_run()["sync-status"] == "out-of-sync"
    assert revision > 0
    shared.sync()
    assert shared.at_a()["max_subcloud_rehoming"] == shared.at_b()["max_subcloud_rehoming"] == 31


def test_while_an_association_is_deleted_other_calls_on_it_are_refused(twins: Twins) -> None:
    shared, _ = twins.new_group(1)
    first, second = twins.operators
    with ThreadPoolExecutor(1) as pool:
        with twins.pair.proxy.add(Stall("DELETE", r"/v1\.0/subclouds/.*")) as stall:
            deleted = pool.submit(first.twin().delete, ASSOCIATIONS, shared.association_id)
            stall.wait_taken()
            for operator in (first, second):
                others = refusals(
                    [
                        partial(operator.twin().sync, shared.association_id),
                        partial(operator.twin().delete, ASSOCIATIONS, shared.association_id),
                        partial(
                            operator.twin().update,
                            ASSOCIATIONS,
                            shared.association_id,
                            {"peer_group_priority": 9},
                        ),
                    ]
                )
                assert others == [(409, BEING_DELETED)] * 3
        assert deleted.result(PATIENCE) is None
    assert first.find(ASSOCIATIONS, shared.association_id) is None
    assert twins.pair.at_b.find(GROUPS, shared.name) is None
