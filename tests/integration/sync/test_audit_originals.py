"""Audits of a peer that runs the original: what is reset there, and what is left to an operator."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from dcapi.log import AUDIT_LOGGER
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync import stale_status
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from dcapi.sync.takeover import group_rows
from dcapi.sync.watch.drift import Heard
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FAILED,
    FOLLOWING,
    LETTING_GO,
    LIVING,
    audit,
    begin_migration,
    follow_there,
    group,
    in_sync,
    let_pause_pass,
    message,
    states,
    subcloud,
    take_over,
)
from tests.integration.sync.test_audit_secondary import follower as follower
from tests.integration.sync.test_audit_secondary import take_home
from tests.integration.sync.test_monitor import heartbeat

BUSY = PeerUnavailable("Peer site-b: answered 503", 503)
STUCK = "Site site-b says that it migrates the group and cannot be told otherwise: run migrate there."
LONG_AGO = 3600.0


@pytest.fixture
def site(site: Site) -> Site:
    site.there.kind = PeerKind.ORIGINAL
    return site


def there(site: Site) -> dict[str, Any]:
    return site.there.group_named("trains")


def copy(site: Site, name: str = "edge-1") -> dict[str, Any]:
    return site.there.subcloud_in(f"region-of-{name}")


def resets(site: Site) -> list[Any]:
    """What the group there was sent."""
    return [arguments[1] for method, arguments in site.peer.calls if method == "update_group"]


def sweep(site: Site) -> int:
    found = Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    return found


def note(site: Site, seconds: float = LONG_AGO) -> None:
    """What the peer shows was noted so long ago."""
    changed_at = there(site)["updated-at"] or ""
    seen_at = time.time() - seconds
    site.change(PeerGroupAssociation, 1, leftover_seen_at=seen_at, leftover_changed_at=changed_at)


def lead_unheard(site: Site) -> None:
    """This site took the group over, and what it says is lost on a peer that says ``migrating``."""
    site.change(SubcloudPeerGroup, 1, migration_status="complete")
    site.change(PeerGroupAssociation, 1, unfollowed=True)
    there(site).update({"migration_status": "migrating", "system_leader_id": site.there.uuid})
    site.there.touch(there(site))

    def hear() -> None:
        if there(site)["migration_status"] != "migrating":
            follow_there(site)

    site.peer.do(hear, on="audit_group", times=None)


def let_go(site: Site) -> None:
    """The peer begins a migration, members are let go for it, and it dies."""
    begin_migration(site)
    site.there.touch(there(site))
    audit(site)
    assert set(states(site).values()) == {LETTING_GO}
    assert site.row().peer_migrates


# -- R2: what is reset --


def test_a_complete_that_was_followed_is_reset_by_null(site: Site) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert resets(site) == [{"migration_status": None}]


def test_a_leader_that_migrates_once_more_is_not_reset(site: Site) -> None:
    """It takes over members that failed, and anybody who reset it would let another site begin."""
    in_sync(site)
    take_over(site)
    audit(site)
    site.peer.calls.clear()
    there(site)["migration_status"] = "migrating"
    heartbeat(site)
    assert resets(site) == []
    assert there(site)["migration_status"] == "migrating"


def stale_complete(site: Site) -> None:
    in_sync(site)
    there(site)["migration_status"] = "complete"
    site.there.touch(there(site))


def test_a_complete_under_this_sites_leadership_is_reset(site: Site) -> None:
    stale_complete(site)
    heartbeat(site)
    assert resets(site) == [{"migration_status": None}]
    assert there(site)["migration_status"] is None
    assert set(states(site).values()) == {AT_HOME}


@pytest.mark.parametrize("deaf", [True, False])
def test_a_stale_complete_that_stays_is_reset_once_for_each_date(site: Site, deaf: bool) -> None:
    stale_complete(site)
    if deaf:
        site.there.answers_like_original = True
    else:
        site.peer.fail(PeerRefused("Peer site-b: answered 400", 400, "no"), on="update_group", times=None)
    for _ in range(3):
        audit(site)
    assert resets(site) == [{"migration_status": None}]
    site.there.touch(there(site))
    audit(site)
    assert resets(site) == [{"migration_status": None}] * 2


def test_a_stale_complete_with_a_new_date_after_each_reset_is_reset_once_an_audit(site: Site) -> None:
    stale_complete(site)
    site.there.answers_like_original = True
    site.peer.do(lambda: site.there.touch(there(site)), on="update_group", times=9)
    audit(site)
    assert resets(site) == [{"migration_status": None}]
    assert site.row().audit_asked == site.row().audit_served


def test_a_reset_without_an_answer_is_sent_again(site: Site) -> None:
    stale_complete(site)
    site.peer.fail(BUSY, on="update_group")
    audit(site)
    assert there(site)["migration_status"] == "complete"
    sweep(site)
    assert there(site)["migration_status"] is None


# -- R8: a ``migrating`` that is left over --


def test_a_stale_migrating_keeps_nobody_from_hearing_who_leads(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    lead_unheard(site)
    sweep(site)
    assert (resets(site), site.row().leftover_seen_at is None) == ([], False)
    note(site)
    let_pause_pass(site)
    asked = site.row().ask_mark
    with caplog.at_level(logging.INFO, AUDIT_LOGGER):
        sweep(site)
    assert resets(site) == [{"migration_status": None}]
    assert site.row().ask_mark == asked + 1
    assert there(site)["system_leader_id"] == site.runtime.site.uuid
    assert not site.row().unfollowed
    lines = [vars(one)["fields"] for one in caplog.records if one.name == AUDIT_LOGGER]
    assert [line for line in lines if line.get("verb") == "reset"] == [
        {
            "sender": "peer",
            "user_name": "site-b",
            "peer": "site-b",
            "verb": "reset",
            "object_type": "subcloud_peer_group",
            "object_id": 1,
            "object_name": "trains",
            "reason": stale_status.NOBODY_MIGRATES,
            "outcome": "done",
        }
    ]


def test_what_was_let_go_for_a_stale_migrating_comes_back(site: Site) -> None:
    in_sync(site)
    let_go(site)
    note(site)
    heartbeat(site)
    assert resets(site) == [{"migration_status": None}]
    assert set(states(site).values()) == {AT_HOME}
    assert site.standing() == ("in-sync", "in-sync")


def test_a_stale_migrating_that_concerns_nothing_here_is_let_be(site: Site) -> None:
    in_sync(site)
    let_go(site)
    for number in (1, 2):
        site.change(Subcloud, number, deploy_status="secondary")
    note(site)
    heartbeat(site, times=2)
    assert resets(site) == []


@pytest.mark.parametrize("state", ["pre-rehome", "rehoming", "complete"])
def test_a_member_on_its_way_there_keeps_it_migrating(site: Site, state: str) -> None:
    in_sync(site)
    let_go(site)
    note(site)
    copy(site).update({"deploy-status": state, "management-state": "unmanaged"})
    heartbeat(site, times=2)
    assert resets(site) == []
    assert site.row().leftover_seen_at is None


def test_a_request_for_a_member_keeps_it_migrating(site: Site) -> None:
    in_sync(site)
    let_go(site)
    note(site)
    with site.runtime.unit_of_work() as session:
        group_rows.forget_leftovers(session, 1)
        session.commit()
    heartbeat(site)
    assert resets(site) == []
    assert site.row().leftover_seen_at is not None


def test_a_heartbeat_reads_the_members_of_a_migrating_original_alone(site: Site) -> None:
    in_sync(site)
    heard: Heard = {}
    heartbeat(site, heard=heard)
    let_go(site)
    heartbeat(site, heard=heard)
    date = site.row().updated_at
    site.peer.calls.clear()
    heartbeat(site, heard=heard)
    assert [method for method, _ in site.peer.calls] == ["groups", "group_subclouds"]
    assert site.row().updated_at == date
    site.change(SystemPeer, 1, kind="dcapi")
    site.peer.calls.clear()
    heartbeat(site, heard=heard)
    assert [method for method, _ in site.peer.calls] == ["groups"]
    assert site.row().leftover_seen_at is None


def test_members_that_cannot_be_read_are_no_missed_heartbeat(site: Site) -> None:
    in_sync(site)
    let_go(site)
    heard: Heard = {}
    heartbeat(site, heard=heard)
    note(site)
    site.peer.fail(BUSY, on="group_subclouds")
    heartbeat(site, heard=heard)
    assert site.read(SystemPeer).heartbeat_failures == 0
    assert resets(site) == []


@pytest.mark.parametrize("lead", [True, False])
def test_an_original_that_takes_no_reset_is_named_and_left_in_peace(
    site: Site, lead: bool, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    (lead_unheard if lead else let_go)(site)
    site.there.answers_like_original = True
    note(site)
    heartbeat(site)
    assert resets(site) == [{"migration_status": None}]
    assert message(site) == STUCK
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert STUCK in caplog.text
    site.peer.calls.clear()
    assert sweep(site) == 0
    heartbeat(site, times=3, heard={1: None})  # type: ignore[dict-item]
    assert resets(site) == []
    assert "audit_group" not in site.peer.count


def test_an_original_that_was_stuck_and_migrates_is_followed(site: Site) -> None:
    in_sync(site)
    let_go(site)
    site.there.answers_like_original = True
    note(site)
    heartbeat(site)
    assert message(site) == STUCK
    take_over(site)
    site.there.touch(there(site))
    heartbeat(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert message(site) == "None"


def test_secondary_site_names_an_original_that_takes_no_reset(follower: Site) -> None:
    follower.there.kind = PeerKind.ORIGINAL
    follower.there.answers_like_original = True
    lead_unheard(follower)
    note(follower)
    sweep(follower)
    association = follower.association()
    assert (association["sync-status"], association["sync-message"]) == ("out-of-sync", STUCK)
    assert sweep(follower) == 0


# -- R9: a migration of an original that came to nothing --


def failed_there(site: Site) -> None:
    copy(site).update({"deploy-status": "rehome-failed", "error-description": "no route to host"})


def managed_there(site: Site) -> None:
    copy(site).update(LIVING)


def give_up(site: Site, act: Callable[[Site], None]) -> None:
    let_go(site)
    act(site)
    there(site)["migration_status"] = None
    heartbeat(site)


def test_what_failed_at_an_original_that_gave_up_can_be_migrated_by_either(site: Site) -> None:
    in_sync(site)
    give_up(site, failed_there)
    assert states(site) == {"edge-1": FAILED, "edge-2": AT_HOME}
    assert subcloud(site)["error-description"] == "no route to host"
    assert message(site) == "Rehoming failed at peer site-b: edge-1."
    assert site.standing() == ("out-of-sync", "out-of-sync")


def test_what_an_original_that_gave_up_manages_stays_let_go(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    give_up(site, managed_there)
    finding = "Let go here: edge-1 (Site site-b manages it: migrate there again)."
    assert states(site) == {"edge-1": LETTING_GO, "edge-2": AT_HOME}
    assert (message(site), site.standing()) == (finding, ("out-of-sync", "out-of-sync"))
    assert finding in caplog.text
    audit(site)
    assert message(site) == finding


def test_secondary_site_names_what_an_original_that_gave_up_manages(follower: Site) -> None:
    follower.there.kind = PeerKind.ORIGINAL
    give_up(follower, managed_there)
    association = follower.association()
    assert states(follower)["edge-1"] == LETTING_GO
    assert association["sync-status"] == "out-of-sync"
    assert "Site site-b manages it: migrate there again" in association["sync-message"]


def test_beside_a_site_of_ours_what_was_let_go_stays_as_ever(site: Site) -> None:
    in_sync(site)
    site.there.kind = PeerKind.OURS
    give_up(site, failed_there)
    assert states(site) == {"edge-1": LETTING_GO, "edge-2": AT_HOME}


# -- R10: an original leads, and did not take a member --


def leave(site: Site, name: str = "edge-1") -> None:
    copy(site, name).update(
        {
            "deploy-status": "secondary",
            "management-state": "unmanaged",
            "availability-status": "offline",
        }
    )


UNTAKEN = "Site site-b leads the group and did not take over: edge-1."


@pytest.mark.parametrize("was_let_go", [True, False])
def test_what_a_leading_original_left_stays_what_it_is_and_is_named(site: Site, was_let_go: bool) -> None:
    in_sync(site)
    take_over(site)
    leave(site)
    if was_let_go:
        site.change(Subcloud, 1, management_state="unmanaged", deploy_status="rehome-pending")
    audit(site)
    assert states(site) == {"edge-1": LETTING_GO if was_let_go else AT_HOME, "edge-2": FOLLOWING}
    assert (message(site), site.standing()) == (UNTAKEN, ("out-of-sync", "out-of-sync"))
    assert resets(site) == [{"migration_status": None}]
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")


def test_secondary_site_names_what_a_leading_original_left(
    follower: Site, caplog: pytest.LogCaptureFixture
) -> None:
    follower.there.kind = PeerKind.ORIGINAL
    take_home(follower)
    leave(follower)
    heartbeat(follower)
    association = follower.association()
    assert states(follower) == {"edge-1": AT_HOME, "edge-2": FOLLOWING}
    assert (association["sync-status"], association["sync-message"]) == ("out-of-sync", UNTAKEN)
    assert UNTAKEN in caplog.text
    follower.change(PeerGroupAssociation, 1, sync_status="in-sync", sync_message="None")
    audit(follower)
    assert follower.association()["sync-message"] == UNTAKEN
    take_home(follower)
    heartbeat(follower)
    association = follower.association()
    assert (association["sync-status"], association["sync-message"]) == ("in-sync", "None")


def test_what_an_original_let_go_and_this_site_did_not_get_is_named(site: Site) -> None:
    """Its heartbeat read of the migration here, and it let go of everything at once."""
    in_sync(site)
    copy(site).update({"deploy-status": "rehome-pending"})
    site.change(Subcloud, 1, management_state="unmanaged", deploy_status="rehome-prep-failed")
    site.change(SubcloudPeerGroup, 1, migration_status="complete")
    site.change(PeerGroupAssociation, 1, unfollowed=True)
    sweep(site)
    assert message(site) == "Not taken over from site site-b, which let it go: edge-1."
    assert site.standing() == ("out-of-sync", "out-of-sync")
    assert group(site)["migration_status"] is None


def test_what_has_changed_since_it_was_read_is_not_reset(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It was slow, not dead: its migration ends between the reading and the reset."""
    in_sync(site)
    lead_unheard(site)
    sweep(site)
    note(site)
    let_pause_pass(site)

    def end() -> None:
        there(site)["migration_status"] = "complete"
        site.there.touch(there(site))

    site.peer.do(end, on="group_subclouds", after=True)
    with caplog.at_level(logging.INFO, AUDIT_LOGGER):
        sweep(site)
    lines = [vars(one)["fields"] for one in caplog.records if one.name == AUDIT_LOGGER]
    assert [line for line in lines if line.get("verb") == "reset"] == []
    assert site.row().reset_sent_for is None
