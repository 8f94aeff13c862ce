"""Scenario 10: a change that comes in while a sync is under way is not lost."""

from __future__ import annotations

from dcapi.lab.expectations import expect, expect_equal
from dcapi.lab.faults import Stall
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate

MEMBERS = 4
# The request that creates a member at the peer.
CREATION = ("POST", r"/v1\.0/subclouds/?")
NEW_DESCRIPTION = "Painted red while the others were on their way"


def change_during_a_sync_is_not_lost(pair: Pair) -> None:
    """Scenario 10."""
    with pair.step("A has a group with members"):
        pair.introduce()
        group = pair.at_a.create(GROUPS, {"peer-group-name": "kites"})
        pair.join_all(group["id"], [pair.new_member("kite") for _ in range(MEMBERS)])
    with pair.proxy.add(Stall(*CREATION, skip=1, times=1)) as stall:
        with pair.step("a sync is held at the second member's request"):
            shared = associate(pair, group, wait=None)
            stall.wait_taken()
        with pair.step("a member that B has already is changed"):
            changed = _member_at_b(shared)
            pair.at_a.update_subcloud(changed["name"], {"description": NEW_DESCRIPTION})
            expect_equal("the association meanwhile", shared.association_at_a()["sync-status"], "syncing")
    with pair.step("the sync goes on, and does not end in sync") as note:
        ended = shared.wait_end_of_run(note)
        expect_equal("status at A", ended["sync-status"], "out-of-sync")
        shared.expect_status("out-of-sync")
    with pair.step("a further sync does, B has the new data"):
        shared.sync()
        at_b = shared.members_at_b()
        expect_equal("members at B", len(at_b), MEMBERS)
        expect_equal("description at B", at_b[changed["name"]]["description"], NEW_DESCRIPTION)


def _member_at_b(shared: SharedGroup) -> Json:
    """Wait until B has the first of the members; returns it."""
    names = set(shared.members_at_a())

    def found() -> list[Json]:
        return [each for each in shared.pair.at_b.listed("subclouds") if each["name"] in names]

    there = wait_until("the first member to be at B", found)
    expect(len(there) < MEMBERS, "the held member not to be at B")
    return there[0]
