"""The disaster on real servers, with what happens to members while their site is away."""

from __future__ import annotations

from dcapi.lab.faults import Stall
from dcapi.lab.members import SIMPLEX, SYSADMIN_PASSWORD
from dcapi.lab.operator import Operator
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.report import Note
from dcapi.lab.scenarios.takeover import FOLLOWING, LED, states, take_over
from dcapi.lab.shared_group import SharedGroup, shared_group

CREATION = ("POST", r"/v1\.0/subclouds/?")


def quietly(_: str) -> None:
    pass


note: Note = quietly


def lose_a(pair: Pair) -> None:
    """A is killed, and B has noticed it: then its operator may do what only the survivor's may."""
    pair.a.kill()
    wait_until(
        "B to miss A", lambda: pair.peer_at_b()["availability-state"], lambda state: state == "unavailable"
    )


def wait_at_a(shared: SharedGroup, wanted: dict[str, tuple[str, str]]) -> None:
    wait_until(
        f"the members at A to be {wanted}",
        lambda: states(shared.pair.at_a, shared.name),
        lambda found: found == wanted,
    )


def alarm_ids(shared: SharedGroup) -> set[str]:
    """Alarms that A has raised for the group."""
    listed = shared.pair.at_a.call("GET", "/v1.0/system-alarms")["system_alarms"]
    return {alarm["alarm_id"] for alarm in listed if f"={shared.name}," in alarm["entity_instance_id"]}


def raised_for(operator: Operator, alarm_id: str) -> list[str]:
    """What a site has raised this alarm for."""
    listed = operator.call("GET", "/v1.0/system-alarms")["system_alarms"]
    return [alarm["entity_instance_id"] for alarm in listed if alarm["alarm_id"] == alarm_id]


def test_removed_at_the_survivor_is_let_go_and_never_synced_lives_on(migrating_pair: Pair) -> None:
    pair = migrating_pair
    kept, removed, unsynced = (pair.new_member("lantern", SIMPLEX) for _ in range(3))
    shared = shared_group(pair, "lanterns", [kept, removed])
    pair.join(shared.id, unsynced)
    lose_a(pair)
    take_over(pair.at_b, pair.b, shared.name, note)
    pair.at_b.update_subcloud(removed.name, {"peer_group": "none"})

    pair.a.start()
    wait_at_a(shared, {kept.name: FOLLOWING, unsynced.name: LED})
    let_go = pair.at_a.one("subclouds", removed.name)
    assert (let_go["management-state"], let_go["peer_group_id"]) == ("unmanaged", None)
    assert f"peer site-b leads peer group {shared.name} and does not have it" in let_go["error-description"]
    assert f"subcloud={removed.name}" in raised_for(pair.at_a, "280.901")
    assert pair.at_b.one("subclouds", removed.name)["management-state"] == "managed"
    shared.expect_status("out-of-sync")
    assert unsynced.name in shared.association_at_a()["sync-message"]
    assert "280.005" in alarm_ids(shared)

    home = pair.at_a.migrate(shared.name, SYSADMIN_PASSWORD)
    assert [member["name"] for member in home] == [kept.name]
    wait_at_a(shared, {kept.name: LED, unsynced.name: LED})
    shared.expect_status("in-sync")
    shared.expect_same_members()
    wait_until("the alarm to be cleared", lambda: alarm_ids(shared), lambda ids: "280.005" not in ids)


def test_primary_killed_during_a_sync_writes_nothing_when_it_returns(
    migrating_pair: Pair,
) -> None:
    pair = migrating_pair
    first, second = (pair.new_member("beacon", SIMPLEX) for _ in range(2))
    shared = shared_group(pair, "beacons", [first])
    pair.join(shared.id, second)
    with pair.proxy.add(Stall(*CREATION, times=1)) as stall:
        pair.at_a.sync(shared.association_id)
        stall.wait_taken()
        pair.a.kill()
    lose_a(pair)
    take_over(pair.at_b, pair.b, shared.name, note)
    before = pair.at_b.members(shared.name)

    pair.a.start()
    wait_at_a(shared, {first.name: FOLLOWING, second.name: LED})
    shared.expect_status("out-of-sync")
    assert pair.at_b.members(shared.name) == before
