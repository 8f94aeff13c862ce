"""What is found when things happen between any two steps: races, crashes, peers that were set up anew."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import Any

import pytest
from sqlalchemy.orm import Session

from dcapi import KINDS
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.types import SecretUnreadable
from dcapi.peers.errors import PeerUnavailable
from dcapi.runtime import Runtime
from dcapi.services import association_priority, associations
from dcapi.services.inventory import situations
from dcapi.sync.attend import attend
from dcapi.sync.reconcile import Reconciler
from dcapi.sync.run.cleaning import delete_association_row
from dcapi.sync.run.sync import RunFailed
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost, take_hold
from dcapi.tasks.leases import group_lease
from dcapi.tasks.runner import Due, tasks_due
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID, peer_body
from tests.integration.sync.conftest import Site
from tests.integration.sync.moves import add_group, associate, change, status_of

OTHER = "99999999-2222-4333-8444-555555555555"
GONE = PeerUnavailable("connection refused")


def forget_association(runtime: Runtime) -> None:
    """Delete the row as another process would."""
    with runtime.unit_of_work() as session:
        delete_association_row(session, 1)
        session.commit()


def is_free(site: Site, name: str) -> bool:
    hold = take_hold(site.runtime.unit_of_work, name, "the test", 60)
    if hold is None:
        return False
    hold.release()
    return True


class TestLeasesAreGivenBackAtOnce:
    """A lease is given back in a transaction of its own: no other one of the thread may be open then."""

    def test_when_the_association_went_while_a_priority_waited_for_its_turn(
        self, quiet: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hold = association_priority.hold_patiently

        def hold_too_late(runtime: Runtime, association_id: int) -> Hold:
            forget_association(runtime)
            return hold(runtime, association_id)

        monkeypatch.setattr(association_priority, "hold_patiently", hold_too_late)
        answer = quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7})
        assert answer.status_code == 404
        assert is_free(quiet, "association:1")

    def test_when_the_group_went_while_its_change_waited_for_its_turn(
        self, quiet: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take = leases.take

        def take_too_late(runtime: Runtime, name: str) -> Hold | None:
            forget_association(quiet.runtime)
            quiet.change(Subcloud, 1, peer_group_id=None)
            with quiet.runtime.unit_of_work() as session:
                session.delete(session.get(SubcloudPeerGroup, 1))
                session.commit()
            return take(runtime, name)

        monkeypatch.setattr(leases, "take", take_too_late)
        answer = quiet.operator.patch("/subcloud-peer-groups/1", json={"max-subcloud-rehoming": 3})
        assert answer.status_code == 404
        assert is_free(quiet, group_lease(1))


class TestWhatComesUpMeanwhile:
    def test_change_during_telling_is_told_under_the_same_lease(self, quiet: Site) -> None:
        quiet.change(PeerGroupAssociation, 1, told_status=None)
        quiet.peer.do(lambda: change(quiet), on="tell_association", after=True)
        attend(quiet.runtime, 1)
        assert quiet.standing() == ("out-of-sync", "out-of-sync")

    def test_a_group_changed_while_its_deletion_failed_is_not_taken_for_equal(self, quiet: Site) -> None:
        def rename() -> None:
            body = {"peer-group-name": "tramways"}
            quiet.good(quiet.operator.patch("/subcloud-peer-groups/1", json=body))

        quiet.peer.do(rename, on="system_uuid")
        quiet.peer.fail(GONE, on="system_uuid")
        assert quiet.operator.delete("/peer-group-associations/1").status_code == 422
        assert not quiet.row().deleting
        quiet.run_jobs()
        assert quiet.there.group_named("trains")
        assert quiet.standing() == ("out-of-sync", "out-of-sync")

    def test_a_change_of_a_group_waits_a_moment_for_the_peer_to_be_told(self, quiet: Site) -> None:
        hold = leases.take(quiet.runtime, leases.association_lease(1))
        assert hold is not None
        telling = threading.Timer(0.3, hold.release)
        telling.start()
        body = {"peer-group-name": "tramways"}
        quiet.good(quiet.operator.patch("/subcloud-peer-groups/1", json=body))
        telling.join()
        quiet.run_jobs()
        assert quiet.standing() == ("in-sync", "in-sync")

    def test_association_created_during_a_change_is_not_taken_for_equal(self, quiet: Site) -> None:
        there = FakeSite(OTHER, "site-c")
        there.put_system_peer(quiet.runtime.site.uuid)
        peers = quiet.runtime.peers
        assert isinstance(peers, FakePeers)
        peers.fakes[2] = FakePeer(there)
        body = peer_body(peer_uuid=OTHER, peer_name="site-c")
        quiet.good(quiet.operator.post("/system-peers", json=body))

        def associate_and_sync() -> None:
            attend(quiet.runtime, associate(quiet, 1, peer_id=2))
            assert status_of(quiet, 2) == "in-sync"

        quiet.peer.do(associate_and_sync, on="update_group")
        body = {"max-subcloud-rehoming": 3}
        quiet.good(quiet.operator.patch("/subcloud-peer-groups/1", json=body))
        assert there.group_named("trains")["max_subcloud_rehoming"] == 10
        assert status_of(quiet, 2) == "out-of-sync"

    def test_an_association_deleted_by_force_ends_its_run_without_an_error(
        self, site: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.add_member("edge-1")
        site.associate()

        def force() -> None:
            assert site.operator.delete("/peer-group-associations/1?force=true").status_code == 200

        site.peer.do(force, on="group_subclouds", at=1)
        site.run_jobs()
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert site.there.subclouds == {}

    def test_a_lease_that_was_lost_in_a_request_is_no_defect_of_the_server(
        self, quiet: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lose(_hold: Hold, _session: Session) -> None:
            raise LeaseLost("lost")

        monkeypatch.setattr(Hold, "confirm", lose)
        priority = quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7})
        body = {"max-subcloud-rehoming": 3}
        attributes = quiet.operator.patch("/subcloud-peer-groups/1", json=body)
        deletion = quiet.operator.delete("/peer-group-associations/1")
        assert [answer.status_code for answer in (priority, attributes, deletion)] == [503, 503, 503]


class TestDeletion:
    def test_an_association_whose_id_never_reached_this_site_is_deleted_too(self, quiet: Site) -> None:
        quiet.change(PeerGroupAssociation, 1, remote_association_id=None)
        assert quiet.operator.delete("/peer-group-associations/1").status_code == 200
        assert not quiet.there.associations
        assert not quiet.there.groups

    def test_an_association_that_is_not_the_groups_is_left_alone(self, quiet: Site) -> None:
        other = quiet.there.put_group("of-site-c")
        foreign = quiet.there.put_association(other, quiet.there.put_system_peer(OTHER, "site-c"))
        quiet.change(PeerGroupAssociation, 1, remote_association_id=foreign)
        assert quiet.operator.delete("/peer-group-associations/1").status_code == 200
        assert list(quiet.there.associations) == [foreign]

    def test_a_peer_that_fails_in_the_middle_is_not_asked_for_every_member(self, site: Site) -> None:
        for number in range(60):
            site.add_member(f"edge-{number}")
        site.associate()
        site.run_jobs()

        def fail_slowly() -> None:
            time.sleep(0.05)
            raise GONE

        site.peer.do(fail_slowly, on="delete_subcloud", times=None)
        assert site.operator.delete("/peer-group-associations/1").status_code == 422
        assert site.peer.count["delete_subcloud"] < 40


class TestRuns:
    def test_what_arrived_before_the_time_was_over_is_not_sent_again(self, site: Site) -> None:
        for number in range(12):
            site.add_member(f"edge-{number}")
        site.associate()
        site.peer.fail(RunFailed("It took too long."), on="add_secondary", at=12)
        site.run_jobs()
        assert site.association()["sync-message"] == "It took too long."
        assert any(arrived for arrived, _ in site.ledger().values())

    def test_progress_counts_what_is_to_be_done_and_nothing_else(self, quiet: Site) -> None:
        group_id = quiet.there.group_named("trains")["id"]
        quiet.there.put_subcloud("stranger", "region-of-stranger", peer_group_id=group_id)
        quiet.add_member("edge-2")
        seen: list[Any] = []
        quiet.peer.do(lambda: seen.append(quiet.association()["sync-progress"]), on="add_secondary")
        quiet.ask_for_sync()
        quiet.run_jobs()
        assert seen == [{"done": 0, "total": 1}]

    def test_a_group_that_another_site_leads_is_not_brought_to_a_peer(self, site: Site) -> None:
        site.change(SubcloudPeerGroup, 1, system_leader_id=OTHER, system_leader_name="site-c")
        before = site.there.digest()
        site.associate()
        site.run_jobs()
        assert site.there.digest() == before
        assert site.association()["sync-status"] == "out-of-sync"
        assert "site-c" in site.association()["sync-message"]

    @pytest.mark.parametrize("strange", ["two\nlines", "x" * 100_000])
    def test_a_name_of_the_peers_choosing_does_no_harm_in_the_message(
        self, quiet: Site, strange: str
    ) -> None:
        group_id = quiet.there.group_named("trains")["id"]
        quiet.there.put_subcloud(strange, "region-of-stranger", peer_group_id=group_id)
        quiet.ask_for_sync()
        quiet.run_jobs()
        message = quiet.association()["sync-message"]
        assert "was not sent from here" in message
        assert message.isprintable()
        assert len(message) < 5_000

    def test_a_password_that_is_no_base64_is_compared_like_any_other(self, quiet: Site) -> None:
        quiet.add_member("edge-2", admin_password="pässword")
        quiet.ask_for_sync()
        quiet.run_jobs()
        copy = quiet.there.subcloud_in("region-of-edge-2")
        copy["rehome_data"] = copy["rehome_data"].replace("u00e4ssword", "u00e4ssport")
        quiet.ask_for_sync()
        quiet.run_jobs()
        assert quiet.standing() == ("in-sync", "in-sync")
        assert quiet.there.saved_payload("region-of-edge-2")["admin_password"] == "pässword"


class TestReconciler:
    def test_a_row_that_cannot_be_read_does_not_end_it(self, site: Site) -> None:
        sweeps = threading.Semaphore(0)

        def unreadable(_session: Session) -> list[Due]:
            sweeps.release()
            raise SecretUnreadable("another key")

        reconciler = Reconciler(site.runtime, [unreadable])
        reconciler.start()
        try:
            assert sweeps.acquire(timeout=10)
            reconciler.wake()
            assert sweeps.acquire(timeout=10)
        finally:
            reconciler.stop()


class TestWhoWaitsForAnOutcome:
    def test_waits_until_the_peer_was_told_it(self, site: Site) -> None:
        settled: list[bool] = []

        def look() -> None:
            with site.runtime.unit_of_work() as session:
                settled.append(associations.is_settled(session, 1))

        site.associate()
        look()
        site.peer.do(look, on="tell_association", at=2)
        site.run_jobs()
        look()
        assert settled == [False, False, True]

    def test_has_nothing_to_wait_for_at_a_non_primary_site(self, site: Site) -> None:
        site.change(SubcloudPeerGroup, 1, group_priority=1, system_leader_id=PEER_UUID)
        body = {"peer_group_id": 1, "system_peer_id": 1}
        started = time.monotonic()
        answer = site.operator.post("/peer-group-associations", json=body, headers={"Prefer": "wait=20"})
        assert site.good(answer)["sync-status"] == "syncing"
        assert time.monotonic() - started < 10


class TestGroups:
    def test_a_name_that_was_taken_while_it_was_offered_is_a_conflict(self, quiet: Site) -> None:
        def take_name() -> None:
            add_group(quiet, "tramways")

        quiet.peer.do(take_name, on="update_group")
        answer = quiet.operator.patch("/subcloud-peer-groups/1", json={"peer-group-name": "tramways"})
        assert answer.status_code == 409
        assert quiet.there.group_named("tramways")
        Reconciler(quiet.runtime, [partial(tasks_due, quiet.runtime, KINDS)]).sweep()
        quiet.run_jobs()
        assert quiet.standing() == ("out-of-sync", "out-of-sync")

    def test_a_deletion_and_a_change_of_a_member_do_not_wait_for_each_other(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        member = site.add_member("edge-1")
        begun, answers = threading.Event(), []

        def delete() -> None:
            begun.set()
            answers.append(site.operator.delete("/subcloud-peer-groups/1").status_code)

        deleting = threading.Thread(target=delete)

        def while_the_member_is_locked(session: Session, *args: Any) -> Any:
            deleting.start()
            begun.wait(10)
            time.sleep(0.5)  # nothing tells that a transaction waits
            return facts(session, *args)

        facts = situations.group_facts
        monkeypatch.setattr(situations, "group_facts", while_the_member_is_locked)
        form = {"data": {"description": "new"}, "content_type": "multipart/form-data"}
        answer = site.operator.patch(f"/subclouds/{member}", **form)
        deleting.join(30)
        assert (answer.status_code, answers) == (200, [200])
