"""An original with two peers: D, and another original that knows D as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcapi.lab.gateways import primary_address
from dcapi.lab.operator import Operator
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.original.record import SENT, SERVED
from dcapi.lab.original.version import Version
from dcapi.lab.pair import peer_fields
from dcapi.lab.polling import wait_until
from dcapi.lab.shared_group import ASSOCIATIONS, GROUPS, PRIORITY_AT_B
from tests.original.conftest import MakeWorld
from tests.original.pace import PACE
from tests.original.plays import versions
from tests.original.takeovers import BACK, all_are, expect_quiet, wait_site_leads
from tests.original.watcher import one_manager
from tests.original.world import COPY, HEARTBEATS, NUMBERS, ORIGINAL_GATEWAYS, SITE_GATEWAY, World

OTHER_GATEWAY = "10.34.0.1"


@pytest.fixture
def other() -> Iterator[OriginalSite]:
    """The second original, which has ids of its own."""
    made = OriginalSite(f"other-{next(NUMBERS)}", clock=Clock(PACE), first_id=70_000)
    made.switches.online_seconds = 0
    with made:
        yield made


@versions()
def test_the_second_peers_reset_hides_no_takeover_from_the_first(
    make_world: MakeWorld, version: Version, other: OriginalSite
) -> None:
    world = make_world(version)
    other.switches.version = version
    world.share("O")
    with other.operator() as at_other:
        introduce(world, other, at_other)
        share_with(world, other, at_other)
        world.original.kill()

        world.migrate_to_site()
        wait_site_leads(world)
        wait_until(
            "the other one to follow", lambda: leader_at(other, world), lambda it: it == world.site.uuid
        )
        wait_until("its reset", lambda: world.group_at_site()["migration_status"], lambda it: it is None)
        assert set(states_at(other, world)) == {COPY}
        world.original.start()
        wait_until("O to be secondary", world.states_at_original, all_are(COPY), within=BACK)
        wait_until("O to name D", world.leaders, lambda seen: seen == ("D", "D"), within=BACK)
        begin = audits_at(other)
        with one_manager(world, "D"):
            expect_quiet(world)
        assert audits_at(other) - begin <= 1
        assert leader_at(other, world) == world.site.uuid
        world.at_site.update("system-peers", other.name, {"administrative_state": "disabled"})


def introduce(world: World, other: OriginalSite, at_other: Operator) -> None:
    """Let the other original know both, and both know it."""
    to_other = peer_fields(other, other.endpoint, OTHER_GATEWAY)
    world.at_site.create("system-peers", to_other)
    world.at_original.create("system-peers", to_other | HEARTBEATS)
    to_site = peer_fields(world.site, f"{world.site.url}/v3", SITE_GATEWAY)
    to_original = peer_fields(world.original, world.original.endpoint, primary_address(ORIGINAL_GATEWAYS))
    for fields in (to_site, to_original):
        at_other.create("system-peers", fields | HEARTBEATS)


def share_with(world: World, other: OriginalSite, at_other: Operator) -> None:
    """Associate O's group with the other original, and the two copies with each other, by hand."""
    peer = world.at_original.one("system-peers", other.name)
    ids = {"peer_group_id": world.original.group(world.group).id, "system_peer_id": peer["id"]}
    world.at_original.create(ASSOCIATIONS, ids | {"peer_group_priority": PRIORITY_AT_B + 1})
    wait_until("the copies", lambda: len(other.members(world.group)), lambda count: count == 2)
    for operator, peer_name in ((world.at_site, other.name), (at_other, world.site.name)):
        group, known = operator.one(GROUPS, world.group), operator.one("system-peers", peer_name)
        operator.create(ASSOCIATIONS, {"peer_group_id": group["id"], "system_peer_id": known["id"]})
    wait_until("O's syncs to end", lambda: sync_statuses(world), lambda seen: seen == {"in-sync"})
    world.wait_seen()


def sync_statuses(world: World) -> set[str]:
    with world.original.rows() as rows:
        return {each.sync_status for each in rows.associations}


def leader_at(other: OriginalSite, world: World) -> str:
    return other.group(world.group).leader_id


def states_at(other: OriginalSite, world: World) -> list[tuple[str, str]]:
    return [(each.management_state, each.deploy_status) for each in other.members(world.group).values()]


def audits_at(other: OriginalSite) -> int:
    """Requests to audit that it served or sent so far."""
    return sum(len(other.record.entries(way, "PATCH", ".*/audit")) for way in (SERVED, SENT))
