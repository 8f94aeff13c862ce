"""Audits at a primary site: what becomes of it when its peer takes the group over."""

from __future__ import annotations

import logging

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync.attendance import hold_association, run_audit
from dcapi.sync.reconcile import Reconciler, associations_undone
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    alarms,
    audit,
    begin_migration,
    body,
    change_there,
    everything,
    group,
    in_sync,
    saved,
    states,
    subcloud,
    take_over,
)
from tests.subcloud_forms import form

GONE = PeerUnavailable("no answer")
LETTING_GO = ("unmanaged", "rehome-pending")
FOLLOWING = ("unmanaged", "secondary")
FAILED = ("unmanaged", "rehome-failed")
AT_HOME = ("managed", "complete")


def message(site: Site) -> str:
    text: str = site.association()["sync-message"]
    return text


# -- The peer migrates --


def test_members_are_let_go_while_the_peer_migrates(site: Site) -> None:
    in_sync(site)
    begin_migration(site)
    audit(site)
    assert set(states(site).values()) == {LETTING_GO}
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "is migrating the group" in message(site)
    assert group(site)["migration_status"] == "migrating"
    assert site.there.group_named("trains")["migration_status"] == "migrating"


def test_only_managed_members_that_are_deployed_are_let_go(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, management_state="unmanaged")
    begin_migration(site)
    audit(site)
    assert states(site) == {"edge-1": ("unmanaged", "complete"), "edge-2": LETTING_GO}


