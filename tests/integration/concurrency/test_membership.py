"""Requests that add, remove, move or delete the same subcloud at once, at two processes of one site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dcapi.lab.operator import Json, Operator
from dcapi.lab.shared_group import GROUPS, SharedGroup
from tests.integration.concurrency.twins import Twins, at_once, informed, outcome

ROUNDS = 4
NO_GROUP = "none"


@pytest.fixture
def both(twins: Twins) -> Iterator[tuple[Operator, Operator]]:
    """An operator at each process, for threads of their own."""
    with twins.operators[0].twin() as first, twins.operators[1].twin() as second:
        yield first, second


def put(operator: Operator, subcloud: str, group: object) -> Json:
    return operator.update_subcloud(subcloud, {"peer_group": group})


def revision(twins: Twins, shared: SharedGroup) -> int:
    return twins.counters(shared.association_id).revision


def test_of_two_that_add_the_same_member_one_changes_the_group(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    shared, _ = twins.new_group()
    for number in range(ROUNDS):
        name = twins.new_managed()
        answers = at_once([partial(outcome, partial(put, by, name, shared.id)) for by in both])
        assert [code for code, _ in answers] == [200, 200]
        assert informed(answers) == 1
        assert revision(twins, shared) == number + 1
    shared.expect_status("out-of-sync")
    shared.sync()


def test_of_two_that_remove_the_same_member_one_changes_the_group(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    shared, members = twins.new_group(ROUNDS)
    for number, member in enumerate(members):
        answers = at_once([partial(outcome, partial(put, by, member.name, NO_GROUP)) for by in both])
        assert [code for code, _ in answers] == [200, 200]
        assert informed(answers) == 1
        assert revision(twins, shared) == number + 1
    shared.expect_status("out-of-sync")
    shared.sync()
    assert shared.members_at_b() == {}


def test_subcloud_put_into_two_groups_at_once_ends_in_one(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    groups = [twins.new_group()[0] for _ in both]
    expected = [0, 0]
    for _ in range(ROUNDS):
        name = twins.new_managed()
        calls = [partial(put, by, name, group.id) for by, group in zip(both, groups, strict=True)]
        answers = at_once([partial(outcome, call) for call in calls])
        assert [code for code, _ in answers] == [200, 200]
        # Whoever came first saw its group joined and left again, the other one saw it joined.
        winner = [group.id for group in groups].index(twins.pair.at_a.one("subclouds", name)["peer_group_id"])
        expected[winner] += 1
        expected[1 - winner] += 2
        assert [revision(twins, group) for group in groups] == expected
    for group in groups:
        group.sync()


def test_members_that_cross_between_two_groups_stop_nobody(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    """Each transaction needs both groups: in whatever order they are locked, none may wait for the other."""
    groups = [twins.new_group(1) for _ in both]
    (one, (first,)), (other, (second,)) = groups
    before = [revision(twins, group) for group in (one, other)]

    def cross(operator: Operator, name: str, targets: tuple[int, int]) -> None:
        for number in range(2 * ROUNDS):
            put(operator, name, targets[number % 2])

    at_once(
        [
            partial(cross, both[0], first.name, (other.id, one.id)),
            partial(cross, both[1], second.name, (one.id, other.id)),
        ]
    )
    moves = 2 * 2 * ROUNDS
    assert [revision(twins, group) for group in (one, other)] == [count + moves for count in before]
    for group in (one, other):
        group.sync()


def test_of_two_that_delete_the_same_subcloud_one_finds_it_gone(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    def delete(operator: Operator, name: str) -> None:
        operator.delete("subclouds", name)

    for _ in range(ROUNDS):
        name = _add_secondary(twins)
        answers = at_once([partial(outcome, partial(delete, by, name)) for by in both])
        assert sorted(answers, key=str) == [(200, None), (404, "Subcloud not found")]


def test_a_group_that_is_deleted_while_members_join_keeps_none(
    twins: Twins, both: tuple[Operator, Operator]
) -> None:
    for _ in range(ROUNDS):
        group = twins.pair.at_a.create(GROUPS, {"peer-group-name": twins.new_name("short-lived")})
        name = twins.new_managed()
        calls: list[Callable[[], object]] = [
            partial(put, both[0], name, group["id"]),
            partial(both[1].delete, GROUPS, group["id"]),
        ]
        (joined, said), deleted = at_once([partial(outcome, call) for call in calls])
        assert deleted == (200, None)
        assert joined == 200 or (joined, said) == (400, "Invalid peer group")
        assert twins.pair.at_a.one("subclouds", name)["peer_group_id"] is None


def _add_secondary(twins: Twins) -> str:
    """A subcloud that may be deleted at once; returns its name."""
    new = twins.pair.new_member("secondary")
    fields = {"bootstrap_values": new.bootstrap_values, "bootstrap-address": new.bootstrap_address}
    twins.pair.at_a.add_subcloud({**fields, "secondary": "true"})
    return new.name
