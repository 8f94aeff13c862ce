"""Audits of a primary site that took its group back, and of the peer that follows it again."""

from __future__ import annotations

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    audit,
    change_there,
    come_home,
    follow_there,
    group,
    in_sync,
    let_pause_pass,
    states,
    take_over,
)
from tests.site_client import SiteClient


def test_a_later_sync_of_what_came_over_sends_nothing(site: Site) -> None:
    in_sync(site)
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    audit(site)
    come_home(site)
    site.peer.calls.clear()
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.count["update_subcloud"] == 0


def test_a_primary_that_came_home_is_in_sync_when_the_peer_follows(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.there.audits
    assert site.standing() == ("in-sync", "in-sync")
    assert group(site)["migration_status"] is None
    assert not site.row().unfollowed
    assert Reconciler(site.runtime, [associations_outstanding]).sweep() == 0


def test_a_primary_that_came_home_waits_for_the_peer_to_follow(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    take_over(site, status="migrating")
    site.change(PeerGroupAssociation, 1, sync_status="out-of-sync")
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert group(site)["migration_status"] == "complete"
    assert set(states(site).values()) == {AT_HOME}
    assert site.standing() == ("out-of-sync", "out-of-sync")
    follow_there(site)
    let_pause_pass(site)
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert group(site)["migration_status"] is None


def test_peer_that_migrates_again_before_it_was_seen_is_followed(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    peer = SiteClient(site.app, site.operator.headers["X-Auth-Token"], "dcmanager/1.0")
    for status in ("none", "migrating"):
        site.good(peer.patch("/subcloud-peer-groups/trains", json={"migration_status": status}))
    take_over(site)
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert set(states(site).values()) == {FOLLOWING}
    assert group(site)["system_leader_id"] == site.there.uuid
    assert not site.row().unfollowed


def test_complete_is_said_again_to_a_peer_that_has_not_heard_it(site: Site) -> None:
    """Another peer followed, and reset it."""
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    take_over(site, status="none")
    site.there.group_named("trains")["migration_status"] = None
    site.change(SubcloudPeerGroup, 1, migration_status=None)
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert group(site)["migration_status"] == "complete"
    assert set(states(site).values()) == {AT_HOME}
    assert site.there.audits[-1][1]["migration_status"] == "complete"


def test_a_primary_that_came_home_sends_what_its_peer_missed(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.there.subcloud_in("region-of-edge-1")["description"] == "moved to rack 5"


def test_a_group_that_the_peer_lost_is_synced_anew_after_the_way_home(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    for table in (site.there.groups, site.there.associations, site.there.subclouds):
        table.clear()
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert len(site.there.subclouds) == 2
