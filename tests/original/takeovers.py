"""A takeover in either direction, and what has to come out of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from dcapi.lab.members import is_of_network
from dcapi.lab.operator import Json
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import ASSOCIATIONS, saved_payload
from dcapi.sync.values.digest import same
from tests.original.watcher import one_manager
from tests.original.world import COPY, LED, State, World

# Seconds of the machine, each from where the name says.
MANAGES_ALL = 30.0
FOLLOWS = 15.0
SYNCED = 10.0
# A site that found the other one back may need another heartbeat, at the original.
BACK = 20.0

# Seconds after the end of a takeover, and then without news.
SETTLED, QUIET = 1.0, 10.0
MOST_AUDITS = 3

# What every request to audit has.
AUDIT_KEYS = {
    "id",
    "peer_group_name",
    "group_priority",
    "group_state",
    "max_subcloud_rehoming",
    "system_leader_id",
    "system_leader_name",
    "migration_status",
    "peer_uuid",
}


def original_takes_over(world: World) -> None:
    """From a D that is alive, or from one that is away."""
    begin, alive = world.mark(), world.site.running
    with one_manager(world, "O") if alive else nullcontext():
        world.migrate_to_original()
        wait_original_manages(world)
        if alive:
            wait_site_follows(world)
    if alive:
        expect_asked_once(world, begin)
        expect_few_audits(world, begin)


def wait_original_manages(world: World) -> None:
    wait_until("O to manage all", world.states_at_original, all_are(LED), within=MANAGES_ALL)


def expect_asked_once(world: World, begin: int) -> None:
    """At most one PATCH a member, answered 200; none for one that an audit of D let go before."""
    asked: dict[str, list[int | None]] = {region: [] for region in world.states_at_original()}
    for entry in world.sent("PATCH", "subclouds/.*", begin):
        asked[entry.path.rpartition("/")[2]].append(entry.code)
    assert all(codes in ([200], []) for codes in asked.values()), asked


def wait_site_follows(world: World, within: float = MANAGES_ALL) -> None:
    """D is secondary, O leads, and no status is left."""
    wait_until("D to be secondary", world.states_at_site, all_are(COPY), within=within)
    expect_led_by(world, "O")


def site_takes_over(world: World) -> None:
    """From an O that is alive, or from one that is away."""
    begin, alive = world.mark(), world.original.running
    with one_manager(world, "D") if alive else nullcontext():
        world.migrate_to_site()
        wait_site_leads(world)
        if alive:
            wait_original_follows(world)
    expect_told_no_migration(world, begin)
    expect_few_audits(world, begin)


def wait_site_leads(world: World) -> None:
    wait_until("D to manage all", world.states_at_site, all_are(LED), within=MANAGES_ALL)
    wait_until(
        "D to lead",
        world.group_at_site,
        lambda seen: seen["system_leader_id"] == world.site.uuid and seen["migration_status"] != "migrating",
    )


def wait_original_follows(world: World, within: float = FOLLOWS) -> None:
    wait_until("O to be secondary", world.states_at_original, all_are(COPY), within=within)
    expect_led_by(world, "D")


def expect_told_no_migration(world: World, begin: int) -> None:
    """Nobody told O that D migrates, or that O itself does."""
    told = world.told(begin)
    assert "migrating" not in told, told
    own = [each.body for each in world.served("PATCH", "subcloud-peer-groups/[^/]+", begin)]
    assert all(body.get("migration_status") is None for body in own), own


def all_are(state: State) -> Callable[[dict[str, State]], bool]:
    return lambda states: set(states.values()) == {state}


def expect_led_by(world: World, leader: str, within: float = FOLLOWS, *, in_sync: bool = True) -> None:
    """Both name this leader, no migration status is left (but the first version's own), both are in-sync.

    ``in_sync`` False: members that failed may keep the last from being true.
    """
    wait_until("both to name the leader", world.leaders, lambda seen: seen == (leader, leader), within=within)
    left = {None, "complete"} if world.keeps_status else {None}
    wait_until(
        "no migration status to be left",
        world.migration_statuses,
        lambda seen: seen[0] is None and seen[1] in left,
        within=within,
    )
    if in_sync:
        world.wait_in_sync(within=within)


def expect_few_audits(world: World, begin: int) -> None:
    audits = world.audits(begin)
    assert len(audits) <= MOST_AUDITS, [f"{each.direction} {each} {each.code}" for each in audits]


def expect_quiet(world: World, seconds: float = QUIET) -> None:
    """At most one request to audit comes in so many seconds, either way, and no leader changes meanwhile."""
    time.sleep(SETTLED)
    begin, leaders = world.mark(), world.leaders()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        audits = world.audits(begin)
        assert len(audits) <= 1, [f"{each.direction} {each} {each.code}" for each in audits]
    assert world.leaders() == leaders
    resets = world.sent("PATCH", "subcloud-peer-groups/[^/]+", begin)
    assert len(resets) <= 1, [str(each.body) for each in resets]


def expect_sync(world: World, primary: str) -> None:
    """A sync that is asked for now is ``in-sync`` on both within ten seconds."""
    if primary == "D":
        association = world.association_at_site()
        assert association is not None
        world.at_site.sync(association["id"])
    else:
        world.at_original.sync(world.original.association(world.group).id)
    deadline = time.monotonic() + SYNCED
    wait_until(
        "the sync to end", lambda: sync_status(world, primary), lambda it: it != "syncing", within=SYNCED
    )
    world.wait_in_sync(within=max(0.0, deadline - time.monotonic()))
    expect_same_networks(world)


def expect_same_networks(world: World) -> None:
    """Both sites keep the same networks of each member, in whatever spelling."""
    at_site = {one["region-name"]: saved_payload(one) for one in world.members_at_site().values()}
    for row in world.original.members(world.group).values():
        kept = row.saved_payload or {}
        own = {key: kept[key] for key in kept if is_of_network(key)}
        assert own, row.name
        assert same({key: at_site[row.region_name].get(key) for key in own}, own), row.name


def sync_status(world: World, site: str) -> str:
    if site == "O":
        return world.original.association(world.group).sync_status
    association: Json | None = world.association_at_site()
    return str(association["sync-status"]) if association else ASSOCIATIONS


def expect_audit_bodies(world: World) -> None:
    """Every request to audit at O names D's group by its own id there, and has all nine keys."""
    group_id = world.group_at_site()["id"]
    for entry in world.served("PATCH", "subcloud-peer-groups/.*/audit"):
        assert entry.body["id"] == group_id != world.original.group(world.group).id
        assert set(entry.body) == AUDIT_KEYS
        assert entry.body["peer_group_name"] == world.group
    assert world.original.association(world.group).sync_status != "failed"


def expect_untaken_named(world: World) -> None:
    """Wait until D says that O leads and took no member over, and expect it to name each of them."""
    named = wait_until(
        "D to say that O did not take them",
        world.sync_message,
        lambda message: "did not take over" in message,
        within=FOLLOWS,
    )
    assert all(name in named for name in world.original.members(world.group))
