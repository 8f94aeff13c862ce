"""Audits at a primary site that are done again, that fail, or that meet other changes."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.peers.errors import PeerRefused
from dcapi.sync.audit import locked_rows
from dcapi.sync.audit.locked_rows import Outdated
from dcapi.sync.audit.reading import begin
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from tests.integration.sync.conftest import Site
from tests.integration.sync.takeovers import (
    AT_HOME,
    FOLLOWING,
    GONE,
    LETTING_GO,
    audit,
    begin_migration,
    body,
    everything,
    group,
    in_sync,
    states,
    take_over,
)
from tests.integration.sync.test_audit_secondary import follower as follower
from tests.integration.sync.test_audit_secondary import take_home

# -- Again and again --


def test_an_audit_that_is_done_again_changes_and_logs_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    in_sync(site)
    take_over(site, failed={"edge-1": "the host did not answer"})
    audit(site)
    here, there = everything(site), site.there.digest()
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
    assert (everything(site), site.there.digest()) == (here, there)
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []


def test_a_peer_that_ignores_the_reset_is_no_news(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    in_sync(site)
    site.there.answers_like_original = True
    take_over(site)
    audit(site)
    assert site.there.group_named("trains")["migration_status"] == "complete"
    assert site.standing() == ("in-sync", "in-sync")
    here = everything(site)
    caplog.clear()
    with caplog.at_level(logging.INFO, "dcapi.sync"):
        audit(site)
    assert everything(site) == here
    assert [record.message for record in caplog.records if record.name.startswith("dcapi.sync")] == []


def test_a_stale_complete_under_our_own_leadership_is_nothing(site: Site) -> None:
    in_sync(site)
    site.there.group_named("trains")["migration_status"] = "complete"
    before = everything(site)
    audit(site)
    assert everything(site) == before
    assert set(states(site).values()) == {AT_HOME}


def test_an_audit_costs_the_same_however_many_members_there_are(site: Site) -> None:
    in_sync(site, *(f"edge-{number}" for number in range(12)))
    take_over(site)
    for name in ("edge-3", "edge-4", "edge-5"):
        site.there.delete_subcloud_row(f"region-of-{name}")
    audit(site)
    assert len(site.peer.calls) <= 9, site.peer.calls


# -- When things go wrong --


def test_an_audit_stays_due_while_the_peer_is_away(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(GONE, on="group_subclouds")
    audit(site)
    assert set(states(site).values()) == {AT_HOME}
    assert Reconciler(site.runtime, [associations_outstanding]).sweep() == 1
    site.run_jobs()
    assert set(states(site).values()) == {FOLLOWING}


def test_a_reset_that_did_not_arrive_is_sent_again(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(GONE, on="update_group")
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.there.group_named("trains")["migration_status"] == "complete"
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.there.group_named("trains")["migration_status"] is None
    assert site.standing() == ("in-sync", "in-sync")


def test_a_reset_that_is_refused_is_not_sent_for_ever(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.peer.fail(PeerRefused("no", 403, "no"), on="update_group", times=None)
    audit(site)
    assert Reconciler(site.runtime, [associations_outstanding]).sweep() == 0


def test_change_while_the_peer_was_read_restarts_the_audit(site: Site) -> None:
    """What the peer said before it told here that it migrates must not take members back."""
    in_sync(site)
    site.change(Subcloud, 1, management_state="unmanaged", deploy_status="rehome-pending")

    def tells() -> None:
        site.change(SubcloudPeerGroup, 1, migration_status="migrating")
        begin_migration(site)

    site.peer.do(tells, on="group_subclouds", after=True)
    audit(site)
    assert states(site)["edge-1"] == LETTING_GO
    assert states(site)["edge-2"] == LETTING_GO


def test_a_member_that_joins_while_rows_are_locked_restarts_the_audit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sync(site)
    newcomer = site.add_member("edge-3", group_id=None)
    lock_in_order = locked_rows._lock_in_order

    def let_one_join(session: Session, table: type[Any], which: ColumnElement[bool]) -> list[Any]:
        rows = lock_in_order(session, table, which)
        if table is Subcloud:
            session.execute(update(Subcloud).where(Subcloud.id == newcomer).values(peer_group_id=1))
        return rows

    monkeypatch.setattr(locked_rows, "_lock_in_order", let_one_join)
    with site.runtime.unit_of_work() as session:
        beginning = begin(session, session.get_one(PeerGroupAssociation, 1), to_ask=False)
        with pytest.raises(Outdated):
            locked_rows.lock(session, site.runtime, beginning, None)


def test_a_migration_that_began_here_is_not_disturbed(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    before = everything(site)
    audit(site)
    assert everything(site) == before
    assert Reconciler(site.runtime, [associations_outstanding]).sweep() == 0
    assert site.row().audit_asked > site.row().audit_served


def test_a_sync_that_was_asked_for_meanwhile_decides(site: Site) -> None:
    in_sync(site)
    take_over(site)

    def ask() -> None:
        site.ask_for_sync()

    site.peer.do(ask, on="group_subclouds", after=True)
    audit(site)
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing() == ("in-sync", "in-sync")
    assert site.peer.count["update_subcloud"] == 0


def test_an_association_that_is_deleted_meanwhile_ends_the_audit(site: Site) -> None:
    in_sync(site)
    take_over(site)

    def remove() -> None:
        site.operator.delete("/peer-group-associations/1?force=true")

    site.peer.do(remove, on="group_subclouds", after=True)
    audit_body = body(site)
    site.good(site.operator.patch("/subcloud-peer-groups/trains/audit", json=audit_body))
    site.run_jobs()
    assert set(states(site).values()) == {AT_HOME}


def test_a_disabled_peer_is_not_audited(site: Site) -> None:
    in_sync(site)
    take_over(site)
    site.good(site.operator.patch("/system-peers/1", json={"administrative_state": "disabled"}))
    site.peer.calls.clear()
    audit(site)
    assert site.peer.calls == []


def test_primary_returning_during_a_sync_writes_nothing_and_follows(site: Site) -> None:
    in_sync(site)
    site.change(Subcloud, 1, description="moved to rack 5")
    site.change(PeerGroupAssociation, 1, sync_status="syncing", told_status=None, runs_begun=1)
    take_over(site)
    copies = site.there.subcloud_in("region-of-edge-1")
    before = dict(copies)
    Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    assert site.there.subcloud_in("region-of-edge-1") == before
    assert set(states(site).values()) == {FOLLOWING}
    assert site.standing()[0] == "out-of-sync"
    assert group(site)["system_leader_id"] == site.there.uuid


# -- At a secondary site --


def test_what_a_primary_tells_during_an_audit_outlives_what_was_read(follower: Site) -> None:
    follower.there.delete_subcloud_row("region-of-edge-1")
    take_home(follower)

    def tell() -> None:
        told = {"sync_status": "in-sync"}
        follower.good(follower.operator.patch("/peer-group-associations/1", json=told))

    follower.peer.do(tell, on="subclouds", after=True)
    audit(follower)
    assert states(follower)["edge-2"] == FOLLOWING
    association = follower.association()
    assert (association["sync-status"], association["sync-message"]) == ("in-sync", "None")


def test_what_was_told_before_an_audit_reads_is_replaced_by_what_it_finds(follower: Site) -> None:
    follower.there.delete_subcloud_row("region-of-edge-1")
    take_home(follower)
    audit(follower)
    assert follower.association()["sync-status"] == "out-of-sync"
