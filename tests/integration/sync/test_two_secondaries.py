"""One of two secondary sites takes the group over while the other one follows as before."""

from __future__ import annotations

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.states import PeerAvailability
from tests.integration.sync.test_audit_crashes import (
    come_home,
    share_with_both,
    statuses,
    take_over_there,
)
from tests.integration.sync.test_audit_crashes import world as world
from tests.integration.sync.world import World
from tests.site_client import SiteClient

LET_GO = {("unmanaged", "rehome-pending")}
AT_HOME = {("managed", "complete")}


@pytest.fixture
def shared(world: World) -> World:
    """A primary site; its group is in sync with both peers."""
    share_with_both(world)
    return world


def begin_there(world: World) -> None:
    world.peers[1].site.group_named("trains")["migration_status"] = "migrating"


def tell(world: World, status: str) -> None:
    """The peer tells how far it is."""
    peer = SiteClient(world.app, world.operator.headers["X-Auth-Token"], "dcmanager/1.0")
    answer = peer.patch("/subcloud-peer-groups/trains", json={"migration_status": status})
    assert answer.status_code == 200, answer.text


def settle(world: World, *peers: int) -> None:
    for peer_id in peers:
        world.heartbeat(peer_id)
    for _ in range(3):
        world.sweep()
        world.jobs.run_waiting()


def members(world: World) -> set[tuple[str, str]]:
    rows = [row for row in world.read(Subcloud) if row.peer_group_id == 1]
    return {(row.management_state, row.deploy_status) for row in rows}


def status(world: World) -> str | None:
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    return group.migration_status


def leader(world: World) -> str:
    [group] = [row for row in world.read(SubcloudPeerGroup) if row.id == 1]
    return group.system_leader_id


def test_what_was_let_go_for_one_is_not_taken_back_because_of_the_other(shared: World) -> None:
    begin_there(shared)
    tell(shared, "migrating")
    settle(shared, 1, 2, 2, 1)
    assert members(shared) == LET_GO
    assert status(shared) == "migrating"
    take_over_there(shared)
    settle(shared, 1, 2)
    assert members(shared) == {("unmanaged", "secondary")}
    assert statuses(shared) == {1: "in-sync", 2: "out-of-sync"}
    assert status(shared) is None


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_members_let_go_in_vain_are_taken_back(shared: World, order: tuple[int, int]) -> None:
    begin_there(shared)
    settle(shared, 1, 2)
    assert members(shared) == LET_GO
    shared.peers[1].site.group_named("trains")["migration_status"] = None
    settle(shared, *order)
    assert members(shared) == AT_HOME
    assert status(shared) is None
    assert not any(row.peer_migrates for row in shared.read(PeerGroupAssociation))


def test_migration_told_and_never_done_is_forgotten(shared: World) -> None:
    with shared.session() as session:
        association = session.get(PeerGroupAssociation, 1)
        assert association is not None
        association.peer.availability_state = PeerAvailability.UNAVAILABLE
        session.commit()
    shared.peers[1].away = True
    tell(shared, "migrating")
    settle(shared, 2)
    assert members(shared) == AT_HOME
    assert status(shared) is None


def test_migration_that_came_to_nothing_is_over_though_a_third_site_is_disabled(
    shared: World,
) -> None:
    take_over_there(shared)
    settle(shared, 1)
    come_home(shared)
    answer = shared.operator.patch("/system-peers/2", json={"administrative_state": "disabled"})
    assert answer.status_code == 200, answer.text
    settle(shared, 1)
    assert [row.unfollowed for row in shared.read(PeerGroupAssociation)] == [False, True]
    begin_there(shared)
    tell(shared, "migrating")
    settle(shared, 1)
    assert members(shared) == LET_GO
    shared.peers[1].site.group_named("trains")["migration_status"] = None
    settle(shared, 1)
    assert members(shared) == AT_HOME
    assert status(shared) is None


def test_old_takeover_of_a_third_site_does_not_count_while_one_migrates(
    shared: World,
) -> None:
    take_over_there(shared)
    settle(shared, 1, 2)
    come_home(shared)
    take_over_there(shared)  # that is what it shows still
    shared.peers[2].site.group_named("trains")["migration_status"] = "migrating"
    tell(shared, "migrating")
    settle(shared, 1, 2)
    assert leader(shared) == shared.runtime.site.uuid
    assert {row.system_peer_id: row.peer_migrates for row in shared.read(PeerGroupAssociation)} == {
        1: False,
        2: True,
    }
