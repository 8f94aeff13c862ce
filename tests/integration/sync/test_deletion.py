"""Deleting a primary association: the peer is cleaned first, and nothing is forgotten half-way."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from dcapi.tasks import leases
from tests.integration.sync.conftest import Site, in_sync
from tests.integration.sync.takeovers import AT_HOME, FOLLOWING, message, states, take_over

OTHER = "99999999-2222-4333-8444-555555555555"
GONE = PeerUnavailable("connection refused")
LOST = PeerUnavailable("the answer was lost", maybe_sent=True)


@pytest.fixture
def quiet(site: Site) -> Site:
    in_sync(site, "edge-1", "edge-2")
    return site


def delete(site: Site, query: str = "") -> Any:
    return site.operator.delete(f"/peer-group-associations/1{query}")


def is_gone(site: Site) -> bool:
    return bool(site.operator.get("/peer-group-associations/1").status_code == 404)


def is_clean(site: Site) -> bool:
    return not (site.there.groups or site.there.associations or site.there.subclouds)


def test_a_deletion_cleans_the_peer(quiet: Site) -> None:
    answer = delete(quiet)
    assert (answer.status_code, answer.json) == (200, None)
    assert is_gone(quiet)
    assert is_clean(quiet)
    assert quiet.ledger() == {}


def test_a_peer_that_cannot_be_reached_leaves_everything_as_it_was(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    answer = delete(quiet)
    assert answer.status_code == 422
    assert "connection refused" in answer.json["description"]
    assert not quiet.row().deleting
    quiet.peer.heal()
    assert delete(quiet).status_code == 200
    assert is_clean(quiet)


@pytest.mark.parametrize("method", ["delete_subcloud", "delete_association", "delete_group"])
def test_a_deletion_that_was_cut_off_is_finished_in_the_background(quiet: Site, method: str) -> None:
    quiet.peer.fail(LOST, on=method, after=True)
    assert delete(quiet).status_code == 422
    assert quiet.row().deleting
    for call in (
        lambda: quiet.operator.patch("/peer-group-associations/1/sync"),
        lambda: quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 2}),
        lambda: delete(quiet),
    ):
        assert call().status_code == 409
    assert Reconciler(quiet.runtime, [associations_outstanding]).sweep() == 1
    quiet.run_jobs()
    assert is_gone(quiet)
    assert is_clean(quiet)


def test_a_deletion_half_done_waits_until_the_peer_answers_again(quiet: Site) -> None:
    quiet.peer.fail(LOST, on="delete_association", after=True)
    assert delete(quiet).status_code == 422
    quiet.peer.fail(GONE, times=None)
    sweep(quiet)
    assert quiet.row().deleting
    quiet.peer.heal()
    sweep(quiet)
    assert is_gone(quiet)
    assert is_clean(quiet)


def test_a_refusal_after_something_was_deleted_keeps_the_mark(quiet: Site) -> None:
    quiet.peer.fail(PeerRefused("500", 500, ""), on="delete_association")
    assert delete(quiet).status_code == 422
    assert quiet.row().deleting


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("migrating", "The peer is migrating the group."),
        ("complete", "The peer's copy of the group is led by site-b."),
    ],
)
def test_a_deletion_that_is_refused_says_why_in_whole_sentences(quiet: Site, status: str, why: str) -> None:
    take_over(quiet, status=status)
    refused = "Cannot delete a peer group association whose peer group is not led from here."
    assert delete(quiet).json["description"] == f"{refused} {why}"


def test_a_peer_that_leads_the_group_is_not_cleaned(quiet: Site) -> None:
    quiet.there.group_named("trains")["system_leader_id"] = OTHER
    before = quiet.there.digest()
    assert delete(quiet).status_code == 400
    assert not quiet.row().deleting
    assert quiet.there.digest() == before


def sweep(site: Site) -> None:
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()


def test_dead_deletion_is_given_up_when_the_peer_took_the_group(quiet: Site) -> None:
    quiet.change(PeerGroupAssociation, 1, deleting=True)
    take_over(quiet)
    sweep(quiet)
    assert not quiet.row().deleting
    assert set(states(quiet).values()) == {FOLLOWING}
    assert quiet.standing() == ("in-sync", "in-sync")


def test_copies_removed_by_an_abandoned_deletion_live_on_here(quiet: Site) -> None:
    quiet.peer.fail(PeerRefused("500", 500, ""), on="delete_association")
    assert delete(quiet).status_code == 422
    assert quiet.there.subclouds == {}
    take_over(quiet)
    sweep(quiet)
    assert not quiet.row().deleting
    assert set(states(quiet).values()) == {AT_HOME}
    assert quiet.standing() == ("out-of-sync", "out-of-sync")
    assert "edge-1" in message(quiet)


def test_a_deletion_that_is_given_up_says_so(quiet: Site) -> None:
    quiet.change(PeerGroupAssociation, 1, deleting=True)
    quiet.there.group_named("trains")["system_leader_id"] = OTHER
    sweep(quiet)
    assert quiet.standing()[0] == "out-of-sync"
    assert message(quiet).startswith("The deletion of the association was given up.")


def test_a_group_that_this_site_does_not_lead_keeps_its_association(quiet: Site) -> None:
    quiet.change(SubcloudPeerGroup, 1, system_leader_id=OTHER)
    assert delete(quiet).status_code == 400
    assert quiet.peer.calls == []


@pytest.mark.parametrize("case", ["another system", "no group", "primary there"])
def test_a_peer_without_our_copy_is_not_touched_and_the_row_goes(quiet: Site, case: str) -> None:
    if case == "another system":
        quiet.there.uuid = OTHER
    elif case == "no group":
        quiet.there.groups.clear()
    else:
        quiet.there.group_named("trains")["group_priority"] = 0
    before = quiet.there.digest()
    assert delete(quiet).status_code == 200
    assert is_gone(quiet)
    assert quiet.there.digest() == before


def test_a_copy_that_the_peer_manages_stays(quiet: Site) -> None:
    quiet.there.subcloud_in("region-of-edge-1")["deploy-status"] = "complete"
    assert delete(quiet).status_code == 200
    assert [copy["name"] for copy in quiet.there.subclouds.values()] == ["edge-1"]


def test_a_copy_that_fell_out_of_the_group_there_is_deleted_too(quiet: Site) -> None:
    quiet.there.subcloud_in("region-of-edge-1")["peer_group_id"] = None
    assert delete(quiet).status_code == 200
    assert is_clean(quiet)


def test_a_forced_deletion_is_local_and_says_what_stays(quiet: Site) -> None:
    before = quiet.there.digest()
    answer = delete(quiet, "?force=true")
    assert answer.status_code == 200
    assert "stay" in answer.json["info_message"]
    assert answer.json["info_message"].endswith("\n")
    assert is_gone(quiet)
    assert quiet.there.digest() == before


def test_a_deletion_waits_for_nobody_for_ever(quiet: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcapi.services.association_lookup.RUN_PATIENCE", 0.0)
    hold = leases.take(quiet.runtime, leases.association_lease(1))
    assert hold is not None
    with hold:
        assert delete(quiet).status_code == 409
    assert delete(quiet).status_code == 200


def test_a_member_change_while_a_deletion_goes_on_is_no_error(quiet: Site) -> None:
    quiet.peer.do(lambda: quiet.change(Subcloud, 1, description="new"), on="delete_subcloud")
    assert delete(quiet).status_code == 200
    assert is_gone(quiet)