def test_a_member_that_the_peer_does_not_have_is_not_let_go(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    begin_migration(site)
    audit(site)
    assert states(site)["edge-3"] == AT_HOME


def test_a_copy_that_no_migration_takes_is_not_let_go(site: Site) -> None:
    in_sync(site)
    site.there.subcloud_in("region-of-edge-1")["deploy-status"] = "secondary-failed"
    begin_migration(site)
    audit(site)
    assert states(site) == {"edge-1": AT_HOME, "edge-2": LETTING_GO}


def test_a_migration_that_comes_to_nothing_gives_the_members_back(site: Site) -> None:
    in_sync(site)
    begin_migration(site)
    audit(site)
    site.there.group_named("trains")["migration_status"] = None
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert group(site)["migration_status"] is None
    assert site.standing() == ("in-sync", "in-sync")


def test_what_the_peer_began_to_rehome_is_not_taken_back(site: Site) -> None:
    in_sync(site)
    begin_migration(site)
    audit(site)
    site.there.group_named("trains")["migration_status"] = None
    site.there.subcloud_in("region-of-edge-1")["deploy-status"] = "rehoming"
    audit(site)
    assert states(site) == {"edge-1": LETTING_GO, "edge-2": AT_HOME}


# -- The peer is complete --


def test_members_that_the_peer_manages_become_secondary_and_the_leader_is_taken_from_it(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    leader = (group(site)["system_leader_id"], group(site)["system_leader_name"])
    assert leader == (site.there.uuid, site.there.name)
    assert subcloud(site)["availability-status"] == "offline"
    assert site.standing() == ("in-sync", "in-sync")
    assert site.there.group_named("trains")["migration_status"] is None


def test_members_that_were_let_go_become_secondary_too(site: Site) -> None:
    in_sync(site)
    begin_migration(site)
    audit(site)
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")
    assert group(site)["migration_status"] is None


@pytest.mark.parametrize("status", ["rehome-failed", "rehome-prep-failed"])
def test_members_whose_rehome_failed_there_become_rehome_failed_here(site: Site, status: str) -> None:
    in_sync(site)
    take_over(site, failed={"edge-1": "the host did not answer"})
    site.there.subcloud_in("region-of-edge-1")["deploy-status"] = status
    audit(site)
    assert states(site) == {"edge-1": FAILED, "edge-2": FOLLOWING}
    assert subcloud(site)["error-description"] == "the host did not answer"
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-1" in message(site)


def test_a_failed_member_that_is_rehomed_later_makes_both_in_sync(site: Site) -> None:
    in_sync(site)
    take_over(site, failed={"edge-1": "the host did not answer"})
    audit(site)
    take_over(site)
    audit(site)
    assert states(site)["edge-1"] == FOLLOWING
    assert subcloud(site)["error-description"] == "No errors present"
    assert site.standing() == ("in-sync", "in-sync")
    assert message(site) == "None"


def test_a_pushed_member_that_the_peer_no_longer_has_is_deleted(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.there.delete_subcloud_row("region-of-edge-1")
    audit(site)
    assert states(site) == {"edge-2": FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")
    assert site.ledger()["region-of-edge-1"] == (False, True)


def test_a_member_that_left_the_group_at_the_peer_and_lives_there_is_deleted(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.there.subcloud_in("region-of-edge-1")["peer_group_id"] = None
    audit(site)
    assert states(site) == {"edge-2": FOLLOWING}
    assert site.there.subcloud_in("region-of-edge-1")["management-state"] == "managed"
    assert site.standing() == ("in-sync", "in-sync")


def test_a_member_that_was_never_pushed_stays_managed_and_is_named(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    take_over(site)
    audit(site)
    assert states(site)["edge-3"] == AT_HOME
    assert subcloud(site, "edge-3")["peer_group_id"] == 1
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-3" in message(site)
    assert "edge-1" not in message(site)


def test_a_member_whose_arrival_was_not_seen_is_not_deleted(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    site.peer.fail(GONE, on="add_secondary")
    site.ask_for_sync()
    site.run_jobs()
    assert site.ledger()["region-of-edge-3"] == (False, False)
    take_over(site)
    audit(site)
    assert states(site)["edge-3"] == AT_HOME
    assert "edge-3" in message(site)


def test_a_copy_that_never_reached_the_group_does_not_cost_its_subcloud_the_life(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    site.there.put_subcloud("edge-3", "region-of-edge-3")
    take_over(site)
    audit(site)
    assert states(site)["edge-3"] == AT_HOME


def test_a_subcloud_that_left_the_group_here_and_lives_at_the_peer_is_put_back(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, peer_group_id=None)
    take_over(site)
    audit(site)
    assert states(site)["edge-1"] == FOLLOWING
    assert subcloud(site)["peer_group_id"] == 1
    assert "edge-1 (peer group)" in message(site)
    assert site.standing() == ("in-sync", "in-sync")


def test_a_subcloud_taken_out_of_a_migration_that_stands_still_is_managed_here_and_stays_so(
    site: Site,
) -> None:
    """The peer died while it migrated; when it is back, it is not given what it did not get to."""
    in_sync(site)
    begin_migration(site)
    audit(site)
    assert states(site)["edge-1"] == LETTING_GO
    site.good(site.operator.patch("/subclouds/edge-1", **form(peer_group="none")))
    site.good(site.operator.patch("/subclouds/edge-1", **form(management__state="managed")))
    assert states(site)["edge-1"] == AT_HOME
    take_over(site, failed={"edge-1": "not let go"})
    site.there.subcloud_in("region-of-edge-1")["deploy-status"] = "rehome-prep-failed"
    audit(site)
    assert states(site)["edge-1"] == AT_HOME
    assert subcloud(site)["peer_group_id"] is None
    assert "edge-1 (it is in the group there, and not here)" in message(site)


def test_a_subcloud_that_is_not_known_here_is_named(site: Site) -> None:
    in_sync(site)
    take_over(site)
    group_id = site.there.group_named("trains")["id"]
    site.there.put_subcloud("edge-9", "region-of-edge-9", peer_group_id=group_id)
    audit(site)
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-9" in message(site)


# -- Values --


def test_changed_rehome_data_comes_over_but_for_the_gateway(site: Site) -> None:
    in_sync(site)
    own_gateway = saved(site).get("systemcontroller_gateway_address")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99", admin_password="bmV3", docker="registry")
    audit(site)
    now = saved(site)
    assert (now["bootstrap-address"], now["admin_password"], now["docker"]) == (
        "10.10.10.99",
        "bmV3",
        "registry",
    )
    assert now.get("systemcontroller_gateway_address") == own_gateway
    assert site.standing() == ("in-sync", "in-sync")
    assert message(site) == "None"


def test_masked_secrets_overwrite_nothing(site: Site) -> None:
    in_sync(site)
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99", admin_password="******")
    copy = site.there.subcloud_in("region-of-edge-1")
    copy["data_install"] = copy["data_install"].replace("c2VjcmV0", "******")
    audit(site)
    assert (saved(site)["bootstrap-address"], saved(site)["admin_password"]) == ("10.10.10.99", "c2VjcmV0")
    assert "c2VjcmV0" in subcloud(site)["data_install"]


def test_what_changed_here_alone_stays_and_waits_for_a_sync(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    audit(site)
    assert subcloud(site)["description"] == "moved to rack 5"
    assert states(site)["edge-1"] == FOLLOWING
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-1 (not synced yet: description)" in message(site)


def test_of_a_member_that_changed_at_both_sites_the_leaders_values_win_and_the_lost_are_named(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    with caplog.at_level(logging.WARNING):
        audit(site)
    assert subcloud(site)["description"] == "rack 4"
    assert saved(site)["bootstrap-address"] == "10.10.10.99"
    assert site.standing() == ("in-sync", "in-sync")
    assert "edge-1 (description, bootstrap address)" in message(site)
    assert "edge-1 (description, bootstrap address)" in caplog.text


def test_what_was_lost_stays_said_when_nothing_new_is_found(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    take_over(site)
    change_there(site, bootstrap__address="10.10.10.99")
    audit(site)
    said = message(site)
    audit(site)
    assert message(site) == said != "None"


# -- Again and again --


def test_an_audit_that_is_done_again_changes_and_logs_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    take_over(site, failed={"edge-1": "the host did not answer"})
    audit(site)
    here, there = everything(site), site.there.digest()
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
    assert (everything(site), site.there.digest()) == (here, there)
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []


def test_a_peer_that_ignores_the_reset_is_no_news(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    in_sync(site)
    site.there.answers_like_original = True
    take_over(site)
    audit(site)
    assert site.there.group_named("trains")["migration_status"] == "complete"
    assert site.standing() == ("in-sync", "in-sync")
    here = everything(site)
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
    assert everything(site) == here
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []


def test_a_stale_complete_under_our_own_leadership_is_nothing(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["migration_status"] = "complete"
    before = everything(site)
    audit(site)
    assert everything(site) == before
    assert set(states(site).values()) == {AT_HOME}


def test_an_audit_costs_the_same_however_many_members_there_are(site: Site) -> None:
    in_sync(site, *(f"edge-{number}" for number in range(12)))
    take_over(site)
    for name in ("edge-3", "edge-4", "edge-5"):
        site.there.delete_subcloud_row(f"region-of-{name}")
    audit(site)
    assert len(site.peer.calls) <= 9, site.peer.calls


# -- Two that lead --


def test_of_two_that_are_complete_the_lower_number_wins(site: Site) -> None:
    in_sync(site)
    site.change(SubcloudPeerGroup, 1, migration_status="complete")
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert group(site)["system_leader_id"] == site.parts.site.uuid
    assert site.peer.count["update_group"] == 0


def test_a_primary_back_from_a_backup_follows_the_peer_that_was_heard_already(site: Site) -> None:
    in_sync(site)
    take_over(site, status="none")
    site.there.group_named("trains")["migration_status"] = None
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert group(site)["system_leader_id"] == site.there.uuid


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


def test_another_system_in_the_place_of_the_peer_is_not_asked_without_a_pause(site: Site) -> None:
    in_sync(site)
    come_home(site)
    site.there.uuid = "99999999-2222-4333-8444-555555555555"
    hold = hold_association(site.parts, 1)
    assert hold is not None
    with hold:
        assert not run_audit(site.parts, hold, 1)
    assert site.row().audit_to_ask


# -- When things go wrong --


def test_an_audit_stays_due_while_the_peer_is_away(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(GONE, on="group_subclouds")
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert Reconciler(site.parts, [associations_undone]).sweep() == 1
    site.run_jobs()
    assert set(states(site).values()) == {FOLLOWING}


def test_a_reset_that_did_not_arrive_is_sent_again(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(GONE, on="update_group")
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.there.group_named("trains")["migration_status"] == "complete"
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert site.there.group_named("trains")["migration_status"] is None
    assert site.standing() == ("in-sync", "in-sync")


def test_a_reset_that_is_refused_is_not_sent_for_ever(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(PeerRefused("no", 403, "no"), on="update_group", times=None)
    audit(site)
    assert Reconciler(site.parts, [associations_undone]).sweep() == 0


def test_what_changed_here_while_the_peer_was_read_makes_the_audit_begin_anew(site: Site) -> None:
    """What the peer said before it told here that it migrates must not take members back."""
    in_sync(site)
    site.change(Subcloud, 1, management_state="unmanaged", deploy_status="rehome-pending")

    def tells() -> None:
        site.change(SubcloudPeerGroup, 1, migration_status="migrating")
        begin_migration(site)

    site.peer.do(tells, on="group_subclouds", after=True)
    audit(site)
    assert states(site)["edge-1"] == LETTING_GO
    assert states(site)["edge-2"] == LETTING_GO


def test_a_migration_that_began_here_is_not_disturbed(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    before = everything(site)
    audit(site)
    assert everything(site) == before
    assert Reconciler(site.parts, [associations_undone]).sweep() == 0
    assert site.row().audit_asked > site.row().audit_served


def test_a_sync_that_was_asked_for_meanwhile_decides(site: Site) -> None:
    in_sync(site)
    take_over(site)

    def ask() -> None:
        site.ask_for_sync()

    site.peer.do(ask, on="group_subclouds", after=True)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.count["update_subcloud"] == 0


def test_an_association_that_is_deleted_meanwhile_ends_the_audit(site: Site) -> None:
    in_sync(site)
    take_over(site)

    def remove() -> None:
        site.operator.delete("/peer-group-associations/1?force=true")

    site.peer.do(remove, on="group_subclouds", after=True)
    audit_body = body(site)
    site.good(site.operator.patch("/subcloud-peer-groups/trains/audit", json=audit_body))
    site.run_jobs()
    assert set(states(site).values()) == {AT_HOME}


def test_a_disabled_peer_is_not_audited(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.good(site.operator.patch("/system-peers/1", json={"administrative_state": "disabled"}))
    site.peer.calls.clear()
    audit(site)
    assert site.peer.calls == []


# -- Runs and other associations --


def test_a_primary_that_returns_in_the_middle_of_a_sync_writes_nothing_and_follows(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    site.change(PeerGroupAssociation, 1, sync_status="syncing", told_status=None, runs_begun=1)
    take_over(site)
    copies = site.there.subcloud_in("region-of-edge-1")
    before = dict(copies)
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert site.there.subcloud_in("region-of-edge-1") == before
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing()[0] == "out-of-sync"
    assert group(site)["system_leader_id"] == site.there.uuid


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


def come_home(site: Site) -> None:
    """This site took the group back, and the peer follows: as both rows show it then."""
    own = {"system_leader_id": site.parts.site.uuid, "system_leader_name": site.parts.site.name}
    site.change(SubcloudPeerGroup, 1, migration_status="complete", **own)
    for number in (1, 2):
        site.change(
            Subcloud,
            number,
            deploy_status="complete",
            management_state="managed",
            availability_status="online",
        )
    site.change(PeerGroupAssociation, 1, audit_to_ask=True)
    follow_there(site)


def follow_there(site: Site) -> None:
    there = site.there.group_named("trains")
    there |= {
        "system_leader_id": site.parts.site.uuid,
        "system_leader_name": site.parts.site.name,
        "migration_status": None,
    }
    for copy in site.there.group_members(there["id"]):
        copy |= {
            "deploy-status": "secondary",
            "management-state": "unmanaged",
            "availability-status": "offline",
        }


def test_a_primary_that_came_home_is_in_sync_when_the_peer_follows(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert site.there.audits
    assert site.standing() == ("in-sync", "in-sync")
    assert group(site)["migration_status"] is None
    assert not site.row().audit_to_ask
    assert Reconciler(site.parts, [associations_undone]).sweep() == 0


def test_a_primary_that_came_home_waits_for_the_peer_to_follow(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    take_over(site, status="migrating")
    site.change(PeerGroupAssociation, 1, sync_status="out-of-sync")
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert group(site)["migration_status"] == "complete"
    assert set(states(site).values()) == {AT_HOME}
    assert site.standing() == ("out-of-sync", "out-of-sync")
    follow_there(site)
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert group(site)["migration_status"] is None


def test_complete_is_said_again_to_a_peer_that_has_not_heard_it(site: Site) -> None:
    """Another peer followed, and reset it."""
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    take_over(site, status="none")
    site.there.group_named("trains")["migration_status"] = None
    site.change(SubcloudPeerGroup, 1, migration_status=None)
    Reconciler(site.parts, [associations_undone]).sweep()
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
    Reconciler(site.parts, [associations_undone]).sweep()
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
    Reconciler(site.parts, [associations_undone]).sweep()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert len(site.there.subclouds) == 2


# -- The alarm --


def test_an_alarm_says_that_a_group_of_this_site_is_led_elsewhere(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    [alarm] = alarms(site)
    assert (alarm["alarm_id"], alarm["severity"]) == ("280.005", "major")
    assert alarm["entity_instance_id"] == f"peer_group=trains,peer={site.there.uuid}"
    assert "trains" in alarm["reason_text"]
