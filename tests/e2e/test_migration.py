"""Real sites take a group over: from a dead one, from a live one, both at once, and over a kill."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

from dcapi.lab.members import DUPLEX_DUAL, SYSADMIN_PASSWORD, Member, is_of_network
from dcapi.lab.operator import Operator, RefusedError
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.scenarios.takeover import (
    FOLLOWING,
    LED,
    expect_leader,
    expect_members,
    states,
    take_over,
    wait_members,
)
from dcapi.lab.shared_group import GATEWAY_KEY, GROUPS, SharedGroup, mixed_members, shared_group
from tests.e2e.conftest import FAILING

PATIENCE = 120.0


def new_group(pair: Pair, name: str, count: int) -> SharedGroup:
    return shared_group(pair, name, [pair.new_member(name) for _ in range(count)])


def expect_managed_once(pair: Pair, name: str) -> None:
    at_a, at_b = states(pair.at_a, name), states(pair.at_b, name)
    twice = [each for each in at_a if "managed" == at_a[each][0] == at_b.get(each, ("",))[0]]
    assert twice == [], (at_a, at_b)


def wait_migrated(operator: Operator, name: str) -> dict[str, Any]:
    """Wait until nobody migrates the group any more, as a site shows it; returns the group."""
    return wait_until(
        f"the migration of {name} to end",
        lambda: operator.one(GROUPS, name),
        lambda group: group["migration_status"] != "migrating",
        within=PATIENCE,
    )


def test_a_group_is_taken_from_a_site_that_is_alive_and_taken_home_again(migrating_pair: Pair) -> None:
    """Its members have networks of every kind; two of both IP versions change places before and after."""
    pair = migrating_pair
    _, first, _, second = members = mixed_members(pair, "crane", 4)
    shared = shared_group(pair, "cranes", members)
    first, second = exchange_networks(shared, first, second)
    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    expect_members(pair.at_b, shared.name, LED)
    wait_members(pair.at_a, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    shared.expect_same_networks()
    expect_leader(shared, pair.b)
    expect_managed_once(pair, shared.name)
    take_over(pair.at_a, pair.a, shared.name, lambda _: None)
    expect_members(pair.at_a, shared.name, LED)
    wait_members(pair.at_b, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    shared.expect_same_networks()
    expect_leader(shared, pair.a)
    shared.sync()
    exchange_networks(shared, first, second)


def exchange_networks(shared: SharedGroup, first: Member, second: Member) -> tuple[Member, Member]:
    """Let two members of both IP versions change places, and sync; returns them as they are then.

    Right after the way home the site may find the difference and sync it before anybody asks.
    """
    spare = shared.pair.new_member("spare", DUPLEX_DUAL)
    steps = ((first, spare), (second, first), (first, second))
    for member, donor in steps:
        shared.pair.at_a.update_subcloud(member.name, {"bootstrap_values": with_network_of(member, donor)})
    shared.sync()
    return moved(first, second), moved(second, first)


def moved(member: Member, donor: Member) -> Member:
    return replace(member, bootstrap_values=with_network_of(member, donor))


def with_network_of(member: Member, donor: Member) -> dict[str, Any]:
    """The bootstrap values of a member with the management network, and so the gateway, of another one."""

    def goes(key: str) -> bool:
        return key == GATEWAY_KEY or (key.startswith("management_") and is_of_network(key))

    own = {key: value for key, value in member.bootstrap_values.items() if not goes(key)}
    return own | {key: value for key, value in donor.bootstrap_values.items() if goes(key)}


def test_of_two_sites_that_are_asked_at_once_one_migrates(migrating_pair: Pair) -> None:
    """The group is B's, and has failed members at both sites, so that both have something to migrate."""
    pair = migrating_pair
    shared = new_group(pair, "ferries", 4)
    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    wait_members(pair.at_a, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    outcomes = at_once(pair, shared.name)
    assert outcomes["a"] == "migrates", outcomes
    group = wait_migrated(pair.at_a, shared.name)
    assert group["system_leader_id"] == pair.a.uuid
    expect_members(pair.at_a, shared.name, LED)
    wait_members(pair.at_b, shared.name, FOLLOWING)
    expect_managed_once(pair, shared.name)


def test_of_two_sites_that_both_have_members_to_migrate_one_goes_on(migrating_pair: Pair) -> None:
    pair = migrating_pair
    shared = shared_group(pair, "tugs", [FAILING[0], *(pair.new_member("tugs") for _ in range(2))])
    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    wait_until(
        "A to know what failed at B",
        lambda: sorted(status for _, status in states(pair.at_a, shared.name).values()),
        lambda found: found == ["rehome-failed", "secondary", "secondary"],
        within=PATIENCE,
    )
    outcomes = at_once(pair, shared.name)
    assert sorted(outcomes.values()).count("migrates") == 1, outcomes
    wait_migrated(pair.at_a, shared.name)
    wait_migrated(pair.at_b, shared.name)
    expect_managed_once(pair, shared.name)


def at_once(pair: Pair, name: str) -> dict[str, str]:
    """Ask both sites to migrate a group at one moment; returns what each answered."""
    together = Barrier(2)

    def ask(operator: Operator) -> str:
        with operator.twin() as twin:
            twin.listed(GROUPS)
            together.wait(PATIENCE)
            try:
                twin.migrate(name, SYSADMIN_PASSWORD)
            except RefusedError as error:
                return f"{error.code}: {error.text}"
            return "migrates"

    with ThreadPoolExecutor(2) as pool:
        asked = {"a": pool.submit(ask, pair.at_a), "b": pool.submit(ask, pair.at_b)}
        return {site: answer.result() for site, answer in asked.items()}


def test_failed_member_is_migrated_once_its_address_is_corrected(migrating_pair: Pair) -> None:
    pair = migrating_pair
    shared = shared_group(pair, "buoys", [FAILING[1], *(pair.new_member("buoys") for _ in range(9))])
    pair.a.kill()
    take_over(pair.at_b, pair.b, shared.name, lambda _: None)
    found = states(pair.at_b, shared.name)
    assert sorted(found.values()) == [*[LED] * 9, ("unmanaged", "rehome-failed")], found
    [failed] = [name for name, state in found.items() if state != LED]
    assert failed == FAILING[1].name
    assert "rehome" in pair.at_b.one("subclouds", failed)["error-description"]
    assert pair.at_b.group_status(shared.name)["rehome_failed"] == 1
    wait_until(
        "B to see that A is away",
        lambda: pair.peer_at_b()["availability-state"],
        lambda state: state == "unavailable",
        within=PATIENCE,
    )
    pair.at_b.update_subcloud(failed, {"bootstrap_address": "10.99.99.99"})
    moving = pair.at_b.migrate(shared.name, SYSADMIN_PASSWORD)
    assert [each["name"] for each in moving] == [failed]
    wait_migrated(pair.at_b, shared.name)
    expect_members(pair.at_b, shared.name, LED)
    pair.a.start()
    wait_members(pair.at_a, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    expect_managed_once(pair, shared.name)


def test_a_site_that_is_killed_while_it_migrates_finishes_after_a_restart(migrating_pair: Pair) -> None:
    pair = migrating_pair
    shared = new_group(pair, "locks", 6)
    pair.at_a.update(GROUPS, shared.id, {"max-subcloud-rehoming": 2})
    pair.at_b.migrate(shared.name, SYSADMIN_PASSWORD)
    wait_until(
        "B to be in the middle of its migration",
        lambda: pair.at_b.group_status(shared.name),
        lambda status: status["managed"] >= 1 and status["rehoming"] >= 1 and status["waiting_for_migrate"],
        within=PATIENCE,
        every=0.02,
    )
    pair.b.kill()
    pair.b.start()
    group = wait_migrated(pair.at_b, shared.name)
    assert (group["migration_status"], group["system_leader_id"]) in {
        ("complete", pair.b.uuid),
        (None, pair.b.uuid),  # audited by A already
    }
    expect_members(pair.at_b, shared.name, LED)
    wait_members(pair.at_a, shared.name, FOLLOWING)
    shared.expect_status("in-sync")
    expect_managed_once(pair, shared.name)
