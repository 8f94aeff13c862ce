"""A group is taken over from a site that runs the original, which is told nothing and gives way to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync import asking
from dcapi.sync.audit import audit
from dcapi.sync.takeover import group_rows
from tests.integration.migration.conftest import GROUP, Survivor
from tests.integration.migration.test_claims import add_third

BUSY = PeerUnavailable("Peer site-a: answered 503", 503)
GONE = PeerUnavailable("Peer site-a: no answer")
MIGRATING = "Site site-a is migrating the peer group."
STUCK = "Site site-a says that it migrates the group and cannot be told otherwise: run migrate there."
# Longer than an original's ``migrating`` is waited for.
LONG_AGO = 3600.0


@pytest.fixture
def site(site: Survivor) -> Survivor:
    site.there.kind = PeerKind.ORIGINAL
    return site


def copy(site: Survivor, name: str = "edge-1") -> dict[str, Any]:
    return site.there.subcloud_in(f"region-of-{name}")


def group_there(site: Survivor) -> dict[str, Any]:
    return site.there.group_named(GROUP)


def resets(site: Survivor) -> list[Any]:
    """What the group there was sent."""
    return [arguments[1] for method, arguments in site.peer.calls if method == "update_group"]


def migrating_since(site: Survivor, seconds: float = LONG_AGO) -> None:
    """The original says that it migrates, and that was noted so long ago."""
    group_there(site)["migration_status"] = "migrating"
    site.there.touch(group_there(site))
    site.change(
        PeerGroupAssociation,
        1,
        leftover_seen_at=time.time() - seconds,
        leftover_changed_at=group_there(site)["updated-at"],
    )


def expect_refused(site: Survivor, text: str = MIGRATING) -> None:
    """The claim was lost, and nothing was touched at either site."""
    answer = site.migrate()
    assert answer.status_code == 409
    assert text in answer.text
    group = site.group()
    assert (group.migrating_here, set(site.steps().values()), site.tasks()) == (False, {None}, 0)
    assert site.standing() == ("secondary", "unmanaged")
    assert "cede_subcloud" not in site.peer.count


# -- R2: what it is told --


def test_an_original_is_never_told_that_this_site_migrates(site: Survivor) -> None:
    site.add_member()
    site.begin()
    assert site.peer.changes() == []
    assert not site.association().unfollowed
    site.run_jobs()
    assert site.peer.changes() == ["cede_subcloud"]
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


def test_an_original_still_to_be_asked_is_not_asked_while_this_site_migrates(site: Survivor) -> None:
    """It did not hear of the takeover before, and would let go at once what it is not asked for."""
    site.add_member()
    site.change(PeerGroupAssociation, 1, unfollowed=True, ask_mark=1)
    site.begin()
    site.change(SystemPeer, 1, kind=None)
    association = site.association()
    with site.runtime.unit_of_work() as session:
        found = session.get(PeerGroupAssociation, association.id)
        assert found is not None
        assert audit.is_due(found)
    hold = site.association_hold()
    with hold:
        assert audit.audit(site.runtime, hold, 1) is audit.Progress.WAITING
    assert site.there.audits == []
    with site.runtime.unit_of_work() as session:
        found = session.get(PeerGroupAssociation, association.id)
        assert found is not None
        assert not audit.is_due(found)
        assert found.unfollowed


def test_a_site_of_ours_beside_an_original_is_told_as_ever(site: Survivor) -> None:
    site.add_member()
    third = add_third(site, associated=True)
    third.site.put_group(GROUP, 2, leader=site.there.uuid)
    site.begin()
    assert third.site.group_named(GROUP)["migration_status"] == "migrating"
    assert (resets(site), group_there(site)["migration_status"]) == ([], None)
    assert asking.is_unheard(site.read(PeerGroupAssociation, 2))


def test_an_original_is_told_nothing_when_a_claim_comes_to_nothing(site: Survivor) -> None:
    site.add_member()
    third = add_third(site, associated=True)
    group = third.site.put_group(GROUP, 2, leader=site.there.uuid)
    third.site.migrating_here.add(group)
    third.site.begun.add(group)
    assert site.migrate().status_code == 409
    assert resets(site) == []


def test_a_peer_whose_kind_was_never_read_is_told_nothing(site: Survivor) -> None:
    site.add_member()
    site.there.kind = PeerKind.OURS
    site.peer.fail(PeerUnavailable("Peer site-a: answered 503", 503), on="kind")
    site.begin()
    assert resets(site) == []


# -- R3: who wins, the group --


@pytest.mark.parametrize("priority", [0, 1])
def test_an_original_that_migrates_keeps_its_group_whatever_the_priority(
    site: Survivor, priority: int
) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=priority)
    group_there(site)["group_priority"] = 1 - priority
    site.add_member()
    group_there(site)["migration_status"] = "migrating"
    expect_refused(site)
    assert resets(site) == []


def test_an_original_that_migrates_and_hides_its_members_keeps_its_group(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    site.peer.fail(PeerRefused("Peer site-a: answered 500", 500, "broken"), on="group_subclouds")
    expect_refused(site)
    assert resets(site) == []


def test_an_original_is_away_only_when_it_gave_no_answer_at_all(site: Survivor) -> None:
    site.add_member()
    site.peer.fail(GONE, on="groups")
    site.begin()
    site.peer.fail(GONE, on="subcloud", times=None)
    site.run_jobs()
    assert site.standing() == ("rehome-prep-failed", "unmanaged")


def test_members_of_an_original_that_is_away_are_taken_without_asking(site: Survivor) -> None:
    site.add_member()
    site.change(SystemPeer, 1, kind="original", availability_state="available")
    site.be_away()
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")


def test_a_migration_warns_of_what_an_original_will_delete(site: Survivor) -> None:
    site.add_member()
    site.there.put_subcloud("edge-9", "9" * 32, peer_group_id=group_there(site)["id"])
    site.begin()
    assert site.association().sync_status == "out-of-sync"
    assert site.association().sync_message == (
        "Site site-a deletes what this site does not have in the group when it follows: edge-9."
    )


# -- R3: each member --


def rehome_there(site: Survivor) -> None:
    copy(site).update({"deploy-status": "rehoming", "management-state": "unmanaged"})


def wait_there(site: Survivor) -> None:
    copy(site).update({"deploy-status": "complete", "management-state": "unmanaged"})
    group_there(site)["migration_status"] = "migrating"


@pytest.mark.parametrize("act", [rehome_there, wait_there])
def test_a_member_that_an_original_began_with_is_not_taken(
    site: Survivor, act: Callable[[Survivor], None]
) -> None:
    site.add_member()
    site.begin()
    act(site)
    site.run_jobs()
    assert site.standing() == ("rehome-prep-failed", "unmanaged")
    assert site.subcloud()["error-description"] == "Site site-a is rehoming it."
    assert "cede_subcloud" not in site.peer.count
    assert site.peer.count["subcloud"] == 1


def test_silent_original_that_answered_the_claim_loses_no_member(site: Survivor) -> None:
    site.add_member()
    site.begin()
    site.change(SystemPeer, 1, availability_state="unavailable")
    site.peer.fail(GONE, on="subcloud", times=None)
    site.run_jobs()
    assert site.peer.count["subcloud"] == 3
    assert site.standing() == ("rehome-prep-failed", "unmanaged")
    assert site.subcloud()["error-description"] == "Peer site-a: no answer"
    assert copy(site)["management-state"] == "managed"


def test_a_lost_answer_of_an_original_is_found_out_by_the_next_try(site: Survivor) -> None:
    site.add_member()
    site.begin()
    site.peer.fail(GONE, on="cede_subcloud", after=True)
    site.run_jobs()
    assert site.peer.count["cede_subcloud"] == 1
    assert site.standing() == ("complete", "managed")


# -- R8: an operator asks, and the original's ``migrating`` is left over --


def test_a_fresh_migrating_of_an_original_is_noted_and_refused(site: Survivor) -> None:
    site.add_member()
    group_there(site)["migration_status"] = "migrating"
    expect_refused(site)
    noted = site.association()
    assert noted.leftover_seen_at is not None
    assert noted.reset_sent_for is None
    assert resets(site) == []


def test_a_stale_migrating_is_reset_once_and_the_group_is_taken_over(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    site.begin()
    assert resets(site) == [{"migration_status": None}]
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    site.expect_complete()
    assert resets(site) == [{"migration_status": None}]


@pytest.mark.parametrize("seconds", [0.0, 29.0])
def test_a_migrating_that_is_not_old_enough_is_let_be(site: Survivor, seconds: float) -> None:
    site.add_member()
    migrating_since(site, seconds)
    expect_refused(site)
    assert resets(site) == []


@pytest.mark.parametrize(
    "state",
    [("pre-rehome", "unmanaged"), ("rehoming", "unmanaged"), ("complete", "unmanaged")],
)
def test_a_member_on_its_way_there_clears_the_note(site: Survivor, state: tuple[str, str]) -> None:
    site.add_member()
    migrating_since(site)
    copy(site).update(dict(zip(("deploy-status", "management-state"), state, strict=True)))
    expect_refused(site)
    assert resets(site) == []
    assert site.association().leftover_seen_at is None


def test_an_original_that_changed_its_row_begins_anew(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    site.there.touch(group_there(site))
    expect_refused(site)
    assert resets(site) == []


def test_a_request_for_a_member_begins_the_note_anew(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    with site.runtime.unit_of_work() as session:
        group_rows.forget_leftovers(session, 1)
        session.commit()
    expect_refused(site)
    assert resets(site) == []


def test_an_original_that_takes_no_reset_is_reset_once_and_named(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    site.there.answers_like_original = True
    expect_refused(site, STUCK)
    expect_refused(site, STUCK)
    assert resets(site) == [{"migration_status": None}]


def test_an_original_that_does_not_answer_the_reset_keeps_its_group(site: Survivor) -> None:
    site.add_member()
    migrating_since(site)
    site.peer.fail(BUSY, on="update_group")
    expect_refused(site)
    assert site.association().reset_sent_for is None
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")


# -- R9: what was let go for a claim that came to nothing --


@pytest.mark.parametrize("with_movers", [True, False])
def test_a_group_whose_member_an_original_kept_is_not_migrated_here(
    site: Survivor, with_movers: bool
) -> None:
    site.add_member()
    site.change(SubcloudPeerGroup, 1, system_leader_id=site.runtime.site.uuid)
    group_there(site)["system_leader_id"] = site.runtime.site.uuid
    site.change(Subcloud, 1, deploy_status="rehome-pending")
    if with_movers:
        site.add_member("edge-2", deploy_status="rehome-failed")
        copy(site, "edge-2").update({"deploy-status": "rehome-failed", "management-state": "unmanaged"})
    answer = site.migrate()
    assert answer.status_code == 409
    assert "Site site-a manages edge-1: migrate there again." in answer.text
    assert not site.group().migrating_here
    copy(site).update({"deploy-status": "secondary", "management-state": "unmanaged"})
    assert site.migrate().status_code == (200 if with_movers else 400)
