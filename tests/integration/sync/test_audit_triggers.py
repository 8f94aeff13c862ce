"""Heartbeats that make a site audit, and those that do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dcapi.models import SubcloudPeerGroup
from dcapi.sync.watch.drift import Heard
from dcapi.sync.watch.monitor import Monitor
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    LETTING_GO,
    alarms,
    audit,
    begin_migration,
    come_home,
    group,
    in_sync,
    states,
    take_over,
)
from tests.integration.sync.test_monitor import GONE, beats, heartbeat

THIRD = "99999999-2222-4333-8444-555555555555"


@pytest.mark.parametrize("status", ["migrating", "complete"])
def test_a_heartbeat_that_hears_of_a_migration_audits(site: Site, status: str) -> None:
    in_sync(site)
    if status == "migrating":
        begin_migration(site)
    else:
        take_over(site)
    heartbeat(site)
    assert set(states(site).values()) == {LETTING_GO if status == "migrating" else FOLLOWING}


def test_a_heartbeat_that_finds_another_leader_audits(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.there.group_named("trains")["migration_status"] = None
    heartbeat(site)
    assert group(site)["system_leader_id"] == site.there.uuid


def test_the_first_heartbeat_after_an_outage_audits(site: Site) -> None:
    in_sync(site)
    heartbeat(site)
    site.peer.fail(GONE, times=None)
    heartbeat(site, times=3)
    site.peer.heal()
    before = site.row().audit_served
    heartbeat(site)
    assert site.row().audit_served == site.row().audit_asked > before
    assert site.standing() == ("in-sync", "in-sync")


def test_a_migration_that_came_to_nothing_is_noticed_by_the_next_heartbeat(site: Site) -> None:
    in_sync(site)
    heard: Heard = {}
    begin_migration(site)
    heartbeat(site, heard=heard)
    assert set(states(site).values()) == {LETTING_GO}
    site.there.group_named("trains")["migration_status"] = None
    heartbeat(site, heard=heard)
    assert set(states(site).values()) == {AT_HOME}
    assert site.standing() == ("in-sync", "in-sync")


def test_lasting_status_is_audited_once_and_costs_one_request(site: Site) -> None:
    in_sync(site)
    site.there.answers_like_original = True
    take_over(site)
    heard: Heard = {}
    heartbeat(site, heard=heard)
    asked = site.row().audit_asked
    site.peer.calls.clear()
    heartbeat(site, times=3, heard=heard)
    assert [method for method, _ in site.peer.calls] == ["groups"] * 3
    assert site.row().audit_asked == asked


def test_a_status_that_is_said_again_after_a_change_is_audited_again(site: Site) -> None:
    in_sync(site)
    site.there.answers_like_original = True
    take_over(site, failed={"edge-1": "no"})
    heard: Heard = {}
    heartbeat(site, heard=heard)
    take_over(site)
    site.there.group_named("trains")["updated-at"] = "2026-01-02 00:00:00.000000"
    heartbeat(site, heard=heard)
    assert set(states(site).values()) == {FOLLOWING}


def refused_sync(site: Site) -> None:
    site.change(SubcloudPeerGroup, 1, system_leader_id=THIRD)
    site.operator.patch("/peer-group-associations/1/sync")


NEWS: dict[str, Callable[[Site], object]] = {
    "a sync": lambda site: site.operator.patch("/peer-group-associations/1/sync"),
    "a refused sync of a follower": refused_sync,
    "a refused sync of a non-primary": lambda site: site.operator.patch("/peer-group-associations/2/sync"),
    "a told status": lambda site: site.operator.patch(
        "/peer-group-associations/2", json={"sync_status": "in-sync"}
    ),
    "a deletion": lambda site: site.operator.delete("/peer-group-associations/1"),
    "a local deletion": lambda site: site.operator.delete("/peer-group-associations/2"),
    "an association": lambda site: site.operator.post(
        "/peer-group-associations", json={"peer_group_id": 3, "system_peer_id": 1}
    ),
}


@pytest.mark.parametrize("news", NEWS)
def test_news_in_any_worker_makes_the_watcher_look_at_all_groups(site: Site, news: str) -> None:
    in_sync(site)
    for name in ("ferries", "trams"):
        body = {"peer-group-name": name, "group-priority": 2}
        site.good(site.operator.post("/subcloud-peer-groups", json=body))
    body = {"peer_group_id": 2, "system_peer_id": 1}
    site.good(site.operator.post("/peer-group-associations", json=body))
    # Its wakeup is not the one that is set: the calls are another process's.
    one = Monitor(site.runtime)
    one.look()
    [turn] = one._turns.values()
    turn.beat.result(10)  # type: ignore[union-attr]
    turn.heard[1] = ("complete", THIRD, None)  # type: ignore[assignment]
    one.look()
    assert turn.heard != {}
    NEWS[news](site)
    one.look()
    assert turn.heard == {}


def test_attributes_are_not_compared_while_a_migration_is_known(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["max_subcloud_rehoming"] = 3
    site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    heartbeat(site)
    assert site.association()["sync-status"] == "in-sync"


@pytest.mark.parametrize("how", ["home", "no association", "no group"])
def test_the_alarm_goes_when_the_group_is_home_or_gone(site: Site, how: str) -> None:
    in_sync(site)
    take_over(site)
    audit(site)
    assert [alarm["alarm_id"] for alarm in alarms(site)] == ["280.005"]
    if how == "home":
        come_home(site)
    else:
        site.operator.delete("/peer-group-associations/1?force=true")
    if how == "no group":
        site.good(site.operator.delete("/subcloud-peer-groups/1"))
    one = Monitor(site.runtime)
    one.look()
    beats(one, site)
    assert alarms(site) == []
