"""Heartbeats: who watches, what silence and answers mean, and what is found when a peer is back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import FailureCause, PeerAvailability
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from dcapi.sync.watch import monitor
from dcapi.sync.watch.drift import Heard
from dcapi.sync.watch.monitor import Monitor, beat, peer_lease, read_watches
from dcapi.tasks.hold import Hold, take_hold
from tests.integration.sync.conftest import Site

GONE = PeerUnavailable("no answer")
OTHER = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
def quiet(site: Site) -> Site:
    """A site in sync with a peer that is known to be available."""
    site.add_member("edge-1")
    site.associate()
    site.run_jobs()
    heartbeat(site)
    assert site.standing() == ("in-sync", "in-sync")
    assert peer(site)["availability-state"] == "available"
    site.peer.calls.clear()
    return site


def peer(site: Site) -> dict[str, Any]:
    return site.good(site.operator.get("/system-peers/1"))


def alarms(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.good(site.operator.get("/system-alarms"))["system_alarms"]
    return found


def hold_peer(site: Site) -> Hold:
    hold = take_hold(site.runtime.unit_of_work, peer_lease(1), "the watcher", 60)
    assert hold is not None
    return hold


def heartbeat(site: Site, times: int = 1, heard: Heard | None = None) -> None:
    """Heartbeats of one watcher; ``heard`` is what it remembers from one to the next."""
    with hold_peer(site) as hold:
        for _ in range(times):
            with site.runtime.unit_of_work() as session:
                watch = read_watches(session)[1]
            beat(site.runtime, hold, 1, watch, heard)
    site.run_jobs()


def test_a_heartbeat_is_one_request_when_nothing_is_to_be_done(quiet: Site) -> None:
    before = quiet.row().updated_at, peer(quiet)
    heartbeat(quiet)
    assert [method for method, _ in quiet.peer.calls] == ["groups"]
    assert (quiet.row().updated_at, peer(quiet)) == before


@pytest.mark.parametrize("error", [GONE, PeerRefused("garbage", 200, ""), PeerRefused("no", 403, "no")])
def test_failures_in_a_row_make_a_peer_unavailable(quiet: Site, error: Exception) -> None:
    quiet.peer.fail(error, times=None)
    heartbeat(quiet, times=2)
    assert (peer(quiet)["availability-state"], alarms(quiet)) == ("available", [])
    heartbeat(quiet)
    assert peer(quiet)["availability-state"] == "unavailable"
    association = quiet.association()
    assert association["sync-status"] == "unknown"
    assert str(error) in association["sync-message"]


def test_an_answer_in_between_begins_the_count_anew(quiet: Site) -> None:
    quiet.peer.fail(GONE, on="groups", times=2)
    heartbeat(quiet, times=3)
    quiet.peer.fail(GONE, on="groups", times=2)
    heartbeat(quiet, times=3)
    assert peer(quiet)["availability-state"] == "available"


def test_a_peer_that_is_back_and_equal_is_in_sync_again(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    quiet.peer.heal()
    heartbeat(quiet)
    assert quiet.standing() == ("in-sync", "in-sync")
    assert alarms(quiet) == []


@pytest.mark.parametrize("how", ["member", "attribute", "lost", "another system"])
def test_a_peer_that_comes_back_from_a_backup_is_out_of_sync(quiet: Site, how: str) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    quiet.peer.heal()
    if how == "member":
        quiet.there.subclouds.clear()
    elif how == "attribute":
        quiet.there.group_named("trains")["max_subcloud_rehoming"] = 3
    elif how == "another system":
        quiet.there.uuid = OTHER
    else:
        quiet.there.groups.clear()
        quiet.there.associations.clear()
        quiet.there.subclouds.clear()
    heartbeat(quiet)
    heartbeat(quiet)
    assert quiet.association()["sync-status"] == "out-of-sync"


def test_change_while_the_peer_is_away_mends_when_it_is_back(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    body = {"description": "changed while it was away"}
    quiet.good(quiet.operator.patch("/subclouds/1", data=body, content_type="multipart/form-data"))
    assert quiet.association()["sync-status"] == "failed"
    assert quiet.row().sync_cause == FailureCause.UNREACHABLE
    quiet.peer.heal()
    heartbeat(quiet)
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_nothing_is_told_to_a_peer_that_is_known_to_be_away(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    quiet.peer.calls.clear()
    assert Reconciler(quiet.runtime, [associations_outstanding]).sweep() == 0
    assert quiet.peer.calls == []


@pytest.mark.parametrize(
    "drift",
    [{"max_subcloud_rehoming": 3}, {"group_state": "disabled"}, {"group_priority": 9}],
)
def test_a_copy_whose_attributes_drifted_is_out_of_sync(quiet: Site, drift: dict[str, Any]) -> None:
    quiet.there.group_named("trains").update(drift)
    heartbeat(quiet)
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_an_attribute_change_that_goes_on_is_no_drift(quiet: Site) -> None:
    quiet.peer.do(
        lambda: quiet.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=3, updated_at="later"), on="groups"
    )
    heartbeat(quiet)
    assert quiet.association()["sync-status"] == "in-sync"


def test_the_alarm_names_the_groups_that_the_peer_leads(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    (alarm,) = alarms(quiet)
    assert (alarm["alarm_id"], alarm["severity"]) == ("280.004", "major")
    assert alarm["entity_instance_id"] == f"peer={quiet.there.uuid}"
    quiet.peer.heal()
    heartbeat(quiet)
    quiet.change(SubcloudPeerGroup, 1, system_leader_id=quiet.there.uuid)
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    (alarm,) = alarms(quiet)
    assert alarm["severity"] == "critical"
    led = ". It leads the peer group(s) trains, which this site can take over."
    assert alarm["reason_text"].endswith(led)


def test_only_an_enabled_peer_with_an_association_is_watched(site: Site) -> None:
    def watched() -> list[int]:
        with site.runtime.unit_of_work() as session:
            return list(read_watches(session))

    assert watched() == []
    site.associate()
    assert watched() == [1]
    site.change(SystemPeer, 1, administrative_state="disabled")
    assert watched() == []


def test_one_process_watches_a_peer_and_another_takes_over(
    quiet: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Monitor(quiet.runtime), Monitor(quiet.runtime)
    first.look()
    second.look()
    assert beats(first, quiet) == 1
    assert beats(second, quiet) == 1
    # The first one dies: its lease is not renewed, and time goes on.
    monkeypatch.setattr("dcapi.tasks.hold.time.time", lambda: REAL_TIME() + 1000)
    second.look()
    assert beats(second, quiet) == 2


REAL_TIME = time.time


def beats(one: Monitor, site: Site) -> int:
    """Heartbeats that the peer has heard, once those under way have ended."""
    one._pool.shutdown(wait=True)
    one._pool = type(one._pool)(1)
    return site.peer.count["groups"]


def test_a_watcher_that_lost_its_lease_writes_nothing(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    quiet.change(SystemPeer, 1, heartbeat_failures=2)
    with hold_peer(quiet) as hold:
        hold.release()
        with quiet.runtime.unit_of_work() as session:
            watch = read_watches(session)[1]
        with pytest.raises(monitor.LeaseLost):
            beat(quiet.runtime, hold, 1, watch)
    assert peer(quiet)["availability-state"] == PeerAvailability.AVAILABLE


def test_a_peer_that_answers_for_the_first_time_disturbs_no_sync(site: Site) -> None:
    site.add_member("edge-1")
    site.associate()
    with hold_peer(site) as hold, site.runtime.unit_of_work() as session:
        watch = read_watches(session)[1]
        session.rollback()
        beat(site.runtime, hold, 1, watch)
    assert site.association()["sync-status"] == "syncing"
    assert site.row().sync_asked == 0
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")


def test_members_that_changed_during_the_comparison_are_different(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    quiet.peer.heal()

    def change() -> None:
        quiet.change(Subcloud, 1, description="in between")
        quiet.change(PeerGroupAssociation, 1, revision=quiet.row().revision + 1)

    quiet.peer.do(change, on="group_subclouds", after=True)
    heartbeat(quiet)
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_a_run_that_ended_while_others_were_compared_is_believed(quiet: Site) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    quiet.peer.heal()
    quiet.change(PeerGroupAssociation, 1, sync_status="syncing")

    def end_of_run() -> None:
        quiet.change(PeerGroupAssociation, 1, sync_status="in-sync")

    quiet.peer.do(end_of_run, on="groups", after=True)
    heartbeat(quiet)
    assert quiet.association()["sync-status"] == "in-sync"


@pytest.mark.parametrize("how", ["disabled", "left alone", "another system"])
def test_the_alarm_of_a_peer_that_nobody_watches_any_more_is_cleared(quiet: Site, how: str) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    (raised,) = alarms(quiet)
    if how == "left alone":
        quiet.operator.delete("/peer-group-associations/1?force=true")
    else:
        values = {"administrative_state": "disabled"} if how == "disabled" else {"peer_uuid": OTHER}
        quiet.good(quiet.operator.patch("/system-peers/1", json=values))
    one = Monitor(quiet.runtime)
    one.look()
    beats(one, quiet)
    assert raised["entity_instance_id"] not in [alarm["entity_instance_id"] for alarm in alarms(quiet)]


@pytest.mark.parametrize("how", ["enabled again", "another system"])
def test_alarm_of_an_absent_peer_is_raised_again_when_watched_again(quiet: Site, how: str) -> None:
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    if how == "another system":
        quiet.good(quiet.operator.patch("/system-peers/1", json={"peer_uuid": OTHER}))
    else:
        quiet.good(quiet.operator.patch("/system-peers/1", json={"administrative_state": "disabled"}))
    one = Monitor(quiet.runtime)
    one.look()
    beats(one, quiet)
    one._drop(list(one._turns))
    quiet.good(quiet.operator.patch("/system-peers/1", json={"administrative_state": "enabled"}))
    heartbeat(quiet, times=3)
    assert peer(quiet)["availability-state"] == "unavailable"
    assert [alarm["entity_instance_id"] for alarm in alarms(quiet)] == [f"peer={peer(quiet)['peer-uuid']}"]


def test_alarm_of_an_absent_peer_names_the_groups_it_leads_now(quiet: Site) -> None:
    quiet.change(SubcloudPeerGroup, 1, system_leader_id=quiet.there.uuid)
    quiet.peer.fail(GONE, times=None)
    heartbeat(quiet, times=3)
    (before,) = alarms(quiet)
    quiet.change(SubcloudPeerGroup, 1, system_leader_id=quiet.runtime.site.uuid)
    heartbeat(quiet)
    (after,) = alarms(quiet)
    assert (before["severity"], after["severity"]) == ("critical", "major")
    assert "trains" not in after["reason_text"]
    assert (after["id"], after["raised-at"]) == (before["id"], before["raised-at"])
