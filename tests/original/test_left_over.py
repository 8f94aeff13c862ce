"""An original says that it migrates a group: because it does, or because that was left over."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from dcapi.lab.faults import Delay
from dcapi.lab.operator import RefusedError
from dcapi.lab.original.record import Entry
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from tests.original.conftest import MakeWorld
from tests.original.pace import paced
from tests.original.plays import versions
from tests.original.takeovers import (
    BACK,
    FOLLOWS,
    MANAGES_ALL,
    all_are,
    expect_led_by,
    expect_quiet,
    original_takes_over,
    site_takes_over,
    wait_original_follows,
    wait_original_manages,
    wait_site_follows,
    wait_site_leads,
)
from tests.original.watcher import one_manager
from tests.original.world import COPY, LED, LET_GO, World

# Seconds of a site's patience after which "migrating" may be left over.
STALE = paced(30)
# The machine's; long enough for a reset that comes too often to come again.
STUCK = 5.0

CANNOT_BE_TOLD = "says that it migrates the group and cannot be told otherwise: run migrate there."
MIGRATES = "is migrating the peer group."

FAILED = ("unmanaged", "rehome-failed")
REHOMING = ("unmanaged", "rehoming")


def resets(world: World, since: int) -> list[Entry]:
    """The requests that take O's migration status away; the operator of O sends none."""
    found = world.served("PATCH", "subcloud-peer-groups/[^/]+", since)
    assert [each.body for each in found] == [{"migration_status": None}] * len(found)
    return found


def wait_reset(world: World, since: int, began: float) -> None:
    """Wait for the reset, which comes once, and not before the time is over."""
    wait_until("O to be told otherwise", lambda: resets(world, since), within=FOLLOWS)
    assert resets(world, since)[0].began - began >= STALE


def expect_stuck(world: World, since: int) -> None:
    """A version that cannot be told was told once, and D says what to do."""
    wait_until(
        "D to say that O is stuck",
        world.sync_message,
        lambda message: CANNOT_BE_TOLD in message,
    )
    time.sleep(STUCK)
    assert len(resets(world, since)) == 1
    assert world.original.group(world.group).migration_status == "migrating"


@versions("V1", "V2")
def test_left_over_status_is_taken_away_from_one_that_has_to_follow(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("O")
    world.original.kill()
    site_takes_over(world)
    world.set_migrating()
    begin, began = world.mark(), time.monotonic()
    world.original.start()

    wait_reset(world, begin, began)
    if world.keeps_status:
        expect_stuck(world, begin)
        world.set_migrating(None)
    wait_original_follows(world, BACK)
    expect_quiet(world)


@versions("V1", "V2")
def test_left_over_status_of_a_killed_original_is_taken_away(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("D")
    world.original.switches.playbook_seconds = 1000
    world.migrate_to_original()
    wait_until(
        "O to be at work on all",
        world.states_at_original,
        lambda seen: {status for _, status in seen.values()} == {"rehoming"},
    )
    assert set(world.states_at_site().values()) == {LET_GO}
    begin, began = world.mark(), time.monotonic()
    world.original.kill()
    world.original.switches.playbook_seconds = 2
    world.original.start()

    wait_reset(world, begin, began)
    if world.keeps_status:
        expect_stuck(world, begin)
        assert set(world.states_at_site().values()) == {LET_GO}
        original_takes_over(world)
        return
    wait_until("D to know that they failed", world.states_at_site, all_are(FAILED), within=FOLLOWS)
    assert len(resets(world, begin)) == 1
    world.wait_seen()
    site_takes_over(world)
    expect_quiet(world)


@versions("V1", "V2")
def test_left_over_status_gives_way_to_an_operator(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("O")
    world.set_migrating()
    begin, began = world.mark(), time.monotonic()

    with pytest.raises(RefusedError, match=MIGRATES) as refused:
        world.migrate_to_site()
    assert refused.value.code == 409
    if world.keeps_status:
        deadline = time.monotonic() + STALE + STUCK
        while time.monotonic() < deadline:
            assert not is_taken(world)
        assert len(resets(world, begin)) == 1
        assert set(world.states_at_original().values()) == {LED}
        return
    with one_manager(world, "D"):
        wait_until("D to be let in", lambda: is_taken(world), within=FOLLOWS, every=0.2)
        assert resets(world, begin)[0].began - began >= STALE
        wait_site_leads(world)
        wait_original_follows(world)
    expect_quiet(world)


def is_taken(world: World) -> bool:
    """Whether D begins to migrate when its operator asks."""
    try:
        world.migrate_to_site()
    except RefusedError as error:
        if error.code != 409:
            raise
        return False
    return True


def slow_playbook(world: World) -> None:
    world.original.switches.playbook_seconds = 60


def slow_to_come_online(world: World) -> None:
    world.original.switches.online_seconds = 60


def slow_answers(world: World) -> None:
    """Of D, whose look at its peers may take as long as this."""
    delay = Delay(paced(20), "PATCH", "/v1.0/subclouds/.*", on_answer=True)
    world.original.fail_sending(delay)


@pytest.mark.parametrize("slow", [slow_playbook, slow_to_come_online, slow_answers])
@versions()
def test_slow_migration_is_left_alone(
    make_world: MakeWorld, version: Version, slow: Callable[[World], None]
) -> None:
    world = make_world(version)
    world.share("D")
    slow(world)
    begin = world.mark()

    with one_manager(world, "O"):
        world.migrate_to_original()
        wait_original_manages(world)
        wait_site_follows(world)
    [asked] = world.sent("PATCH", ".*/audit", begin)
    assert [each for each in resets(world, begin) if each.began < asked.began] == []


@versions()
def test_site_that_is_asked_to_migrate_waits_for_the_other_ones_migration(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("O")
    world.original.switches.playbook_seconds = 90
    with world.original.rows() as rows:
        failed = rows.members(world.original.group(world.group).id)[0]
        failed.change(management_state="unmanaged", deploy_status="rehome-failed")
    begin = world.mark()

    world.migrate_to_original()
    wait_until("O to be at work", lambda: REHOMING in world.states_at_original().values())
    deadline = time.monotonic() + paced(60)
    while time.monotonic() < deadline:
        assert not is_taken(world)
        assert resets(world, begin) == []
        time.sleep(0.2)
    assert REHOMING in world.states_at_original().values()
    wait_until("O to manage all", world.states_at_original, all_are(LED), within=MANAGES_ALL)
    expect_led_by(world, "O")
    assert set(world.states_at_site().values()) == {COPY}
