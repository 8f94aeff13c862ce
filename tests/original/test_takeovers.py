"""A group goes over to the other site and comes home, between D and an original, in every order."""

from __future__ import annotations

import pytest

from dcapi.lab.gateways import gateway_there
from dcapi.lab.members import Member
from dcapi.lab.operator import Json, RefusedError, base64_text
from dcapi.lab.original.version import Version
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import GATEWAY_KEY
from tests.original.conftest import MakeWorld
from tests.original.plays import WHOLE, versions
from tests.original.takeovers import (
    BACK,
    expect_audit_bodies,
    expect_quiet,
    expect_sync,
    original_takes_over,
    site_takes_over,
    wait_original_follows,
    wait_site_follows,
)
from tests.original.watcher import one_manager
from tests.original.world import MISTAKEN, SITE_GATEWAY, World

ADDRESS_KEY = "bootstrap-address"
CORRECTED = "10.99.0.7"

FAILED = ("unmanaged", "rehome-failed")


@versions("V1", "V2")
def test_original_takes_over_from_a_living_site_and_gives_back(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("D")

    original_takes_over(world)
    expect_quiet(world)
    site_takes_over(world)
    expect_quiet(world)
    expect_sync(world, "D")
    expect_audit_bodies(world)


@versions("V1", "V2")
def test_site_takes_over_from_a_living_original_and_gives_back(
    make_world: MakeWorld, version: Version
) -> None:
    world = make_world(version)
    world.share("O")

    site_takes_over(world)
    expect_quiet(world)
    original_takes_over(world)
    expect_quiet(world)
    expect_sync(world, "O")
    expect_audit_bodies(world)


@versions()
def test_original_takes_over_from_a_dead_site_that_returns(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("D")

    with world.killed_site():
        wait_unavailable(world)
        original_takes_over(world)
        begin = world.mark()
    wait_site_follows(world, BACK)
    expect_followed_soon(world, begin)
    with one_manager(world, "O"):
        expect_quiet(world)
    site_takes_over(world)
    expect_quiet(world)
    expect_sync(world, "D")
    expect_audit_bodies(world)


def wait_unavailable(world: World) -> None:
    wait_until(
        "D to be away for O",
        lambda: world.original.peer(world.site.name).availability,
        lambda seen: seen == "unavailable",
    )


def expect_followed_soon(world: World, begin: int) -> None:
    """D reset O, which is its last step, within five seconds of the first list of groups that O gave it."""
    lists = [each for each in world.served("GET", "subcloud-peer-groups/?", begin) if each.code == 200]
    resets = world.served("PATCH", "subcloud-peer-groups/[^/]+", begin)
    assert resets[0].began - lists[0].began <= 5


@versions("V1", "V2")
def test_site_takes_over_from_a_dead_original_that_returns(make_world: MakeWorld, version: Version) -> None:
    """One member can be taken only after its bootstrap address is corrected, which O has to learn."""
    world = make_world(version)
    mistaken = MISTAKEN[list(Version).index(version)]
    world.share("O", 1, [mistaken])
    own = saved_at_original(world, mistaken)

    world.original.kill()
    world.migrate_to_site()
    wait_until("its rehoming to fail", lambda: FAILED in world.states_at_site().values())
    world.wait_site_ends()
    correct_address(world, mistaken)
    site_takes_over(world)
    begin = world.mark()
    world.original.start()
    wait_original_follows(world, BACK)
    with one_manager(world, "D"):
        expect_quiet(world)
    assert "migrating" not in world.told(begin)
    assert saved_at_original(world, mistaken) == own | pulled(version, own)
    world.wait_seen()
    original_takes_over(world)
    expect_quiet(world)
    expect_sync(world, "O")
    expect_audit_bodies(world)


def saved_at_original(world: World, member: Member) -> Json:
    return dict(world.original.members(world.group)[member.name].saved_payload or {})


def pulled(version: Version, own: Json) -> Json:
    """What an audit of this version takes from D, of a member whose address was corrected there.

    D keeps the password in base64, as the original does; the stand-in's sample has it as it was given.
    """
    if not version.value.reads_sync_status:
        return {}
    keeps = version.value.keeps_own_gateway
    gateway = own[GATEWAY_KEY] if keeps else gateway_there(own, SITE_GATEWAY)
    password = base64_text(own["admin_password"])
    return {ADDRESS_KEY: CORRECTED, GATEWAY_KEY: gateway, "admin_password": password}


def correct_address(world: World, member: Member) -> None:
    values = {"bootstrap_values": member.bootstrap_values, "bootstrap_address": CORRECTED}
    wait_until("the address to be corrected", lambda: is_taken(world, member, values), within=BACK)


def is_taken(world: World, member: Member, values: Json) -> bool:
    """Whether D takes a correction, which it does only while it knows that O is away."""
    try:
        world.at_site.update_subcloud(member.name, values)
    except RefusedError as error:
        if "the primary site is unavailable" not in error.text:
            raise
        return False
    return True


# -- Once more, the secondary leading first --


@WHOLE
@pytest.mark.parametrize("version", list(Version), ids=lambda each: each.name)
def test_original_takes_over_again_what_the_other_site_led(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("O")
    world.original.kill()
    site_takes_over(world)
    world.original.start()
    wait_original_follows(world, BACK)
    world.wait_seen()

    original_takes_over(world)
    site_takes_over(world)
    expect_quiet(world)
    expect_audit_bodies(world)


@WHOLE
@pytest.mark.parametrize("version", list(Version), ids=lambda each: each.name)
def test_site_takes_over_again_what_the_original_led(make_world: MakeWorld, version: Version) -> None:
    world = make_world(version)
    world.share("D")
    with world.killed_site():
        wait_unavailable(world)
        original_takes_over(world)
    wait_site_follows(world, BACK)
    world.wait_seen()

    site_takes_over(world)
    original_takes_over(world)
    expect_quiet(world)
    expect_audit_bodies(world)


@WHOLE
def test_twelve_members_go_over_and_come_home_three_at_a_time(world: World) -> None:
    world.share("D", 12, side_by_side=3)

    original_takes_over(world)
    expect_quiet(world)
    site_takes_over(world)
    expect_quiet(world)
    expect_sync(world, "D")
