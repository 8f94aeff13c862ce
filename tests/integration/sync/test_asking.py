"""How a peer is asked to follow a takeover of this site: once, then with pauses, and never in a storm."""

from __future__ import annotations

import logging

import pytest

from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    LIVING,
    audit,
    come_home,
    follow_there,
    group,
    in_sync,
    let_pause_pass,
    message,
    states,
    take_over,
)
from tests.integration.sync.test_monitor import heartbeat
from tests.site_client import SiteClient

LATE = PeerUnavailable("no answer within 35 s", maybe_sent=True)
FAILED_THERE = PeerRefused("answered 500", 500, maybe_sent=True)
# More requests than any test here may cause.
STORM = 30
KEYS = {
    "id",
    "peer_uuid",
    "peer_group_name",
    "group_priority",
    "group_state",
    "max_subcloud_rehoming",
    "system_leader_id",
    "system_leader_name",
    "migration_status",
}


@pytest.fixture
def unfollowed(site: Site) -> Site:
    """A site that took its group over from a peer which still believes that it leads."""
    in_sync(site)
    take_over(site)
    audit(site)
    come_home(site)
    take_over(site, status="none")
    for copy in site.there.subclouds.values():
        copy |= LIVING | {"management-state": "unmanaged"}
    site.there.group_named("trains")["migration_status"] = None
    # A storm of requests fails the test: otherwise the job would never end.
    site.peer.fail(AssertionError("it is asked in a storm"), on="audit_group", at=STORM, times=None)
    return site


def sweep(site: Site, times: int = 1) -> None:
    for _ in range(times):
        Reconciler(site.runtime, [associations_outstanding]).sweep()
        site.run_jobs()


def asked(site: Site) -> int:
    return site.peer.count["audit_group"]


def test_a_peer_that_heard_is_not_asked_again_at_once(unfollowed: Site) -> None:
    site = unfollowed
    sweep(site)
    sweep(site, 5)
    assert asked(site) == 1
    assert site.row().unfollowed


def test_the_body_names_the_group_here_and_says_complete(unfollowed: Site) -> None:
    sweep(unfollowed)
    [(_, body)] = unfollowed.there.audits
    assert set(body) == KEYS
    assert (body["id"], body["migration_status"]) == (group(unfollowed)["id"], "complete")


def test_each_pause_is_twice_the_one_before_up_to_thirty(unfollowed: Site) -> None:
    pauses = []
    for _ in range(8):
        let_pause_pass(unfollowed)
        sweep(unfollowed)
        pauses.append(unfollowed.row().ask_pause)
    patience = unfollowed.runtime.settings.PEER_PATIENCE_SECONDS
    assert [pause / patience for pause in pauses] == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30])
    assert asked(unfollowed) == 8


def test_the_operator_is_told_after_the_third_request(unfollowed: Site) -> None:
    for _ in range(2):
        let_pause_pass(unfollowed)
        sweep(unfollowed)
    assert message(unfollowed) == "None"
    let_pause_pass(unfollowed)
    sweep(unfollowed)
    assert message(unfollowed) == "Peer site-b was asked 3 times to follow this site and does not."
    assert unfollowed.association()["sync-status"] == "out-of-sync"


def test_a_peer_that_follows_at_last_is_synced_and_the_message_goes(unfollowed: Site) -> None:
    for _ in range(4):
        let_pause_pass(unfollowed)
        sweep(unfollowed)
    follow_there(unfollowed)
    let_pause_pass(unfollowed)
    sweep(unfollowed)
    assert asked(unfollowed) == 4
    assert not unfollowed.row().unfollowed
    assert unfollowed.standing() == ("in-sync", "in-sync")
    assert message(unfollowed) == "None"


