"""A group is taken over: with the other site away, with it alive, and with members that fail."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dcapi.deploy.port import Done, Failed, Phase, Running, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.jobs.backlog import Backlog
from dcapi.log import AUDIT_LOGGER
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer, task
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.runtime import Runtime
from dcapi.sync.takeover import coordination
from dcapi.tasks import runner
from tests.integration.audit_lines import acts
from tests.integration.beside_peer import NETWORKS, PEER_UUID
from tests.integration.kept_tasks import (
    all_steps,
    change_tasks,
    forget_payloads,
    let_expire,
    lose_the_key,
    make_due,
    tasks,
)
from tests.integration.migration.conftest import GROUP, Survivor
from tests.subcloud_forms import PASSWORD

GONE = PeerUnavailable("Peer site-a: no answer within 30 s", maybe_sent=True)
BUSY = PeerRefused("Peer site-a: answered 500: try again", 500, "try again")


def test_a_group_is_taken_over_from_a_site_that_is_away(site: Survivor) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.be_away()
    assert site.begin() == ["edge-1", "edge-2"]
    assert site.group().migration_status == "migrating"
    site.run_jobs()
    for name in ("edge-1", "edge-2"):
        assert site.standing(name) == ("complete", "managed")
        assert site.subcloud(name)["availability-status"] == "online"
        assert {one["sync_status"] for one in site.subcloud(name)["endpoint_sync_status"]} == {"in-sync"}
    site.expect_complete()
    assert "cede_subcloud" not in site.peer.count


def test_a_site_that_is_alive_gives_its_subclouds_away_first(site: Survivor) -> None:
    site.add_member()
    site.begin()
    assert site.there.group_named("trains")["migration_status"] == "migrating"
    site.run_jobs()
    theirs = site.there.subcloud_in("region-of-edge-1")
    assert (theirs["deploy-status"], theirs["management-state"]) == ("rehome-pending", "unmanaged")
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


@pytest.mark.parametrize("fails", [False, True])
def test_the_audit_log_tells_what_was_taken_over_and_from_whom(
    site: Survivor, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    caplog.set_level(logging.INFO, AUDIT_LOGGER)
    site.add_member()
    site.begin()
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening(Failed("no route to host")) if fails else Listening())
    result = {"outcome": "failed", "reason": "no route to host"} if fails else {"outcome": "done"}
    assert acts(caplog) == [
        {
            "user_name": site.runtime.site.name,
            "peer": "site-a",
            "verb": "take over",
            "object_type": "subcloud",
            "object_id": 1,
            "object_name": "edge-1",
            **result,
        }
    ]


def test_a_member_shows_every_status_on_its_way(site: Survivor) -> None:
    subcloud_id = site.add_member()
    site.begin()
    seen = [site.standing()]
    write = runner._write
    noted: list[tuple[str, str]] = []

    def note(*arguments: Any) -> Any:
        written = write(*arguments)
        if arguments[1].name == "rehome":
            noted.append(site.standing())
        return written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "_write", note)
        site.run_jobs()
    assert subcloud_id == 1
    assert seen + noted == [
        ("secondary", "unmanaged"),
        ("pre-rehome", "unmanaged"),
        ("rehoming", "unmanaged"),
        ("complete", "unmanaged"),
        ("complete", "managed"),
    ]


class Listening(SimulatedDeployer):
    """Notes what it is given."""

    longest_pause = 3600.0

    def __init__(self, *states: StepState) -> None:
        super().__init__(0)
        self.calls: list[tuple[str, Phase, Target]] = []
        self.states = list(states)

    def _say(self) -> StepState:
        return self.states.pop(0) if self.states else Done()

    def begin(self, phase: Phase, target: Target) -> StepState:
        self.calls.append(("begin", phase, target))
        return self._say()

    def poll(self, phase: Phase, target: Target) -> StepState:
        self.calls.append(("poll", phase, target))
        return self._say()


def with_deployer(site: Survivor, deployer: SimulatedDeployer, subcloud_id: int = 1) -> None:
    """Take a member that was let in as far as it goes, by another deployer."""
    all_steps(replace(site.runtime, deployer=deployer), "rehome", subcloud_id)


def test_a_step_leaves_alone_a_member_whose_status_has_changed(site: Survivor) -> None:
    class Slow(Listening):
        def begin(self, phase: Phase, target: Target) -> StepState:
            site.change(Subcloud, 1, deploy_status="rehome-pending")
            return super().begin(phase, target)

    site.add_member()
    site.be_away()
    site.begin()
    all_steps(site.runtime, "migrate")
    assert site.standing() == ("pre-rehome", "unmanaged")
    with_deployer(site, Slow(Failed("no route to host")))
    assert site.standing() == ("rehome-pending", "unmanaged")


def test_the_deployer_gets_what_the_other_site_kept_here_with_its_secrets(site: Survivor) -> None:
    subcloud_id = site.add_member()
    with site.runtime.unit_of_work() as session:
        row = session.get(Subcloud, subcloud_id)
        data_install.write(row, {"bmc_password": "c2VjcmV0", "bmc_address": "10.0.0.9"})
        session.commit()
    site.begin()
    all_steps(site.runtime, "migrate")
    deployer = Listening()
    with_deployer(site, deployer)
    assert [(call, phase) for call, phase, _ in deployer.calls] == [
        ("begin", Phase.REHOME),
        ("poll", Phase.REHOME),
    ]
    target = deployer.calls[0][2]
    assert target.bootstrap_values == {**NETWORKS, "name": "edge-1", "admin_password": "c2VjcmV0"}
    assert target.bootstrap_address == "10.10.10.12"
    assert target.install_values == {"bmc_password": "c2VjcmV0", "bmc_address": "10.0.0.9"}
    assert target.sysadmin_password == PASSWORD
    assert PASSWORD not in repr(target)


def test_a_member_is_taken_over_at_the_address_of_its_install_values(site: Survivor) -> None:
    subcloud_id = site.add_member()
    with site.runtime.unit_of_work() as session:
        row = session.get(Subcloud, subcloud_id)
        rehome_data.write(row, {"saved_payload": {"name": "edge-1"}, "more": 1})
        data_install.write(row, {"bootstrap_address": "10.10.10.13"})
        session.commit()
    site.begin()
    all_steps(site.runtime, "migrate")
    deployer = Listening()
    with_deployer(site, deployer)
    assert {target.bootstrap_address for _, _, target in deployer.calls} == {"10.10.10.13"}
    with site.runtime.unit_of_work() as session:
        kept = rehome_data.read(session.get(Subcloud, subcloud_id))
    assert kept == {"saved_payload": {"name": "edge-1", "bootstrap-address": "10.10.10.13"}, "more": 1}


def test_a_rehoming_that_takes_its_time_is_looked_at_when_it_is_due(site: Survivor) -> None:
    site.add_member()
    site.be_away()
    site.begin()
    all_steps(site.runtime, "migrate")
    deployer = Listening(Running(3600))
    with_deployer(site, deployer)
    with_deployer(site, deployer)
    assert len(deployer.calls) == 1
    assert site.standing() == ("rehoming", "unmanaged")
    assert site.status()["rehoming"] == 1
    make_due(site.runtime)
    with_deployer(site, deployer)
    site.run_jobs()
    site.expect_complete()


def test_a_member_that_fails_does_not_stop_the_others(site: Survivor) -> None:
    for number in (1, 2, 3):
        site.add_member(f"edge-{number}")
    site.be_away()
    site.begin()
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening(Running(0), Failed("no power in rack 4")), subcloud_id=2)
    site.run_jobs()
    assert site.standing("edge-2") == ("rehome-failed", "unmanaged")
    assert site.subcloud("edge-2")["error-description"] == "no power in rack 4"
    assert site.standing("edge-1") == site.standing("edge-3") == ("complete", "managed")
    site.expect_complete()
    counts = site.status()
    assert (counts["complete"], counts["rehome_failed"], counts["managed"]) == (2, 1, 2)


def test_a_migration_takes_those_that_failed_once_more(site: Survivor) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2", deploy_status="rehome-failed", error_description="no power")
    site.add_member("edge-3", deploy_status="complete", management_state="managed")
    site.change(SubcloudPeerGroup, 1, migration_status="complete", system_leader_id=site.runtime.site.uuid)
    site.be_away()
    assert site.begin() == ["edge-1", "edge-2"]
    assert site.status()["waiting_for_migrate"] == 2
    assert site.status()["rehome_failed"] == 0
    site.run_jobs()
    assert site.standing("edge-2") == ("complete", "managed")
    assert site.subcloud("edge-2")["error-description"] == "No errors present"
    site.expect_complete()


def test_a_group_all_of_whose_members_fail_is_led_from_here_all_the_same(site: Survivor) -> None:
    site.add_member()
    site.be_away()
    site.begin()
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening(Failed("no power")))
    site.run_jobs()
    assert site.standing() == ("rehome-failed", "unmanaged")
    site.expect_complete()


# -- Ceding --


def test_third_refusal_fails_the_member_with_its_text(site: Survivor) -> None:
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.begin()
    site.there.subcloud_in("region-of-edge-1")["peer_group_id"] = None
    site.run_jobs()
    assert site.peer.count["cede_subcloud"] == 4
    assert site.standing("edge-1") == ("rehome-prep-failed", "unmanaged")
    error = site.subcloud("edge-1")["error-description"]
    assert "Another site can only update or delete a secondary subcloud." in error
    assert site.standing("edge-2") == ("complete", "managed")
    assert site.there.subcloud_in("region-of-edge-1")["management-state"] == "managed"
    site.expect_complete()


def test_a_refusal_that_passes_costs_a_try(site: Survivor) -> None:
    site.add_member()
    site.begin()
    site.peer.fail(BUSY, on="cede_subcloud", times=2)
    site.run_jobs()
    assert site.peer.count["cede_subcloud"] == 3
    assert site.standing() == ("complete", "managed")


def test_subcloud_unknown_to_the_other_site_is_taken_without_asking(site: Survivor) -> None:
    site.add_member()
    site.there.subclouds.clear()
    site.begin()
    site.run_jobs()
    assert site.standing() == ("complete", "managed")
    assert "cede_subcloud" not in site.peer.count


@pytest.mark.parametrize("error", [GONE, BUSY])
def test_a_lost_answer_is_no_lost_subcloud(site: Survivor, error: Exception) -> None:
    """The first request took effect: an older site refuses to do it once more."""
    site.there.answers_like_original = True
    site.add_member()
    site.there.group_named(GROUP)["migration_status"] = None
    site.begin()
    site.there.group_named(GROUP)["migration_status"] = "migrating"
    site.peer.fail(error, on="cede_subcloud", after=True)
    site.run_jobs()
    assert site.peer.count["cede_subcloud"] == 1
    assert site.standing() == ("complete", "managed")


def test_dying_site_is_tried_three_times_and_then_left_out(site: Survivor) -> None:
    site.add_member()
    site.begin()
    site.peer.fail(GONE, times=None)
    site.run_jobs()
    assert site.peer.count["subcloud"] == 3
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


def test_a_site_that_is_known_to_be_away_is_tried_once(site: Survivor) -> None:
    site.add_member()
    site.begin()
    site.change(SystemPeer, 1, availability_state="unavailable")
    site.peer.fail(GONE, times=None)
    site.run_jobs()
    assert site.peer.count["subcloud"] == 1
    assert site.standing() == ("complete", "managed")


# -- Coming online --


def coming_online(site: Survivor, seconds: float) -> None:
    site.add_member(deploy_status="complete", rehome_step="coming-online")
    site.change(SubcloudPeerGroup, 1, migration_status="migrating", migrating_here=True)
    with site.runtime.unit_of_work() as session:
        task.start(session, "migrate", 1, details={"told": False, "tells": True, "claimed": True, "away": []})
        task.start(session, "rehome", 1)
        session.commit()
    change_tasks(site.runtime, deadline=time.time() + seconds)


def test_a_subcloud_is_managed_when_it_has_come_online(site: Survivor) -> None:
    coming_online(site, 600)
    all_steps(site.runtime, "rehome")
    assert site.standing() == ("complete", "unmanaged")
    assert site.status()["complete"] == 1
    site.change(Subcloud, 1, availability_status="online")
    make_due(site.runtime)
    site.sweep()
    assert site.standing() == ("complete", "managed")
    site.expect_complete()


def test_a_subcloud_that_does_not_come_online_in_its_time_has_failed(site: Survivor) -> None:
    coming_online(site, -1)
    site.sweep()
    assert site.standing() == ("rehome-failed", "unmanaged")
    assert "did not come online" in site.subcloud()["error-description"]
    site.expect_complete()


# -- What it needs gets lost --


@pytest.mark.parametrize("lose", [forget_payloads, let_expire, lose_the_key])
def test_a_migration_whose_password_is_gone_fails_with_that_reason(
    site: Survivor, lose: Callable[[Runtime], None]
) -> None:
    site.change(SubcloudPeerGroup, 1, max_subcloud_rehoming=1)
    site.add_member("edge-1")
    site.add_member("edge-2")
    site.be_away()
    site.begin()
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening(Running(3600)))
    assert site.steps() == {"edge-1": "rehoming", "edge-2": "waiting"}
    lose(site.runtime)
    make_due(site.runtime)
    site.jobs._waiting = Backlog(1000)
    site.sweep()
    assert site.standing("edge-2") == ("rehome-prep-failed", "unmanaged")
    assert site.standing("edge-1") == ("rehome-failed", "unmanaged")
    for name in ("edge-1", "edge-2"):
        assert "lost or has expired" in site.subcloud(name)["error-description"]
    site.expect_complete()


def test_the_password_is_kept_for_as_long_as_members_begin(site: Survivor) -> None:
    site.add_member()
    site.be_away()
    site.begin()
    change_tasks(site.runtime, secret_until=time.time() + 10)
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening(Running(3600)))
    [left] = [(one.secret_until or 0) - time.time() for one in tasks(site.runtime) if one.payload]
    assert 10 < left <= site.runtime.settings.OPERATION_SECRET_TTL


# -- The way home --


def test_a_primary_that_takes_its_group_home_syncs_those_who_missed_it(site: Survivor) -> None:
    site.change(SubcloudPeerGroup, 1, group_priority=0)
    site.change(PeerGroupAssociation, 1, association_type="primary", peer_group_priority=1)
    with site.runtime.unit_of_work() as session:
        third = SystemPeer(
            peer_uuid="33333333-2222-4333-8444-555555555555",
            peer_name="site-c",
            manager_endpoint="http://127.0.0.1:9/v3",
            manager_username="admin",
            manager_password="c2VjcmV0",
            peer_controller_gateway_address="192.168.204.103",
        )
        session.add(third)
        session.flush()
        session.add(
            PeerGroupAssociation(
                peer_group_id=1,
                system_peer_id=third.id,
                peer_group_priority=2,
                association_type="primary",
                sync_status="out-of-sync",
            )
        )
        session.commit()
    site.runtime.peers.fakes[2] = site.peer  # type: ignore[attr-defined]
    site.there.group_named(GROUP)["group_priority"] = 1
    site.add_member()
    site.there.uuid = PEER_UUID
    site.begin()
    all_steps(site.runtime, "migrate")
    with_deployer(site, Listening())
    with site.runtime.unit_of_work() as session:
        associations = coordination.group_rows.end_if_done(session, site.runtime.site, 1)
        session.commit()
    assert associations == [1, 2]
    with site.runtime.unit_of_work() as session:
        first, second = (session.get(PeerGroupAssociation, number) for number in (1, 2))
        assert first is not None
        assert second is not None
        assert (first.sync_asked, second.sync_asked) == (0, 1)
        assert second.sync_status == "syncing"
        assert first.unfollowed
        assert second.unfollowed
