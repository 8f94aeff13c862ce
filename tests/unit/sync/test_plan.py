"""What differs between members and copies, and what may be done about it."""

from __future__ import annotations

import pytest

from dcapi.models.states import COPY_STATES, Deploy
from dcapi.sync.values.plan import Pushed, Removal, make_plan
from tests.unit.sync.builders import copy_of, member, pushed


def test_equal_members_need_nothing() -> None:
    wanted = member()
    assert make_plan([wanted], [copy_of(wanted)], pushed(wanted)).is_empty


def test_a_member_that_is_not_there_is_created() -> None:
    wanted = member()
    assert make_plan([wanted], [], {}).create == [wanted]


def test_a_member_that_differs_is_updated_alone() -> None:
    first, second = member("edge-1"), member("edge-2")
    there = [copy_of(first), copy_of(second, description="old")]
    plan = make_plan([first, second], there, pushed(first) | pushed(second))
    assert (plan.update, plan.changes) == ([second], 1)


def test_equal_looking_copy_with_another_digest_is_sent_again() -> None:
    wanted = member()
    ledger = {wanted.region_name: Pushed(wanted.name, "digest of another password")}
    assert make_plan([wanted], [copy_of(wanted)], ledger).update == [wanted]


def test_a_copy_whose_sending_was_cut_off_is_sent_again() -> None:
    wanted = member()
    ledger = {wanted.region_name: Pushed(wanted.name, None)}
    assert make_plan([wanted], [copy_of(wanted)], ledger).update == [wanted]


def test_a_copy_that_may_have_got_something_newer_is_sent_again() -> None:
    wanted = member()
    newer = Pushed(wanted.name, wanted.digest, sending="digest of another password")
    plan = make_plan([wanted], [copy_of(wanted)], {wanted.region_name: newer})
    assert plan.update == [wanted]


def test_a_member_under_another_name_is_replaced() -> None:
    wanted = member()
    old = copy_of(wanted, name="before-the-rename")
    plan = make_plan([wanted], [old], pushed(wanted))
    assert (plan.replace, plan.update) == ([(wanted, old)], [])


@pytest.mark.parametrize("deploy_status", sorted(set(Deploy) - COPY_STATES))
def test_a_copy_that_is_no_secondary_is_neither_changed_nor_deleted(deploy_status: str) -> None:
    wanted, left = member("edge-1"), member("edge-2")
    there = [
        copy_of(wanted, deploy_status=deploy_status, description="old"),
        copy_of(left, deploy_status=deploy_status),
    ]
    plan = make_plan([wanted], there, pushed(wanted) | pushed(left))
    assert plan.changes == 0
    assert set(plan.problems) == {wanted.name, left.name}


def test_what_was_pushed_and_left_the_group_is_removed() -> None:
    left = member()
    plan = make_plan([], [copy_of(left)], pushed(left))
    assert plan.remove == [Removal(left.region_name, left.name)]


def test_what_was_pushed_and_left_the_group_there_too_is_looked_for() -> None:
    left = member()
    plan = make_plan([], [], pushed(left))
    assert plan.remove == [Removal(left.region_name, left.name, look_first=True)]


def test_what_may_have_arrived_before_it_left_the_group_is_looked_for() -> None:
    left = member()
    ledger = {left.region_name: Pushed(left.name, None, sending=left.digest)}
    assert make_plan([], [], ledger).remove == [Removal(left.region_name, left.name, look_first=True)]


def test_removed_member_that_reappears_is_removed_again() -> None:
    left = member()
    ledger = {left.region_name: Pushed(left.name, None, removed=True)}
    assert make_plan([], [], ledger).is_empty
    assert make_plan([], [copy_of(left)], ledger).remove == [Removal(left.region_name, left.name)]


def test_what_was_never_pushed_is_not_removed_but_named() -> None:
    stranger = member("stranger")
    plan = make_plan([], [copy_of(stranger)], {})
    assert plan.remove == []
    assert set(plan.problems) == {"stranger"}