@pytest.mark.parametrize("error", [LATE, FAILED_THERE], ids=["late", "500"])
def test_a_peer_that_may_be_at_it_is_read_before_it_is_asked_again(
    unfollowed: Site, error: Exception
) -> None:
    site = unfollowed
    site.peer.fail(error, on="audit_group")
    sweep(site)
    sweep(site, 3)
    assert asked(site) == 1
    follow_there(site)
    let_pause_pass(site)
    sweep(site)
    assert (asked(site), site.row().unfollowed) == (1, False)


@pytest.mark.parametrize("error", [LATE, FAILED_THERE], ids=["late", "500"])
def test_a_peer_that_was_not_at_it_is_asked_again(unfollowed: Site, error: Exception) -> None:
    unfollowed.peer.fail(error, on="audit_group")
    sweep(unfollowed)
    let_pause_pass(unfollowed)
    sweep(unfollowed)
    assert asked(unfollowed) == 2


def test_a_peer_that_fails_each_request_gets_longer_pauses_and_is_told_of(unfollowed: Site) -> None:
    site, pauses = unfollowed, []
    site.peer.fail(FAILED_THERE, on="audit_group", times=None)
    for _ in range(4):
        let_pause_pass(site)
        sweep(site)
        pauses.append(site.row().ask_pause / site.runtime.settings.PEER_PATIENCE_SECONDS)
    assert pauses == pytest.approx([1, 2, 4, 8])
    assert message(site) == "Peer site-b was asked 3 times to follow this site and does not."


def test_what_a_takeover_left_unsaid_is_not_said_by_a_migration_before_its_claim(unfollowed: Site) -> None:
    site = unfollowed
    take_over(site)
    site.change(SubcloudPeerGroup, 1, migration_status=None, system_leader_id=site.there.uuid)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    sweep(site)
    assert asked(site) == 0


def test_a_claim_that_comes_before_the_request_is_not_overwritten_by_complete(unfollowed: Site) -> None:
    site, shown = unfollowed, []
    site.change(SubcloudPeerGroup, 1, migration_status=None)
    site.change(SystemPeer, 1, kind=None, kind_read_at=None)
    other = SiteClient(site.app, site.operator.headers["X-Auth-Token"], "dcmanager/1.0")

    def claim() -> None:
        site.good(other.patch("/subcloud-peer-groups/trains", json={"migration_status": "migrating"}))

    site.peer.do(claim, on="kind")
    site.peer.do(lambda: shown.append(group(site)["migration_status"]), on="audit_group")
    sweep(site)
    assert shown == ["migrating"]


def test_a_reset_by_the_peer_is_no_reason_to_ask_once_more(unfollowed: Site) -> None:
    """The original resets the site that asks, before it answers."""
    site = unfollowed
    site.there.kind = PeerKind.ORIGINAL
    other = SiteClient(site.app, site.operator.headers["X-Auth-Token"], "dcmanager/1.0")

    def reset() -> None:
        site.good(other.patch("/subcloud-peer-groups/trains", json={"migration_status": None}))

    site.peer.do(reset, on="audit_group", times=None)
    sweep(site)
    sweep(site, 4)
    assert asked(site) == 1
    assert group(site)["migration_status"] is None
    follow_there(site)
    let_pause_pass(site)
    sweep(site)
    assert asked(site) == 1
    assert set(states(site).values()) == {AT_HOME}
    assert site.standing() == ("in-sync", "in-sync")


def test_a_clock_that_was_set_back_does_not_lengthen_a_pause(unfollowed: Site) -> None:
    sweep(unfollowed)
    unfollowed.change(PeerGroupAssociation, 1, asked_at=10.0**10)
    sweep(unfollowed)
    assert asked(unfollowed) == 2


def test_a_complete_that_stays_is_heard_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Originals of early 2024 ignore a reset."""
    in_sync(site)
    site.there.answers_like_original = True
    take_over(site)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.there.group_named("trains")["migration_status"] == "complete"
    served = site.row().audit_served
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        for _ in range(3):
            heartbeat(site, heard={})
    assert site.row().audit_asked == served
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []
