"""Audits at a primary site: what becomes of its members when its peer takes the group over."""

from __future__ import annotations

import pytest

from dcapi.models import Subcloud
from dcapi.services.deploying import prestaging
from tests.integration.kept_tasks import tasks
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FAILED,
    FOLLOWING,
    GONE,
    LETTING_GO,
    alarms,
    audit,
    begin_migration,
    group,
    in_sync,
    message,
    states,
    subcloud,
    take_over,
)
from tests.subcloud_forms import form

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


def test_members_managed_by_the_peer_become_secondary_and_it_leads(site: Site) -> None:
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


def test_prestaging_of_a_member_that_becomes_secondary_has_failed(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, prestage_status="prestaging")
    with site.runtime.unit_of_work() as session:
        prestaging.TASK.start(session, site.runtime, 1, payload={"sysadmin_password": "c2VjcmV0"})
        session.commit()
    take_over(site)
    audit(site)
    site.run_jobs()
    assert states(site)["edge-1"] == FOLLOWING
    assert subcloud(site)["prestage-status"] == "failed"
    assert tasks(site.runtime) == []


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


def test_a_copy_that_the_leader_deleted_is_deleted(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    site.there.delete_subcloud_row("region-of-edge-1")
    audit(site)
    assert states(site) == {"edge-2": FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")
    assert site.ledger()["region-of-edge-1"] == (False, True)


@pytest.mark.parametrize("names", [("buses", "trains"), ("trains", "buses")])
def test_member_moved_here_alone_goes_back_to_the_leaders_group(site: Site, names: tuple[str, str]) -> None:
    in_sync(site)
    site.good(site.operator.post("/subcloud-peer-groups", json={"peer-group-name": "buses"}))
    site.add_member("edge-3", group_id=2)
    body = {"peer_group_id": 2, "system_peer_id": 1, "peer_group_priority": 1}
    site.good(site.operator.post("/peer-group-associations", json=body))
    site.run_jobs()
    site.good(site.operator.patch("/subclouds/edge-2", **form(peer_group="buses")))
    for name in names:
        take_over(site, name=name)
    for name in names:
        audit(site, name=name)
    assert set(states(site).values()) == {FOLLOWING}
    assert {name: subcloud(site, name)["peer_group_id"] for name in states(site)} == {
        "edge-1": 1,
        "edge-2": 1,
        "edge-3": 2,
    }


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


def test_copy_outside_the_group_never_deletes_its_subcloud(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    site.there.put_subcloud("edge-3", "region-of-edge-3")
    take_over(site)
    audit(site)
    assert states(site)["edge-3"] == AT_HOME


def test_subcloud_that_left_here_and_lives_at_the_peer_is_put_back(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, peer_group_id=None)
    take_over(site)
    audit(site)
    assert states(site)["edge-1"] == FOLLOWING
    assert subcloud(site)["peer_group_id"] == 1
    assert "edge-1 (peer group)" in message(site)
    assert site.standing() == ("in-sync", "in-sync")


def test_subcloud_taken_out_of_a_stuck_migration_stays_managed_here(
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
    assert "edge-1 (it is in the group there but not here)" in message(site)


def test_a_subcloud_that_is_not_known_here_is_named(site: Site) -> None:
    in_sync(site)
    take_over(site)
    group_id = site.there.group_named("trains")["id"]
    site.there.put_subcloud("edge-9", "region-of-edge-9", peer_group_id=group_id)
    audit(site)
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-9" in message(site)


# -- The alarm --


def test_an_alarm_says_that_a_group_of_this_site_is_led_elsewhere(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    [alarm] = alarms(site)
    assert (alarm["alarm_id"], alarm["severity"]) == ("280.005", "major")
    assert alarm["entity_instance_id"] == f"peer_group=trains,peer={site.there.uuid}"
    assert "trains" in alarm["reason_text"]
