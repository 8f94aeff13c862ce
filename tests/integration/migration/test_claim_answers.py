"""What the other site answers while it is told of a migration, and what is made of it."""

from __future__ import annotations

import pytest

from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.tasks.runner import TASK_JOB
from tests.integration.kept_tasks import all_steps
from tests.integration.migration.conftest import GROUP, Survivor

REFUSALS = {
    "groups": PeerRefused("Peer site-a: answered 500", 500, "broken"),
    "system_uuid": PeerRefused("Peer site-a: answered 403", 403, "not yours"),
}


def managed_there(site: Survivor) -> bool:
    return bool(site.there.subcloud_in("region-of-edge-1")["management-state"] == "managed")


@pytest.mark.parametrize("call", REFUSALS)
def test_members_of_a_faulty_site_are_not_taken_without_asking(site: Survivor, call: str) -> None:
    site.add_member()
    site.peer.fail(REFUSALS[call], on=call, times=1)
    expect_asked_in_vain(site)


def test_members_of_a_busy_site_are_not_taken_without_asking(
    site: Survivor,
) -> None:
    site.add_member()
    site.peer.fail(PeerUnavailable("Peer site-a: answered 429", 429), on="update_group", times=1)
    expect_asked_in_vain(site)


def expect_asked_in_vain(site: Survivor) -> None:
    """It was not told, so it gives nothing away; a real one reads this site then, before the next try."""
    site.begin()
    site.run_jobs()
    assert site.peer.count["cede_subcloud"] == 3
    assert site.standing() == ("rehome-prep-failed", "unmanaged")
    assert managed_there(site)


def test_a_site_that_may_have_heard_is_asked_for_its_members(site: Survivor) -> None:
    site.add_member()
    silence = PeerUnavailable("Peer site-a: no answer within 2 s", maybe_sent=True)
    site.peer.fail(silence, on="update_group", times=1, after=True)
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    assert not managed_there(site)


def test_a_group_that_has_another_name_there_is_told_all_the_same(site: Survivor) -> None:
    site.add_member()
    there = site.there.group_named(GROUP)
    there["peer_group_name"] = "trams"
    site.change(PeerGroupAssociation, 1, remote_group_id=there["id"])
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    assert not managed_there(site)


def test_a_site_that_says_migrating_and_hides_its_members_is_given_way_to(site: Survivor) -> None:
    site.add_member()
    site.there.group_named(GROUP)["migration_status"] = "migrating"
    site.peer.fail(PeerRefused("Peer site-a: answered 500", 500, "broken"), on="group_subclouds", times=1)
    assert site.migrate().status_code == 409
    assert managed_there(site)


def test_site_between_two_members_of_its_takeover_does_not_give_way(site: Survivor) -> None:
    """The process may die, or the job be late, when one has arrived and the next was not let in yet."""
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=1)
    make_steps = site.jobs._functions[TASK_JOB]
    site.jobs._functions[TASK_JOB] = lambda **_: None
    site.begin()
    all_steps(site.runtime, "migrate")
    all_steps(site.runtime, "rehome")
    site.run_jobs()
    assert site.standing("edge-1") == ("complete", "managed")
    assert site.steps() == {"edge-1": None, "edge-2": "waiting"}
    claim = {"migration_status": "migrating"}
    assert site.other_site.patch(f"/subcloud-peer-groups/{GROUP}", json=claim).status_code == 409
    site.jobs._functions[TASK_JOB] = make_steps
    site.sweep()
    site.expect_complete()
