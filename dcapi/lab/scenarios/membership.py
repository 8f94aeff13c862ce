"""Scenarios 1, 2 and 7: a group comes to be at both sites, and what changes of its members do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dcapi.lab.expectations import expect, expect_equal
from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair
from dcapi.lab.scenarios.changes import CHANGES, Change, make_other_group
from dcapi.lab.shared_group import (
    GROUPS,
    PRIORITY_AT_B,
    SharedGroup,
    associate,
    mixed_members,
    shared_group,
)

# How often a change is tried that may meet a site's look at its peer.
TRIES = 4
# What of a member at B a change can be seen in.
VISIBLE_AT_B = ("description", "location", "data_install", "rehome_data")


def group_is_shared(pair: Pair) -> None:
    """Scenario 1."""
    with pair.step("A has a system peer for B, and B one for A"):
        pair.introduce()
        expect_equal("UUID of B at A", pair.peer_at_a()["peer-uuid"], pair.at_b.site_uuid())
        expect_equal("UUID of A at B", pair.peer_at_b()["peer-uuid"], pair.at_a.site_uuid())
    with pair.step("A has a peer group"):
        group = pair.at_a.create(GROUPS, {"peer-group-name": "windmills"})
    with pair.step("managed and online subclouds join it"):
        pair.join_all(group["id"], mixed_members(pair, "windmill", 4))
    with pair.step("an association is made on A, and the answer waits for the sync") as note:
        shared = associate(pair, group)
        shared.expect_status("in-sync", note)
    with pair.step("both sites are in sync, B has a secondary copy of the group"):
        _expect_secondary_copy(shared)
    with pair.step("B has the subclouds as secondary ones, equal to A's"):
        expect_equal("members at A", len(shared.members_at_a()), 4)
        shared.expect_same_members()


def _expect_secondary_copy(shared: SharedGroup) -> None:
    at_a, at_b = shared.at_a(), shared.at_b()
    expect_equal("priority at B", at_b["group_priority"], PRIORITY_AT_B)
    expect_equal("leader at B", at_b["system_leader_id"], shared.pair.a.uuid)
    for field in ("system_leader_name", "group_state", "max_subcloud_rehoming"):
        expect_equal(f"{field} at B", at_b[field], at_a[field])
    association = shared.association_at_b()
    expect_equal("type of B's association", association["association-type"], "non-primary")
    expect_equal(
        "system peer of B's association", association["system-peer-id"], shared.pair.peer_at_b()["id"]
    )


def changes_put_both_out_of_sync(pair: Pair) -> None:
    """Scenario 2."""
    with pair.step("a group is in sync on both sites"):
        make_other_group(pair)
        member = pair.new_member("lighthouse", install=True)
        shared = shared_group(pair, "lighthouses", [member])
    added = pair.new_member("lighthouse-added", install=True)
    with pair.step("a subcloud is added: both are out of sync"):
        shared.expect_informed(pair.join(shared.id, added))
        shared.expect_status("out-of-sync")
    with pair.step("a sync: both are in sync, B has it"):
        shared.sync()
        expect(added.name in shared.members_at_b(), f"{added.name} to be at B")
    with pair.step("a subcloud is removed: both are out of sync"):
        shared.expect_informed(pair.at_a.update_subcloud(added.name, {"peer_group": "none"}))
        shared.expect_status("out-of-sync")
    with pair.step("a sync: both are in sync, B has it no longer"):
        shared.sync()
        expect_equal("the removed subcloud at B", pair.at_b.find("subclouds", added.name), None)
    for change in CHANGES:
        _change_and_sync(shared, member, change)


def _change_and_sync(shared: SharedGroup, member: Member, change: Change) -> None:
    before = _visible_at_b(shared, member)
    with shared.pair.step(f"{change.what} changed: both are out of sync"):
        shared.expect_informed(shared.pair.at_a.update_subcloud(member.name, change.parts(member)))
        shared.expect_status("out-of-sync")
    with shared.pair.step("a sync: both are in sync, B has what A has"):
        shared.sync()
        expect_equal("a difference at B", _visible_at_b(shared, member) != before, change.travels)


def _visible_at_b(shared: SharedGroup, member: Member) -> Json:
    at_b = shared.members_at_b()[member.name]
    return {field: at_b[field] for field in VISIBLE_AT_B}


def changes_elsewhere_touch_nothing(pair: Pair) -> None:
    """Scenario 7."""
    with pair.step("a group is in sync on both sites"):
        shared = shared_group(pair, "beacons", [pair.new_member("beacon")])
    with pair.step("a subcloud in no group is updated: no info_message, no association touched"):
        alone = pair.new_member("buoy")
        pair.deploy(alone)
        changed = partial(pair.at_a.update_subcloud, alone.name)
        _expect_untouching(shared, lambda number: changed({"description": f"Green {number}"}))
    with pair.step("one in a group without association is: no info_message, no association touched"):
        groups = [pair.at_a.create(GROUPS, {"peer-group-name": f"buoys-{number}"}) for number in range(TRIES)]
        _expect_untouching(shared, lambda number: changed(alone.joining(groups[number]["id"])))
        _expect_untouching(shared, lambda number: changed({"location": f"Kattegat {number}"}))
    with pair.step("the group is still in sync on both sites"):
        shared.expect_status("in-sync")


def _both_associations(shared: SharedGroup) -> list[Json]:
    return [shared.association_at_a(), shared.association_at_b()]


def _expect_untouching(shared: SharedGroup, change: Callable[[int], Json]) -> None:
    """Expect that a change, each time another one, leaves the associations as they are.

    One that touches them does so every time; a site that looks at its peer does so now and then.
    """
    for number in range(TRIES):
        before = _both_associations(shared)
        answer = change(number)
        expect("info_message" not in answer, f"no info_message, there is: {answer.get('info_message')!r}")
        after = _both_associations(shared)
        if after == before:
            return
    expect_equal("the associations at A and B", after, before)
