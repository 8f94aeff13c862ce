"""Scenario 11: A is lost, B takes its subclouds over; A comes back, learns of it, and takes them home."""

from __future__ import annotations

from dcapi.lab.expectations import expect, expect_equal
from dcapi.lab.members import SYSADMIN_PASSWORD
from dcapi.lab.operator import Json, Operator
from dcapi.lab.pair import OUTCOME_SECONDS, Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.report import Note
from dcapi.lab.shared_group import GROUPS, SharedGroup, mixed_members, shared_group
from dcapi.lab.site import LabSite

MEMBERS = 3

# Management state and deploy status of every member, where the group is led and where it is not.
LED = ("managed", "complete")
FOLLOWING = ("unmanaged", "secondary")


def lost_site_is_taken_over(pair: Pair) -> None:
    """Scenario 11."""
    with pair.step(f"a group of {MEMBERS} members is in sync on both sites"):
        shared = shared_group(pair, "wharves", mixed_members(pair, "wharf", MEMBERS))
    with pair.step("A is lost: its processes are killed"):
        pair.a.kill()
    with pair.step("B takes the group over, A being away") as note:
        take_over(pair.at_b, pair.b, shared.name, note)
        expect_members(pair.at_b, shared.name, LED)
    with pair.step("A comes back and learns of it: its members are secondary, both sites are in sync"):
        pair.a.start()
        wait_members(pair.at_a, shared.name, FOLLOWING)
        shared.expect_status("in-sync")
        shared.expect_same_networks()
        expect_leader(shared, pair.b)
    with pair.step("A takes the group home, from a B that is alive") as note:
        take_over(pair.at_a, pair.a, shared.name, note)
        expect_members(pair.at_a, shared.name, LED)
    with pair.step("B follows: its members are secondary again, both sites are in sync"):
        wait_members(pair.at_b, shared.name, FOLLOWING)
        shared.expect_status("in-sync")
        expect_leader(shared, pair.a)
    with pair.step("a sync of the group that came home: B has what A has"):
        shared.sync()


def take_over(operator: Operator, site: LabSite, name: str, note: Note) -> None:
    """Let a site migrate a group, and wait until it leads it and the migration is over."""
    moving = operator.migrate(name, SYSADMIN_PASSWORD)
    expect_equal("members that will move", len(moving), len(operator.members(name)))

    def look() -> Json:
        status = operator.group_status(name)
        note(f"{status['complete']} of {status['total_subclouds']} rehomed")
        return operator.one(GROUPS, name)

    wait_until(
        f"{site.name} to lead {name}",
        look,
        lambda group: group["migration_status"] != "migrating" and group["system_leader_id"] == site.uuid,
        within=OUTCOME_SECONDS,
    )


def states(operator: Operator, name: str) -> dict[str, tuple[str, str]]:
    """Management state and deploy status of each member of a group at a site."""
    return {
        member["name"]: (member["management-state"], member["deploy-status"])
        for member in operator.members(name)
    }


def expect_members(operator: Operator, name: str, wanted: tuple[str, str]) -> None:
    found = states(operator, name)
    expect(set(found.values()) == {wanted}, f"every member of {name} to be {wanted}: {found}")


def wait_members(operator: Operator, name: str, wanted: tuple[str, str]) -> None:
    """Wait until every member of a group is in these states."""
    wait_until(
        f"every member of {name} to be {wanted}",
        lambda: states(operator, name),
        lambda found: set(found.values()) == {wanted},
        within=OUTCOME_SECONDS,
    )


def expect_leader(shared: SharedGroup, site: LabSite) -> None:
    """Expect both sites to say that this one leads the group, and nobody to be migrating it."""
    for group in (shared.at_a(), shared.at_b()):
        expect_equal("leader of the group", group["system_leader_id"], site.uuid)
        expect(group["migration_status"] != "migrating", "nobody to migrate the group any more")
