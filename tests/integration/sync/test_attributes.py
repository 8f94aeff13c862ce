"""Attributes of a group go to its peers before they count here; priorities of an association too."""

from __future__ import annotations

import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from dcapi import KINDS
from dcapi.models import SubcloudPeerGroup
from dcapi.peers.errors import GROUP_NAME_TAKEN, PeerRefused, PeerUnavailable
from dcapi.sync import attributes
from dcapi.sync.attend import attend
from dcapi.sync.reconcile import Reconciler
from dcapi.tasks import leases
from dcapi.tasks.hold import take_hold
from dcapi.tasks.runner import tasks_due
from tests.integration.kept_tasks import tasks
from tests.integration.sync.conftest import Site

OTHER = "99999999-2222-4333-8444-555555555555"
GONE = PeerUnavailable("connection refused")
LOST = PeerUnavailable("the answer was lost", maybe_sent=True)
REFUSED = PeerRefused("it said no", 400, "no")

CHANGES = [
    {"peer-group-name": "tramways"},
    {"max-subcloud-rehoming": 3},
    {"group-state": "disabled"},
]


def patch(site: Site, body: dict[str, Any]) -> Any:
    return site.operator.patch("/subcloud-peer-groups/1", json=body)


def shown(group: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {key: group[key.replace("-", "_")] for key in body}


def task_count(site: Site) -> int:
    return len(tasks(site.runtime))


@pytest.mark.parametrize("body", CHANGES)
def test_a_change_is_there_at_once_and_leaves_both_in_sync(quiet: Site, body: dict[str, Any]) -> None:
    answer = patch(quiet, body)
    assert answer.status_code == 200
    assert shown(answer.json, body) == body
    assert shown(next(iter(quiet.there.groups.values())), body) == body
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")
    assert task_count(quiet) == 0


@pytest.mark.parametrize("body", CHANGES)
@pytest.mark.parametrize("error", [GONE, REFUSED])
def test_a_change_that_no_peer_takes_changes_nothing(
    quiet: Site, body: dict[str, Any], error: Exception
) -> None:
    before = quiet.good(quiet.operator.get("/subcloud-peer-groups/1"))
    quiet.peer.fail(error, times=None)
    answer = patch(quiet, body)
    assert answer.status_code == 403
    assert answer.json["description"] == "Unable to sync the update to the peer site(s)"
    assert quiet.good(quiet.operator.get("/subcloud-peer-groups/1")) == before
    quiet.peer.heal()
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")
    assert task_count(quiet) == 0


def test_a_name_that_the_peer_has_for_another_group_is_told(quiet: Site) -> None:
    taken = PeerRefused(
        "Peer site-2: PATCH subcloud-peer-groups/1: answered 409: whatever it says besides",
        409,
        f"{GROUP_NAME_TAKEN} (somewhere inside)",
    )
    quiet.peer.fail(taken, on="update_group", times=None)
    name = quiet.good(quiet.operator.get("/system-peers/1"))["peer-name"]
    answer = patch(quiet, {"peer-group-name": "tramways"})
    assert (answer.status_code, answer.json["description"]) == (
        403,
        "Unable to sync the update to the peer site(s): "
        f"peer {name}: A subcloud peer group with this name already exists",
    )
    quiet.peer.heal()
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")


def test_a_peer_whose_answer_was_lost_may_hold_what_never_counted_here(quiet: Site) -> None:
    quiet.peer.fail(LOST, on="update_group", after=True)
    assert patch(quiet, {"max-subcloud-rehoming": 3}).status_code == 403
    quiet.run_jobs()
    assert quiet.standing() == ("out-of-sync", "out-of-sync")
    quiet.ask_for_sync()
    quiet.run_jobs()
    assert quiet.standing() == ("in-sync", "in-sync")
    assert quiet.there.group_named("trains")["max_subcloud_rehoming"] == 10


def test_values_that_are_those_already_there_call_nobody(quiet: Site) -> None:
    answer = patch(quiet, {"peer-group-name": "trains", "group-priority": 0, "max-subcloud-rehoming": "10"})
    assert (answer.status_code, answer.json["updated-at"]) == (200, None)
    assert quiet.peer.calls == []


@pytest.mark.parametrize(
    "body", [{"group-priority": 3}, {"system-leader-id": OTHER}, {"system-leader-name": "else"}]
)
def test_priority_and_leader_stay_while_associations_pass_the_group_on(
    quiet: Site, body: dict[str, Any]
) -> None:
    assert patch(quiet, body).status_code == 400
    assert quiet.peer.calls == []


def test_a_peer_that_took_over_is_not_written_to(quiet: Site) -> None:
    quiet.there.group_named("trains")["system_leader_id"] = OTHER
    before = quiet.there.digest()
    assert patch(quiet, {"max-subcloud-rehoming": 3}).status_code == 403
    assert quiet.there.digest() == before


def test_another_change_meanwhile_is_a_conflict(quiet: Site) -> None:
    hold = take_hold(quiet.runtime.unit_of_work, leases.group_lease(1), "somebody", 60)
    assert hold is not None
    with hold:
        assert patch(quiet, {"max-subcloud-rehoming": 3}).status_code == 409
    assert patch(quiet, {"max-subcloud-rehoming": 3}).status_code == 200


def test_a_change_beside_a_run_is_not_taken_for_granted(quiet: Site) -> None:
    hold = leases.take(quiet.runtime, leases.association_lease(1))
    assert hold is not None
    with hold:
        assert patch(quiet, {"max-subcloud-rehoming": 3}).status_code == 200
    quiet.run_jobs()
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


@pytest.fixture
def slow(quiet: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The peer takes 90 seconds for a change, and less than a lease for each of its requests."""
    passed = [0.0]
    clocks = SimpleNamespace(
        monotonic=lambda: time.monotonic() + passed[0], time=lambda: time.time() + passed[0]
    )
    monkeypatch.setattr("dcapi.tasks.hold.time", clocks)
    for method in ("system_uuid", "group", "update_group"):
        quiet.peer.do(lambda: passed.__setitem__(0, passed[0] + 30), on=method)
    return quiet


def test_a_change_that_took_longer_than_a_lease_is_not_taken_for_granted(slow: Site) -> None:
    def run() -> None:
        """What was sent is sent over by a run that knows the old values."""
        check = slow.peer.before_request
        slow.ask_for_sync()
        attend(slow.runtime, 1)
        slow.peer.before_request = check

    slow.peer.do(run, on="update_group", after=True)
    assert patch(slow, {"max-subcloud-rehoming": 3}).status_code == 200
    slow.run_jobs()
    assert slow.there.group_named("trains")["max_subcloud_rehoming"] == 10
    assert slow.standing() == ("out-of-sync", "out-of-sync")


def test_a_taken_name_is_a_conflict_before_any_peer_is_called(quiet: Site) -> None:
    quiet.good(quiet.operator.post("/subcloud-peer-groups", json={"peer-group-name": "buses"}))
    assert patch(quiet, {"peer-group-name": "buses"}).status_code == 409
    assert quiet.peer.calls == []


def test_a_change_whose_process_died_is_given_up_by_the_reconciler(quiet: Site) -> None:
    with quiet.runtime.unit_of_work() as session:
        attributes.begin_change(session, quiet.runtime, 1, {"max-subcloud-rehoming": 3})
        session.commit()
    quiet.there.group_named("trains")["max_subcloud_rehoming"] = 3
    assert Reconciler(quiet.runtime, [partial(tasks_due, quiet.runtime, KINDS)]).sweep() == 1
    quiet.run_jobs()
    assert quiet.standing() == ("out-of-sync", "out-of-sync")
    assert task_count(quiet) == 0
    quiet.ask_for_sync()
    quiet.run_jobs()
    assert quiet.there.group_named("trains")["max_subcloud_rehoming"] == 10


def test_a_change_that_goes_on_is_left_alone_by_the_reconciler(quiet: Site) -> None:
    with quiet.runtime.unit_of_work() as session:
        attributes.begin_change(session, quiet.runtime, 1, {"max-subcloud-rehoming": 3})
        session.commit()
    hold = take_hold(quiet.runtime.unit_of_work, leases.group_lease(1), "the one at work", 60)
    assert hold is not None
    with hold:
        Reconciler(quiet.runtime, [partial(tasks_due, quiet.runtime, KINDS)]).sweep()
        quiet.run_jobs()
        assert task_count(quiet) == 1


def test_a_group_without_association_is_changed_here_alone(site: Site) -> None:
    assert patch(site, {"peer-group-name": "tramways", "group-priority": 2}).status_code == 200
    assert site.peer.calls == []


def test_a_new_priority_reaches_the_peer_first(quiet: Site) -> None:
    body = {"peer_group_priority": 7}
    answer = quiet.good(quiet.operator.patch("/peer-group-associations/1", json=body))
    assert answer["peer-group-priority"] == 7
    assert quiet.there.group_named("trains")["group_priority"] == 7
    assert quiet.peer.count["group_subclouds"] == 0
    assert quiet.association()["sync-status"] == "in-sync"


@pytest.mark.parametrize("error", [GONE, REFUSED])
def test_a_priority_that_the_peer_does_not_take_stays(quiet: Site, error: Exception) -> None:
    quiet.peer.fail(error, times=None)
    answer = quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7})
    assert answer.status_code == 422
    assert quiet.association()["peer-group-priority"] == 1


def test_a_priority_never_turns_out_of_sync_into_in_sync(quiet: Site) -> None:
    quiet.peer.fail(LOST, on="update_group", after=True)
    assert (
        quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7}).status_code == 422
    )
    assert quiet.association()["sync-status"] == "out-of-sync"
    quiet.good(quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 8}))
    quiet.run_jobs()
    assert quiet.standing() == ("out-of-sync", "out-of-sync")


def test_priority_change_of_a_dead_process_is_given_up(quiet: Site) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    quiet.peer.do(die, on="update_group", after=True)
    with pytest.raises(Killed):
        quiet.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7})
    assert Reconciler(quiet.runtime, [partial(tasks_due, quiet.runtime, KINDS)]).sweep() == 1
    quiet.run_jobs()
    assert quiet.standing() == ("out-of-sync", "out-of-sync")
    assert task_count(quiet) == 0


def test_priority_slower_than_a_lease_leaves_the_next_changes_note(slow: Site) -> None:
    """Without the note, nobody would know what the peers may hold when that change's process dies."""

    def begin_another_change() -> None:
        assert leases.take(slow.runtime, leases.group_lease(1)) is not None
        with slow.runtime.unit_of_work() as session:
            attributes.begin_change(session, slow.runtime, 1, {"max-subcloud-rehoming": 3})
            session.commit()

    slow.peer.do(begin_another_change, on="update_group", after=True)
    answer = slow.operator.patch("/peer-group-associations/1", json={"peer_group_priority": 7})
    assert answer.status_code == 503
    assert task_count(slow) == 1
    association = slow.association()
    assert (association["peer-group-priority"], association["sync-status"]) == (1, "out-of-sync")


def test_another_uuid_of_a_peer_is_another_system(quiet: Site) -> None:
    answer = quiet.good(quiet.operator.patch("/system-peers/1", json={"peer_uuid": OTHER}))
    assert "info_message" in answer
    row = quiet.row()
    assert (row.sync_status, row.remote_group_id, row.remote_association_id) == ("out-of-sync", None, None)
    assert quiet.ledger() == {}


def test_a_migration_status_is_no_matter_of_the_peers(quiet: Site) -> None:
    answer = patch(quiet, {"migration_status": "complete"})
    assert (answer.status_code, answer.json["migration_status"]) == (200, "complete")
    assert patch(quiet, {"migration_status": None}).json["migration_status"] is None
    assert quiet.peer.calls == []


class TestAsAnotherSite:
    """What a site may change of a group here."""

    def test_it_changes_a_copy(self, site: Site) -> None:
        site.change(SubcloudPeerGroup, 1, group_priority=2)
        answer = self.patch(site, {"max-subcloud-rehoming": 4, "group-priority": 5})
        assert (answer.status_code, answer.json["group_priority"]) == (200, 5)

    def test_it_changes_only_the_migration_status_of_a_primary_group(self, site: Site) -> None:
        assert self.patch(site, {"migration_status": "migrating"}).status_code == 200
        assert self.patch(site, {"max-subcloud-rehoming": 10}).status_code == 200
        answer = self.patch(site, {"max-subcloud-rehoming": 4})
        assert answer.status_code == 400
        assert answer.json["description"] == "Cannot update a primary peer group from another site."

    @staticmethod
    def patch(site: Site, body: dict[str, Any]) -> Any:
        headers = {"User-Agent": "dcmanager/1.0"}
        return site.operator.patch("/subcloud-peer-groups/1", json=body, headers=headers)
