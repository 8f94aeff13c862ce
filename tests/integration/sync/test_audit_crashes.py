"""Audits of a site that dies before any request, after it or before any transaction counts; or that has two
peers for a group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from tests.integration.beside_peer import app_beside
from tests.integration.sync.takeovers import LIVING
from tests.integration.sync.world import MEMBERS, Crash, World

ENOUGH = 40


@pytest.fixture
def world(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A site whose process can die anywhere, and whose clock can jump over the leases of the dead."""
    more = {"SQLALCHEMY_DATABASE_URI": database_uri, "PEER_MEMBER_THREADS": 1, "LOG_LEVEL": "ERROR"}
    with app_beside({}, prepared_instance, tmp_path, monkeypatch, **more) as app:
        world = World(app)
        monkeypatch.setattr("dcapi.tasks.hold.time", world.clock())
        yield world


def be_taken_over(world: World) -> None:
    """A group of two members in sync with peer 1; a third one joins, and the peer takes the group over.

    One member changed there, one was removed there.
    """
    world.reset()
    body = {"peer_group_id": 1, "system_peer_id": 1, "peer_group_priority": 1}
    assert world.operator.post("/peer-group-associations", json=body).status_code == 200
    world.jobs.run_waiting()
    with world.session() as session:
        newcomer = session.get(Subcloud, 3)
        assert newcomer is not None
        newcomer.peer_group_id = 1
        session.commit()
    there = world.peers[1].site
    copy = there.group_named("trains")
    copy |= {"system_leader_id": there.uuid, "system_leader_name": "site-1", "migration_status": "complete"}
    for member in there.group_members(copy["id"]):
        member |= LIVING
    there.delete_subcloud_row(f"region-of-{MEMBERS[0]}")
    there.subcloud_in(f"region-of-{MEMBERS[1]}")["description"] = "changed there"


def die_and_live_again(world: World, work: Callable[[], object]) -> bool:
    """Do something that may be the end of the process; returns whether it was."""
    world.working = True
    try:
        work()
    except Crash:
        world.restart()
        return True
    finally:
        world.working = False
        world.steps_left = 0
    return False


def audit(world: World) -> None:
    world.heartbeat(1)
    world.sweep()
    world.jobs.run_waiting()


def check_followed(world: World) -> None:
    subclouds = {row.name: row for row in world.read(Subcloud)}
    let_go = subclouds[MEMBERS[0]]
    assert (let_go.management_state, let_go.peer_group_id) == ("unmanaged", None)
    assert let_go.error_description.startswith("Let go at ")
    follows, kept = subclouds[MEMBERS[1]], subclouds[MEMBERS[2]]
    assert (follows.management_state, follows.deploy_status) == ("unmanaged", "secondary")
    assert follows.description == "changed there"
    assert (kept.management_state, kept.peer_group_id) == ("managed", 1)
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    assert group.system_leader_id == world.peers[1].site.uuid
    [association] = world.read(PeerGroupAssociation)
    assert (association.sync_status, association.told_status) == ("out-of-sync", "out-of-sync")
    assert MEMBERS[2] in association.sync_message
    assert association.audit_asked == association.audit_served
    there = world.peers[1].site
    assert there.group_named("trains")["migration_status"] is None
    assert [one["sync-status"] for one in there.associations.values()] == ["out-of-sync"]


def settle(world: World) -> None:
    for _ in range(3):
        audit(world)
    check_followed(world)


@pytest.mark.slow
def test_an_audit_that_dies_before_or_after_any_request_is_done_in_the_end(world: World) -> None:
    for after in (False, True):
        for number in range(1, ENOUGH):
            be_taken_over(world)
            world.peers[1].at_call(number, world.die, after=after)
            died = die_and_live_again(world, lambda: audit(world))
            world.peers[1].heal()
            settle(world)
            if not died:
                break
        assert 5 < number < ENOUGH - 1


@pytest.mark.slow
def test_an_audit_that_dies_at_any_transaction_is_done_in_the_end(world: World) -> None:
    for number in range(1, 3 * ENOUGH):
        be_taken_over(world)
        world.steps_left = number
        died = die_and_live_again(world, lambda: audit(world))
        settle(world)
        if not died:
            break
    assert 10 < number < 3 * ENOUGH - 1


# -- Two peers --


def share_with_both(world: World) -> None:
    """A group of two members that both peers have, in sync."""
    world.reset()
    for peer_id in (1, 2):
        body = {"peer_group_id": 1, "system_peer_id": peer_id, "peer_group_priority": peer_id}
        assert world.operator.post("/peer-group-associations", json=body).status_code == 200
    world.jobs.run_waiting()
    assert statuses(world) == {1: "in-sync", 2: "in-sync"}


def statuses(world: World) -> dict[int, str]:
    return {row.system_peer_id: row.sync_status for row in world.read(PeerGroupAssociation)}


def take_over_there(world: World) -> None:
    there = world.peers[1].site
    copy = there.group_named("trains")
    copy |= {"system_leader_id": there.uuid, "system_leader_name": "site-1", "migration_status": "complete"}
    for member in there.group_members(copy["id"]):
        member |= LIVING
    there.subcloud_in(f"region-of-{MEMBERS[1]}")["description"] = "changed there"


def come_home(world: World) -> None:
    """The rows after a migration to this site, and the peer that led follows."""
    own = {"system_leader_id": world.runtime.site.uuid, "system_leader_name": world.runtime.site.name}
    with world.session() as session:
        group = session.get(SubcloudPeerGroup, 1)
        assert group is not None
        group.system_leader_id, group.migration_status = own["system_leader_id"], "complete"
        group.system_leader_name = own["system_leader_name"]
        for number in (1, 2):
            row = session.get(Subcloud, number)
            assert row is not None
            row.management_state, row.deploy_status = "managed", "complete"
            association = session.get(PeerGroupAssociation, number)
            assert association is not None
            association.unfollowed = True
        session.commit()
    there = world.peers[1].site
    there.group_named("trains").update(own | {"migration_status": None})
    for member in there.group_members(there.group_named("trains")["id"]):
        member |= {"deploy-status": "secondary", "management-state": "unmanaged"}


def test_other_peer_is_out_of_sync_only_while_one_leads(
    world: World,
) -> None:
    share_with_both(world)
    take_over_there(world)
    for peer_id in (1, 2):
        world.heartbeat(peer_id)
        world.jobs.run_waiting()
    assert statuses(world) == {1: "in-sync", 2: "out-of-sync"}
    written = world.peers[2].site.group_named("trains")
    assert written["system_leader_id"] == world.runtime.site.uuid, "nobody told it of another leader"
    come_home(world)
    world.sweep()
    world.jobs.run_waiting()
    assert statuses(world) == {1: "in-sync", 2: "in-sync"}
    assert world.peers[2].site.subcloud_in(f"region-of-{MEMBERS[1]}")["description"] == "changed there"
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    assert group.migration_status is None


def test_complete_stays_until_every_peer_has_seen_it(world: World) -> None:
    share_with_both(world)
    take_over_there(world)
    world.heartbeat(1)
    world.jobs.run_waiting()
    come_home(world)
    world.peers[2].away = True
    world.sweep()
    world.jobs.run_waiting()
    assert statuses(world)[1] == "in-sync"
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    assert group.migration_status == "complete"
    world.peers[2].away = False
    for _ in range(2):
        world.sweep()
        world.jobs.run_waiting()
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    assert group.migration_status is None
    assert statuses(world) == {1: "in-sync", 2: "in-sync"}
