"""A secondary site watches, follows and tells its primary."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dcapi import KINDS
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer, task
from dcapi.sync import asking
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from dcapi.sync.watch.drift import Heard
from dcapi.tasks.runner import tasks_due
from tests.integration.kept_tasks import tasks
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    LETTING_GO,
    LIVING,
    alarms,
    body,
    group,
    let_pause_pass,
    saved,
    states,
)
from tests.integration.sync.test_monitor import GONE, heartbeat


@pytest.fixture
def follower(site: Site) -> Site:
    """A secondary site that leads the group of its primary, which it took over and which follows."""
    site.change(SubcloudPeerGroup, 1, group_priority=3)
    for name in ("edge-1", "edge-2"):
        site.add_member(name)
    site.good(site.operator.post("/peer-group-associations", json={"peer_group_id": 1, "system_peer_id": 1}))
    site.change(PeerGroupAssociation, 1, sync_status="in-sync")
    site.run_jobs()
    there = site.there
    group_id = there.put_group("trains", 0, site.runtime.site.uuid, system_leader_name=site.runtime.site.name)
    there.put_association(group_id, 1, **{"association-type": "primary", "sync-status": "in-sync"})
    with site.runtime.unit_of_work() as session:
        members = [session.get(Subcloud, number) for number in (1, 2)]
        for row in members:
            assert row is not None
            there.put_subcloud(
                row.name,
                row.region_name,
                peer_group_id=group_id,
                description="rack 4",
                location="Ottawa",
                rehome_data=str(row.rehome_data).replace("******", "c2VjcmV0"),
                data_install=str(row.data_install).replace("******", "c2VjcmV0"),
            )
    site.peer.calls.clear()
    return site


def take_home(site: Site, status: str | None = "complete") -> None:
    """The primary takes its group home."""
    there = site.there.group_named("trains")
    there |= {"system_leader_id": site.there.uuid, "system_leader_name": "site-b", "migration_status": status}
    for copy in site.there.group_members(there["id"]):
        copy |= LIVING


def test_secondary_watches_its_primary_with_one_request_a_beat(follower: Site) -> None:
    heartbeat(follower)
    assert [method for method, _ in follower.peer.calls] == ["groups"]


def test_a_secondary_site_follows_when_its_primary_comes_home(follower: Site) -> None:
    take_home(follower)
    heartbeat(follower)
    assert set(states(follower).values()) == {FOLLOWING}
    assert group(follower)["system_leader_id"] == follower.there.uuid
    assert follower.association()["sync-status"] == "in-sync"
    assert follower.there.group_named("trains")["migration_status"] is None
    assert alarms(follower) == []
    assert follower.peer.count["tell_association"] == 0


def test_a_secondary_site_lets_go_while_its_primary_migrates(follower: Site) -> None:
    follower.there.group_named("trains")["migration_status"] = "migrating"
    heartbeat(follower)
    assert set(states(follower).values()) == {LETTING_GO}
    assert follower.association()["sync-status"] == "out-of-sync"


def test_a_secondary_site_that_let_go_for_nothing_has_its_primary_look(follower: Site) -> None:
    heard: Heard = {}
    follower.there.group_named("trains")["migration_status"] = "migrating"
    heartbeat(follower, heard=heard)
    follower.there.group_named("trains")["migration_status"] = None
    heartbeat(follower, heard=heard)
    assert set(states(follower).values()) == {AT_HOME}
    assert follower.there.audits
    assert not follower.row().unfollowed


def test_a_takeover_that_the_primary_has_not_heard_is_told_until_it_has(follower: Site) -> None:
    follower.change(SubcloudPeerGroup, 1, migration_status="complete")
    follower.change(PeerGroupAssociation, 1, unfollowed=True, ask_mark=1)
    take_home(follower, None)
    follower.peer.fail(GONE, on="audit_group")
    for _ in range(2):
        let_pause_pass(follower)
        Reconciler(follower.runtime, [associations_outstanding]).sweep()
        follower.run_jobs()
    [(_, asked)] = follower.there.audits
    assert (asked["peer_uuid"], asked["migration_status"]) == (follower.runtime.site.uuid, "complete")
    assert set(states(follower).values()) == {AT_HOME}
    assert follower.row().unfollowed
    there = follower.there.group_named("trains")
    there |= {"system_leader_id": follower.runtime.site.uuid, "system_leader_name": "site-a"}
    for copy in follower.there.group_members(there["id"]):
        copy |= {"deploy-status": "secondary", "management-state": "unmanaged"}
    let_pause_pass(follower)
    Reconciler(follower.runtime, [associations_outstanding]).sweep()
    follower.run_jobs()
    assert not follower.row().unfollowed
    assert group(follower)["migration_status"] is None
    assert Reconciler(follower.runtime, [associations_outstanding]).sweep() == 0


def test_values_of_the_primary_come_over_but_for_its_gateway(follower: Site) -> None:
    take_home(follower)
    copy = follower.there.subcloud_in("region-of-edge-1")
    copy["rehome_data"] = copy["rehome_data"].replace("10.10.10.12", "10.10.10.99")
    copy["description"] = "rack 9"
    heartbeat(follower)
    assert saved(follower)["bootstrap-address"] == "10.10.10.99"
    assert follower.association()["sync-status"] == "in-sync"


def test_what_the_primary_told_stands_while_nothing_but_a_sync_is_missing(follower: Site) -> None:
    take_home(follower)
    heartbeat(follower)
    copy = follower.there.subcloud_in("region-of-edge-1")
    copy["description"] = "changed and not synced yet"
    follower.change(PeerGroupAssociation, 1, sync_status="failed", sync_message="told so")
    audit_of(follower)
    shown = follower.association()
    assert (shown["sync-status"], shown["sync-message"]) == ("failed", "told so")
    described = follower.good(follower.operator.get("/subclouds/edge-1"))["description"]
    assert described == "rack 4"


def test_a_copy_that_is_managed_here_too_is_let_go_at_contact(follower: Site) -> None:
    take_home(follower)
    heartbeat(follower)
    follower.change(Subcloud, 1, management_state="managed", deploy_status="complete")
    audit_of(follower)
    assert states(follower)["edge-1"] == FOLLOWING


def test_member_that_changed_groups_leaves_the_old_migration(follower: Site) -> None:
    """It lost what that migration needed, and failed in a group that nobody had asked to migrate."""
    take_home(follower)
    heartbeat(follower)
    old = SubcloudPeerGroup(
        peer_group_name="buses",
        group_priority=3,
        group_state="enabled",
        system_leader_id=follower.there.uuid,
        system_leader_name="site-b",
        migration_status="migrating",
        migrating_here=True,
    )
    left = follower.write(old)
    follower.change(Subcloud, 1, peer_group_id=left, rehome_step="ceding-again")
    with follower.runtime.unit_of_work() as session:
        task.start(session, "rehome", 1)
        session.commit()
    audit_of(follower)
    with follower.runtime.unit_of_work() as session:
        row = session.get(Subcloud, 1)
        assert row is not None
        assert (row.peer_group_id, row.rehome_step) == (1, None)
    assert tasks(follower.runtime) == []
    Reconciler(follower.runtime, [partial(tasks_due, follower.runtime, KINDS)]).sweep()
    follower.run_jobs()
    assert set(states(follower).values()) == {FOLLOWING}


def test_nothing_is_deleted_at_a_secondary_site(follower: Site) -> None:
    take_home(follower)
    follower.there.delete_subcloud_row("region-of-edge-1")
    heartbeat(follower)
    assert states(follower)["edge-1"] == AT_HOME
    assert follower.association()["sync-status"] == "out-of-sync"
    assert "edge-1" in follower.association()["sync-message"]


def test_returning_primary_that_missed_a_change_is_asked_to_look(follower: Site) -> None:
    heartbeat(follower)
    follower.change(PeerGroupAssociation, 1, sync_status="out-of-sync")
    follower.change(SystemPeer, 1, availability_state="unavailable")
    heartbeat(follower)
    assert follower.there.audits
    assert not follower.row().unfollowed


def test_a_group_that_was_renamed_at_the_primary_is_found_again(follower: Site) -> None:
    audit_of(follower)
    assert follower.row().remote_group_id is not None
    there = follower.there.group_named("trains")
    take_home(follower)
    asked = body(follower)
    there["peer_group_name"] = "trams"
    audit_of(follower, asked)
    assert set(states(follower).values()) == {FOLLOWING}


def audit_of(site: Site, asked: dict[str, Any] | None = None) -> None:
    site.good(site.operator.patch("/subcloud-peer-groups/1/audit", json=asked or body(site)))
    site.run_jobs()


def test_migration_here_asks_the_peer_to_look_and_delays_its_own_audit(
    follower: Site,
) -> None:
    follower.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    follower.change(PeerGroupAssociation, 1, ask_mark=1, audit_asked=1)
    Reconciler(follower.runtime, [associations_outstanding]).sweep()
    follower.run_jobs()
    assert [method for method, _ in follower.peer.calls] == ["kind", "audit_group"]
    assert (asking.is_unheard(follower.row()), follower.row().audit_served) == (False, 0)
