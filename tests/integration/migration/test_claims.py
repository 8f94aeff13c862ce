"""Two sites are asked to migrate one group, or a third one has it: who goes on."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.jobs.backlog import Backlog
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync import asking
from dcapi.sync.takeover import group_rows
from tests.fakes.peer import FakePeer
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import peer_body
from tests.integration.migration.conftest import GROUP, Survivor

PATH = f"/subcloud-peer-groups/{GROUP}"
THIRD_UUID = "33333333-2222-4333-8444-555555555555"


def migrates_there(site: Survivor) -> None:
    group = site.there.group_named(GROUP)
    group["migration_status"] = "migrating"
    site.there.migrating_here.add(group["id"])


def expect_untouched(site: Survivor, status: str | None = None) -> None:
    """The migration came to nothing, before it touched a subcloud."""
    group = site.group()
    assert (group.migration_status, group.migrating_here) == (status, False)
    assert group.system_leader_id != site.runtime.site.uuid
    assert set(site.steps().values()) == {None}
    assert site.standing() == ("secondary", "unmanaged")
    assert site.tasks() == 0
    association = site.association()
    assert not association.unfollowed
    assert association.audit_asked > 0
    assert site.there.subcloud_in("region-of-edge-1")["management-state"] == "managed"


def test_of_two_sites_the_one_with_the_higher_number_gives_way(site: Survivor) -> None:
    site.add_member()
    migrates_there(site)
    answer = site.migrate()
    assert answer.status_code == 409
    assert "Site site-a does not give way: This site is migrating the peer group" in answer.text
    expect_untouched(site)


def test_older_site_rehoming_a_member_is_given_way_to(site: Survivor) -> None:
    site.add_member()
    site.there.group_named(GROUP)["migration_status"] = "migrating"
    site.there.put_subcloud(
        "edge-9", "9" * 32, deploy__status="rehoming", peer_group_id=site.there.group_named(GROUP)["id"]
    )
    answer = site.migrate()
    assert answer.status_code == 409
    assert "Site site-a is migrating the peer group." in answer.text
    assert "update_group" not in site.peer.count
    expect_untouched(site)


def test_a_site_that_read_of_a_migration_before_it_was_told_is_no_obstacle(site: Survivor) -> None:
    """Its audit came between the commit here and the reading of its copy."""
    site.add_member()
    group = site.there.group_named(GROUP)
    site.peer.do(lambda: group.update({"migration_status": "migrating"}), on="groups")
    site.begin()
    site.run_jobs()
    site.expect_complete()


def test_site_that_begins_before_it_is_told_is_given_way_to(site: Survivor) -> None:
    site.add_member()
    site.peer.do(lambda: migrates_there(site), on="update_group")
    answer = site.migrate()
    assert answer.status_code == 409
    assert "Site site-a does not give way: This site is migrating the peer group" in answer.text
    expect_untouched(site)


def test_of_two_sites_the_one_with_the_lower_number_goes_on(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0)
    site.change(PeerGroupAssociation, 1, association_type="primary", peer_group_priority=1)
    site.there.group_named(GROUP)["group_priority"] = 1
    site.add_member()
    migrates_there(site)
    site.begin()
    assert site.there.migrating_here == set()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")


def test_a_secondary_site_that_is_told_gives_way_until_a_member_has_begun(site: Survivor) -> None:
    site.add_member()
    site.begin()
    assert site.steps() == {"edge-1": "waiting"}
    answer = site.other_site.patch(PATH, json={"migration_status": "migrating"})
    assert answer.status_code == 200
    assert '"migration_status":"migrating"' in answer.text.replace(" ", "")
    assert not asking.is_unheard(site.association())
    expect_untouched(site, "migrating")
    site.jobs._waiting = Backlog(1000)
    assert site.sweep() == 0


def test_a_primary_site_that_is_told_goes_on(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0)
    site.add_member()
    site.begin()
    answer = site.other_site.patch(PATH, json={"migration_status": "migrating"})
    assert answer.status_code == 409
    assert site.group().migrating_here


def test_a_site_that_is_told_shows_it_and_has_the_teller_read(site: Survivor) -> None:
    answer = site.other_site.patch(PATH, json={"migration_status": "migrating"})
    assert answer.status_code == 200
    group = site.group()
    assert (group.migration_status, group.migrating_here) == ("migrating", False)
    assert site.association().audit_asked > 0


def test_site_told_of_an_abandoned_migration_reads_the_teller_again(site: Survivor) -> None:
    """Its members were let go meanwhile, and are to be taken back."""
    site.other_site.patch(PATH, json={"migration_status": "migrating"})
    asked = site.association().audit_asked
    assert site.other_site.patch(PATH, json={"migration_status": "none"}).status_code == 200
    assert site.group().migration_status is None
    assert site.association().audit_asked > asked


def test_site_told_what_it_knows_leaves_the_other_alone(site: Survivor) -> None:
    site.add_member()
    site.other_site.patch(PATH, json={"migration_status": "migrating"})
    migrates_there(site)
    answer = site.migrate()
    assert answer.status_code == 409
    expect_untouched(site, "migrating")


def test_a_primary_that_was_told_leaves_the_other_alone_too(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0)
    site.there.group_named(GROUP)["group_priority"] = 1
    site.add_member()
    site.other_site.patch(PATH, json={"migration_status": "migrating"})
    migrates_there(site)
    assert site.migrate().status_code == 409
    expect_untouched(site, "migrating")


@pytest.mark.parametrize("away", [True, False])
def test_what_was_told_is_stale_when_the_teller_is_away_or_says_otherwise(site: Survivor, away: bool) -> None:
    site.add_member()
    site.other_site.patch(PATH, json={"migration_status": "migrating"})
    if away:
        site.be_away()
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


@pytest.mark.parametrize("status", [400, 500])
def test_an_older_site_that_takes_no_claim_is_gone_by_as_it_was_read(site: Survivor, status: int) -> None:
    site.add_member()
    site.there.group_named(GROUP)["migration_status"] = None
    site.peer.fail(PeerRefused(f"answered {status}", status, "no"), on="update_group")
    assert site.migrate().status_code == 200
    assert site.group().migrating_here


def test_an_older_site_that_ignores_a_claim_is_no_obstacle(site: Survivor) -> None:
    site.there.answers_like_original = True
    site.add_member()
    assert site.migrate().status_code == 200


def test_another_system_in_the_place_of_the_peer_is_not_told(site: Survivor) -> None:
    site.add_member()
    site.there.uuid = THIRD_UUID
    site.begin()
    site.run_jobs()
    assert site.peer.changes() == []
    # What it keeps in its groups is not even looked at.
    assert site.peer.calls[0] == ("system_uuid", ())
    assert "groups" not in site.peer.count
    assert site.standing() == ("complete", "managed")


def test_a_group_that_has_the_copys_id_and_not_its_association_is_not_told(site: Survivor) -> None:
    """The other site was set up anew, and gives ids again."""
    site.add_member()
    group = site.there.group_named(GROUP)
    group["peer_group_name"] = "of-somebody"
    site.change(PeerGroupAssociation, 1, remote_group_id=group["id"])
    site.there.associations.clear()
    site.begin()
    assert "update_group" not in site.peer.count
    assert site.there.group_named("of-somebody")["migration_status"] is None


# -- A third site --


def add_third(site: Survivor, *, associated: bool = False) -> FakePeer:
    """Another site that has a group of this name; its system peer here has the id 2."""
    third = FakePeer(FakeSite(THIRD_UUID, "site-c"))
    site.runtime.peers.fakes[2] = third  # type: ignore[attr-defined]
    body = peer_body(peer_uuid=THIRD_UUID, peer_name="site-c")
    assert site.operator.post("/system-peers", json=body).status_code == 200
    if associated:
        pair = {"peer_group_id": 1, "system_peer_id": 2}
        assert site.operator.post("/peer-group-associations", json=pair).status_code == 200
    return third


@pytest.mark.parametrize(
    "values",
    [
        {"leader": THIRD_UUID},
        {"leader": "44444444-2222-4333-8444-555555555555", "migration_status": "migrating"},
    ],
)
def test_a_stranger_that_leads_or_migrates_the_group_keeps_it(site: Survivor, values: dict[str, Any]) -> None:
    site.add_member()
    add_third(site).site.put_group(GROUP, 2, **values)
    answer = site.migrate()
    assert answer.status_code == 409
    assert "site-c" in answer.text
    expect_untouched(site)


def test_a_stranger_that_is_away_is_no_obstacle(site: Survivor) -> None:
    site.add_member()
    third = add_third(site)
    third.site.put_group(GROUP, 2, leader=THIRD_UUID)
    third.fail(PeerUnavailable("no answer"), times=None)
    site.begin()
    site.run_jobs()
    site.expect_complete()
    assert third.changes() == []


def test_a_disabled_peer_is_asked_too(site: Survivor) -> None:
    site.add_member()
    site.change(SystemPeer, 1, administrative_state="disabled")
    site.begin()
    site.run_jobs()
    assert site.there.subcloud_in("region-of-edge-1")["management-state"] == "unmanaged"
    assert site.standing() == ("complete", "managed")


def test_who_was_told_hears_when_it_comes_to_nothing(site: Survivor) -> None:
    site.add_member()
    third = add_third(site, associated=True)
    third.site.put_group(GROUP, 2, leader=site.there.uuid)
    third.site.migrating_here.add(third.site.group_named(GROUP)["id"])
    third.site.begun.add(third.site.group_named(GROUP)["id"])
    answer = site.migrate()
    assert answer.status_code == 409
    assert "Site site-c does not give way" in answer.text
    assert site.there.group_named(GROUP)["migration_status"] is None
    expect_untouched(site)


# -- A process that dies in between --


def begin_without_telling(site: Survivor, *, tells: bool) -> None:
    """A request that was cut off after its commit, or after it noted that it tells the others."""
    with site.runtime.unit_of_work() as session:
        members = group_rows.lock_members(session, 1)
        group = group_rows.lock_group(session, 1)
        assert group is not None
        group_rows.begin(session, site.runtime, group, members, "c2VjcmV0")
        session.flush()
        group_rows.write_notes(session, 1, group_rows.MigrationNotes(tells=tells))
        session.commit()


@pytest.mark.parametrize("tells", [True, False])
def test_a_migration_cut_off_before_it_was_told_is_told_by_a_sweep(site: Survivor, tells: bool) -> None:
    site.add_member()
    begin_without_telling(site, tells=tells)
    if tells:
        site.there.group_named(GROUP)["migration_status"] = "migrating"
    site.sweep()
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


@pytest.mark.parametrize("tells", [True, False])
def test_a_resumed_migration_gives_way_like_a_new_one(site: Survivor, tells: bool) -> None:
    site.add_member()
    begin_without_telling(site, tells=tells)
    migrates_there(site)
    site.sweep()
    expect_untouched(site)
