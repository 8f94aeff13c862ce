"""Audits at a primary site: which of two that lead a group is followed, and who is not believed."""

from __future__ import annotations

from dcapi.models import SubcloudPeerGroup
from dcapi.sync.attend import run_audit
from dcapi.tasks import leases
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    audit,
    body,
    come_home,
    everything,
    group,
    in_sync,
    states,
    take_over,
)


def test_of_two_that_are_complete_the_lower_number_wins(site: Site) -> None:
    in_sync(site)
    site.change(SubcloudPeerGroup, 1, migration_status="complete")
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert group(site)["system_leader_id"] == site.runtime.site.uuid
    assert site.peer.count["update_group"] == 0


def test_primary_restored_from_a_backup_follows_its_peer(site: Site) -> None:
    in_sync(site)
    take_over(site, status="none")
    site.there.group_named("trains")["migration_status"] = None
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert group(site)["system_leader_id"] == site.there.uuid


def test_two_notes_of_a_migration_that_is_over_do_not_keep_each_other_alive(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["migration_status"] = "migrating"
    audit(site)
    assert group(site)["migration_status"] == "migrating"
    # The peer has taken the group over, and was then told by somebody that another site migrates it.
    take_over(site, status="migrating")
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert group(site)["system_leader_id"] == site.there.uuid
    assert group(site)["migration_status"] is None


def test_a_group_that_a_third_site_leads_there_is_left_alone(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["system_leader_id"] = "99999999-2222-4333-8444-555555555555"
    before = everything(site)
    audit(site)
    assert everything(site) == before


def test_a_primary_group_of_the_same_name_there_is_left_alone(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.there.group_named("trains")["group_priority"] = 0
    before = everything(site)
    audit(site)
    assert everything(site) == before


def test_the_id_of_a_primary_group_of_the_same_name_there_is_not_kept(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["peer_group_name"] = "renamed"
    site.there.put_group("trains", 0)
    known = site.row().remote_group_id
    audit(site)
    assert site.row().remote_group_id == known


def test_another_system_in_the_place_of_the_peer_is_not_believed(site: Site) -> None:
    in_sync(site)
    take_over(site)
    asked = body(site)
    site.there.uuid = "99999999-2222-4333-8444-555555555555"
    before = everything(site)
    site.good(site.operator.patch("/subcloud-peer-groups/trains/audit", json=asked))
    site.run_jobs()
    assert everything(site) == before
    assert site.row().audit_asked == site.row().audit_served


def test_another_system_at_the_peers_endpoint_is_asked_with_pauses(site: Site) -> None:
    in_sync(site)
    come_home(site)
    site.there.uuid = "99999999-2222-4333-8444-555555555555"
    hold = leases.take(site.runtime, leases.association_lease(1))
    assert hold is not None
    with hold:
        assert not run_audit(site.runtime, hold, 1)
    assert site.row().unfollowed
