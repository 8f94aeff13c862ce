"""Runs against a peer in memory: what is sent, how a run ends, and what a change in between does to it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import Deploy
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from tests.integration.sync.conftest import Site, in_sync

GONE = PeerUnavailable("no answer")
LOST = PeerUnavailable("the answer was lost", maybe_sent=True)
REFUSED = PeerRefused("it said no", 422, "no")


def test_a_first_sync_creates_the_group_the_association_and_the_members(site: Site) -> None:
    site.add_member("edge-1")
    assert site.associate()["sync-status"] == "syncing"
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    group = site.there.group_named("trains")
    assert (group["group_priority"], group["system_leader_id"]) == (1, site.runtime.site.uuid)
    copy = site.there.subcloud_in("region-of-edge-1")
    assert (copy["deploy-status"], copy["peer_group_id"]) == (Deploy.SECONDARY, group["id"])
    saved = site.there.saved_payload("region-of-edge-1")
    assert saved["systemcontroller_gateway_address"] == "192.168.204.102"


def test_sync_without_changes_writes_no_member_at_constant_cost(site: Site) -> None:
    in_sync(site, *(f"edge-{number}" for number in range(20)))
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.changes() == ["tell_association", "tell_association"]
    assert len(site.peer.calls) == 7


def test_a_sync_sends_only_the_member_that_differs(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 2, description="moved to rack 5")
    site.ask_for_sync()
    site.run_jobs()
    assert site.peer.count["update_subcloud"] == 1
    assert site.there.subcloud_in("region-of-edge-2")["description"] == "moved to rack 5"


def test_a_changed_password_is_sent_although_the_peer_masks_it(site: Site) -> None:
    in_sync(site, "edge-1")
    site.there.subcloud_in("region-of-edge-1")["rehome_data"] = None
    site.ask_for_sync()
    site.run_jobs()
    assert site.peer.count["update_subcloud"] == 1


def test_a_member_that_left_is_removed_at_the_peer(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, peer_group_id=None)
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert [copy["name"] for copy in site.there.subclouds.values()] == ["edge-2"]
    assert site.ledger()["region-of-edge-1"] == (False, True)


def test_a_member_that_fails_does_not_stop_the_others_and_is_named(site: Site) -> None:
    for name in ("edge-1", "edge-2", "edge-3"):
        site.add_member(name)
    site.peer.fail(REFUSED, on="add_secondary", at=1)
    site.associate()
    site.run_jobs()
    association = site.association()
    assert association["sync-status"] == "failed"
    assert "1 subcloud(s) of 3" in association["sync-message"]
    assert "it said no" in association["sync-message"]
    assert len(site.there.subclouds) == 2


def test_a_creation_whose_answer_was_lost_is_adopted(site: Site) -> None:
    site.add_member("edge-1")
    site.peer.fail(LOST, on="add_secondary", after=True)
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.count["add_secondary"] == 1


def test_a_subcloud_of_the_region_that_the_peer_manages_is_left_alone(site: Site) -> None:
    site.add_member("edge-1")
    site.there.put_subcloud("edge-1", "region-of-edge-1", deploy__status="complete")
    site.associate()
    site.run_jobs()
    assert "is complete there" in site.association()["sync-message"]
    assert site.there.subcloud_in("region-of-edge-1")["peer_group_id"] is None


def test_a_copy_in_another_group_there_is_left_alone(site: Site) -> None:
    site.add_member("edge-1")
    other = site.there.put_group("buses")
    site.there.put_subcloud("edge-1", "region-of-edge-1", peer_group_id=other)
    site.associate()
    site.run_jobs()
    assert "another peer group" in site.association()["sync-message"]
    assert site.there.subcloud_in("region-of-edge-1")["peer_group_id"] == other


def test_a_renamed_member_is_created_anew_under_its_new_name(site: Site) -> None:
    in_sync(site, "edge-1")
    site.change(Subcloud, 1, name="edge-one")
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert [copy["name"] for copy in site.there.subclouds.values()] == ["edge-one"]


def test_a_change_during_a_run_leaves_the_association_out_of_sync(site: Site) -> None:
    member_id = site.add_member("edge-1")
    site.associate()

    def change() -> None:
        body = {"description": "changed in between"}
        site.good(
            site.operator.patch(f"/subclouds/{member_id}", data=body, content_type="multipart/form-data")
        )

    site.peer.do(change, on="add_secondary", after=True)
    site.run_jobs()
    assert site.standing() == ("out-of-sync", "out-of-sync")
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.there.subcloud_in("region-of-edge-1")["description"] == "changed in between"


def test_a_sync_asked_for_during_a_run_is_served_by_another_run(site: Site) -> None:
    site.add_member("edge-1")
    site.associate()

    def ask_again() -> None:
        site.ask_for_sync()

    site.peer.do(ask_again, on="add_secondary", after=True)
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.count["system_uuid"] == 2


def test_an_attribute_that_changed_in_between_leaves_it_out_of_sync(site: Site) -> None:
    site.add_member("edge-1")
    site.associate()
    site.peer.do(
        lambda: site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=3), on="add_secondary", after=True
    )
    site.run_jobs()
    assert site.standing() == ("out-of-sync", "out-of-sync")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("peer_uuid", "99999999-2222-4333-8444-555555555555"),
        ("manager_endpoint", "http://127.0.0.1:10/v3"),
    ],
)
def test_a_peer_that_was_changed_in_between_is_forgotten(site: Site, field: str, value: str) -> None:
    site.add_member("edge-1")
    site.associate()
    site.peer.do(lambda: site.change(SystemPeer, 1, **{field: value}), on="add_secondary", after=True)
    site.run_jobs()
    association, row = site.association(), site.row()
    assert association["sync-status"] == "out-of-sync"
    assert "system peer was changed" in association["sync-message"]
    assert (row.remote_group_id, row.remote_association_id) == (None, None)
    assert not any(arrived for arrived, _ in site.ledger().values())


def test_peer_with_a_new_gateway_is_told_how_the_run_ended(site: Site) -> None:
    site.add_member("edge-1")
    site.associate()
    gateway = {"peer_controller_gateway_address": "192.168.204.103"}

    def change_gateway() -> None:
        site.good(site.operator.patch("/system-peers/1", json=gateway))

    site.peer.do(change_gateway, on="add_secondary", after=True)
    site.run_jobs()
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert "system peer was changed" in site.association()["sync-message"]
    assert not any(arrived for arrived, _ in site.ledger().values())


@pytest.mark.parametrize(
    "group",
    [{"leader": "99999999-2222-4333-8444-555555555555"}, {"migration_status": "migrating"}],
)
def test_a_run_gives_way_to_a_peer_that_took_over(site: Site, group: dict[str, Any]) -> None:
    values: dict[str, Any] = {"leader": site.runtime.site.uuid, **group}
    site.there.put_group("trains", **values)
    before = site.there.digest()
    site.add_member("edge-1")
    site.associate()
    site.run_jobs()
    association = site.association()
    assert association["sync-status"] == "out-of-sync"
    assert association["sync-message"] != "None"
    assert site.there.digest() == before


def test_a_completed_migration_under_this_leader_is_no_obstacle(site: Site) -> None:
    site.there.put_group("trains", leader=site.runtime.site.uuid, migration_status="complete")
    site.add_member("edge-1")
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")


def test_a_primary_group_of_the_name_over_there_is_an_error(site: Site) -> None:
    site.there.put_group("trains", priority=0)
    before = site.there.digest()
    site.associate()
    site.run_jobs()
    assert "primary peer group" in site.association()["sync-message"]
    assert site.there.digest() == before


def test_another_system_at_the_endpoint_is_an_error(site: Site) -> None:
    site.there.uuid = "99999999-2222-4333-8444-555555555555"
    before = site.there.digest()
    site.associate()
    site.run_jobs()
    assert "99999999" in site.association()["sync-message"]
    assert site.there.digest() == before


def test_peer_without_this_site_is_an_error_that_says_what_to_do(site: Site) -> None:
    site.there.system_peers.clear()
    site.associate()
    site.run_jobs()
    assert f"create a system peer for {site.runtime.site.uuid}" in site.association()["sync-message"]


def test_a_disabled_peer_is_not_called(site: Site) -> None:
    site.change(SystemPeer, 1, administrative_state="disabled")
    site.associate()
    site.run_jobs()
    assert site.association()["sync-message"] == "system peer is disabled"
    assert site.peer.calls == []


@pytest.mark.parametrize("error", [GONE, LOST, REFUSED])
@pytest.mark.parametrize("at", range(1, 13))
@pytest.mark.parametrize("after", [False, True])
def test_whatever_call_fails_the_run_ends_and_a_further_sync_mends_it(
    site: Site, error: Exception, at: int, after: bool
) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.peer.fail(error, at=at, after=after)
    site.associate()
    site.run_jobs()
    assert site.association()["sync-status"] in {"failed", "in-sync"}
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert {copy["name"] for copy in site.there.subclouds.values()} == {"edge-1", "edge-2"}
    assert len(site.there.groups) == len(site.there.associations) == 1


def test_what_the_peer_shows_after_the_push_counts_not_what_it_answered(site: Site) -> None:
    site.add_member("edge-1")

    def meddle() -> None:
        site.there.subcloud_in("region-of-edge-1")["description"] = "meddled with"

    site.associate()
    site.peer.do(meddle, on="group_subclouds", at=2)
    site.run_jobs()
    assert "shows something else" in site.association()["sync-message"]


def test_a_run_that_is_interrupted_again_and_again_fails_in_the_end(site: Site) -> None:
    site.associate()
    site.change(PeerGroupAssociation, 1, runs_begun=5)
    site.run_jobs()
    association = site.association()
    assert association["sync-status"] == "failed"
    assert "interrupted" in association["sync-message"]


def test_a_peer_like_the_original_comes_to_be_in_sync(site: Site) -> None:
    site.there.answers_like_original = True
    in_sync(site)
    site.ask_for_sync()
    site.run_jobs()
    assert "update_subcloud" not in site.peer.count


def test_a_group_that_the_peer_renamed_gets_its_name_back(site: Site) -> None:
    in_sync(site, "edge-1")
    site.there.group_named("trains")["peer_group_name"] = "half-done-rename"
    site.ask_for_sync()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    assert [group["peer_group_name"] for group in site.there.groups.values()] == ["trains"]


def test_progress_is_shown_while_a_run_goes_on_and_null_between_runs(site: Site) -> None:
    in_sync(site)
    site.add_member("edge-3")
    seen: dict[str, Any] = {}

    def look(when: str) -> None:
        seen[when] = site.association()["sync-progress"]

    look("before")
    site.ask_for_sync()
    look("asked")
    site.peer.do(partial(look, "planning"), on="group_subclouds")
    site.peer.do(partial(look, "sending"), on="add_secondary")
    site.run_jobs()
    look("after")
    nothing = dict.fromkeys(("before", "asked", "planning", "after"))
    assert seen == {**nothing, "sending": {"done": 0, "total": 1}}
