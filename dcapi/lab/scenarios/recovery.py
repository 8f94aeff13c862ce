"""Scenarios 4, 8 and 9: a site that was away comes back, and nobody has to ask for anything."""

from __future__ import annotations

import time

from dcapi.lab.expectations import expect, expect_equal
from dcapi.lab.faults import Stall
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate, shared_group

# Members of the group whose sync is cut off, and how many of them B has by then.
MANY = 50
SOME = 10
CREATION = ("POST", r"/v1\.0/subclouds/?")
# How long B is away when nobody is to notice.
SHORT_OUTAGE_SECONDS = 1.0


def returning_peer_is_told(pair: Pair) -> None:
    """Scenario 4."""
    with pair.step("a group is in sync on both sites"):
        changing = pair.new_member("tunnel")
        shared = shared_group(pair, "tunnels", [changing])
    with pair.step("a member is changed while B is away for a moment"):
        pair.take_b_down()
        away_since = time.monotonic()
        pair.at_a.update_subcloud(changing.name, {"description": "Relined while the other site slept"})
        shared.expect_status_at_a("failed")
        time.sleep(max(0.0, SHORT_OUTAGE_SECONDS - (time.monotonic() - away_since)))
        pair.bring_b_back()
    _is_told_and_synced(shared)
    with pair.step("a member is changed after B was declared unavailable"):
        pair.take_b_down()
        pair.wait_for_peer("unavailable")
        pair.at_a.update_subcloud(changing.name, {"location": "Under the hill"})
        shared.expect_status_at_a("failed")
        pair.bring_b_back()
    _is_told_and_synced(shared)


def _is_told_and_synced(shared: SharedGroup) -> None:
    with shared.pair.step("B is back: out of sync on both sites, without anyone asking"):
        shared.expect_status("out-of-sync")
    with shared.pair.step("a sync: both are in sync, B has what A has"):
        shared.sync()


def quiet_outage_leaves_both_in_sync(pair: Pair) -> None:
    """Scenario 8."""
    with pair.step("a group is in sync on both sites, and B is known to be available"):
        shared = shared_group(pair, "silos", [pair.new_member("silo")])
        pair.wait_for_peer("available")
    with pair.step("B goes down: unknown on A, with an alarm"):
        pair.take_b_down()
        association = shared.expect_status_at_a("unknown")
        expect(association["sync-message"] != "None", "a message that says why")
        expect(_alarms(pair), "alarm 280.004 to be raised for B")
    with pair.step("B comes back: in sync on both, the alarm is cleared"):
        pair.bring_b_back()
        shared.expect_status("in-sync")
        shared.expect_same_members()
        expect_equal("alarms for B", _alarms(pair), [])


def _alarms(pair: Pair) -> list[Json]:
    entity = f"peer={pair.b.uuid}"
    return [
        alarm
        for alarm in pair.at_a.call("GET", "/v1.0/system-alarms")["system_alarms"]
        if (alarm["alarm_id"], alarm["entity_instance_id"]) == ("280.004", entity)
    ]


def killed_site_finishes_its_sync(pair: Pair) -> None:
    """Scenario 9."""
    with pair.step(f"A has a group of {MANY} members"):
        pair.introduce()
        group = pair.at_a.create(GROUPS, {"peer-group-name": "quarries"})
        pair.join_all(group["id"], [pair.new_member("quarry") for _ in range(MANY)])
    step = pair.step(f"A is killed in the middle of the sync, after {SOME} members")
    with pair.proxy.add(Stall(*CREATION, skip=SOME)) as stall, step:
        shared = associate(pair, group, wait=None)
        stall.wait_taken()
        pair.a.kill()
    with pair.step("A starts again, and ends the sync by itself") as note:
        pair.a.start()
        ended = shared.wait_end_of_run(note)
        status, message = ended["sync-status"], ended["sync-message"]
        good = status == "in-sync" or (status == "failed" and message != "None")
        expect(good, f"in-sync, or failed with a reason; it is {status}: {message}")
    with pair.step("a further sync: both are in sync, B has what A has"):
        shared.sync()
        expect_equal("members at B", len(shared.members_at_b()), MANY)
