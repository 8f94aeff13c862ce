"""An upgrade in the middle of long work: it goes on, or fails with its reason, and the way back keeps it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from dcapi import prepare
from dcapi.errors import SettingsError
from dcapi.migrations import head
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.settings import settings_from
from tests.integration.database.old_database import (
    BEFORE,
    DEPLOYMENT,
    MIGRATED,
    MIGRATION,
    OURS,
    PRESTAGING,
    RECONFIGURATION,
    SITE_UUID,
    OldDatabase,
    teardown,
)
from tests.integration.database.upgraded_site import settings, upgraded
from tests.integration.kept_tasks import tasks
from tests.integration.subclouds.verbs import NETWORK

# Status of a deployment → where it fails from there.
DEPLOYING = {
    "pre-deploy": "create-failed",
    # It is created, and has no install values; what runs ends by itself, and the next phase is not begun.
    **dict.fromkeys(("creating", "create-complete"), "pre-bootstrap-failed"),
    "pre-install": "pre-install-failed",
    **dict.fromkeys(("installing", "install-complete", "pre-bootstrap"), "pre-bootstrap-failed"),
    **dict.fromkeys(("bootstrapping", "bootstrap-complete", "pre-config"), "pre-config-failed"),
    # Nothing follows.
    "configuring": "complete",
    "pre-rehome": "rehome-prep-failed",
    "rehoming": "complete",
}
# A deployment that stood between two phases stands before the next one since.
GONE_ON = {
    "create-complete": "pre-bootstrap",
    "install-complete": "pre-bootstrap",
    "bootstrap-complete": "pre-config",
}
# Step of a member, its status, and where it fails from there.
MEMBERS = (
    ("waiting", "secondary", "rehome-prep-failed"),
    ("ceding", "secondary", "rehome-prep-failed"),
    ("ceding-again", "rehome-failed", "rehome-prep-failed"),
    ("ceding-last", "secondary", "rehome-prep-failed"),
    ("rehoming", "pre-rehome", "rehome-failed"),
    ("rehoming", "rehoming", "rehome-failed"),
)
# Ids that subclouds had that were deleted.
FIRST_RUIN, SECOND_RUIN = 801, 802


def fill(old: OldDatabase) -> dict[str, list[int]]:
    """Work of each kind under way; returns the subjects of those whose end is looked at, by kind."""
    found: dict[str, list[int]] = {"deploy": [], "rehome": []}
    for status in DEPLOYING:
        found["deploy"].append(old.add_subcloud(status, deploy_due_at=old.now - 1))
        old.add_operation("deploy", found["deploy"][-1], DEPLOYMENT)
    for step, status, _ in MEMBERS:
        due_at = None if step == "waiting" else old.now - 1
        columns = {"rehome_step": step, "peer_group_id": MIGRATED, "deploy_due_at": due_at}
        found["rehome"].append(old.add_subcloud(status, **columns))
    online = {"availability_status": "online", "peer_group_id": MIGRATED, "deploy_due_at": old.now + 300}
    found["coming-online"] = [old.add_subcloud("complete", rehome_step="coming-online", **online)]
    old.add_operation("migrate", MIGRATED, MIGRATION)
    old.groups[MIGRATED] |= {"migrating_here": True, "members_begun": True, "migration_status": "migrating"}
    found["network"] = [old.add_subcloud("reconfiguring-network", deploy_due_at=old.now) for _ in range(2)]
    for number, row_id in enumerate(found["network"]):
        network = {name: text.replace("10.77.1.", f"10.77.{number}.") for name, text in NETWORK.items()}
        begun = {"begun": True} if number else {}
        old.add_operation("reconfigure-network", row_id, RECONFIGURATION | {"options": network} | begun)
    found["prestage"] = [
        old.add_subcloud("complete", prestage_status="prestaging", prestage_due_at=old.now) for _ in range(2)
    ]
    for number, row_id in enumerate(found["prestage"]):
        old.add_operation("prestage", row_id, PRESTAGING | ({"begun": True} if number else {}))
    old.add_operation("undeploy", FIRST_RUIN, teardown("ruin-1"))
    old.add_operation("undeploy", SECOND_RUIN, teardown("ruin-2", tries=2, begun=True))
    old.add_operation("group-attributes", OURS, {"max-subcloud-rehoming": 3})
    return found


def test_work_of_each_kind_goes_on_to_its_end(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = fill(old)
    old.write()
    with upgraded(old, instance, monkeypatch, DEPLOY_FAILURES="ruin-2:delete", LOG_LEVEL="INFO") as site:
        site.finish()
        for row_id in (*found["deploy"], *found["rehome"], *found["coming-online"], *found["network"]):
            assert site.subcloud(row_id) == ("complete", "No errors present"), row_id
        for row_id in (*found["rehome"], *found["coming-online"]):
            assert site.read(Subcloud, row_id).management_state == "managed"
        group = site.read(SubcloudPeerGroup, MIGRATED)
        assert (group.migration_status, group.migrating_here) == ("complete", False)
        assert group.system_leader_id == SITE_UUID
        subnets = [site.read(Subcloud, row_id).management_subnet for row_id in found["network"]]
        assert subnets == ["10.77.0.0/24", "10.77.1.0/24"]
        shown = [site.read(Subcloud, row_id) for row_id in found["prestage"]]
        assert [(row.prestage_status, row.prestage_versions) for row in shown] == [("complete", "25.09")] * 2
        assert site.read(PeerGroupAssociation, OURS).sync_status == "out-of-sync"
    assert f"subcloud ruin-1 ({FIRST_RUIN}): torn down" in caplog.text
    given_up = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(given_up) == 1
    assert f"subcloud ruin-2 ({SECOND_RUIN}) is deleted, but could not be torn down: 3 tries" in given_up[0]


@pytest.mark.parametrize("how", ["missing", "expired", "lost key"])
def test_work_that_lost_what_it_needs_fails_with_its_reason(
    old: OldDatabase,
    instance: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    found = fill(old)
    old.lose_operations(how)
    old.write()
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        ends = [site.subcloud(row_id) for row_id in (*found["deploy"], *found["rehome"], *found["network"])]
        failed = [*DEPLOYING.values(), *(end for _, _, end in MEMBERS)]
        assert [status for status, _ in ends] == [*failed, *["network-reconfiguration-failed"] * 2]
        reasons = [reason for status, reason in ends if status != "complete"]
        assert all("lost or has expired" in reason for reason in reasons)
        assert [site.subcloud(row_id)[0] for row_id in found["coming-online"]] == ["complete"]
        assert {site.read(Subcloud, row_id).prestage_status for row_id in found["prestage"]} == {"failed"}
        assert not site.read(SubcloudPeerGroup, MIGRATED).migrating_here
        assert site.read(PeerGroupAssociation, OURS).sync_status == "out-of-sync"
    lost = [text for text in caplog.messages if "could not be torn down: what this needs was lost" in text]
    assert len(lost) == (0 if how == "missing" else 2)


def test_due_times_tries_and_patience_are_kept(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = old.now + 5
    at_once = old.add_subcloud("creating")
    waits = old.add_subcloud("installing", deploy_due_at=later)
    online = old.add_subcloud(
        "complete", rehome_step="coming-online", deploy_due_at=later, peer_group_id=MIGRATED
    )
    old.add_operation("deploy", waits, DEPLOYMENT, created_at=old.now - 100, expires_at=old.now + 50)
    old.add_operation("undeploy", FIRST_RUIN, teardown("ruin", tries=1, begun=True, due_at=later))
    old.write()
    with upgraded(old, instance, monkeypatch) as site:
        kept = {(task.kind, task.subject_id): task for task in tasks(site.runtime)}
        assert kept.keys() == {
            ("deploy", at_once),
            ("deploy", waits),
            ("rehome", online),
            ("undeploy", FIRST_RUIN),
        }
        one = kept["deploy", waits]
        assert (one.due_at, one.created_at, one.secret_until) == (later, old.now - 100, old.now + 50)
        assert kept["deploy", at_once].due_at >= old.now
        assert kept["rehome", online].deadline == later
        ruin = kept["undeploy", FIRST_RUIN]
        assert (ruin.due_at, ruin.tries, ruin.begun) == (later, 1, True)


@pytest.mark.parametrize(
    "notes", [{"claimed": False, "tells": False}, {"claimed": False, "told": True}, {"away": [1]}], ids=str
)
def test_what_a_migration_knows_of_other_sites_is_kept(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, notes: dict[str, Any]
) -> None:
    row_id = old.add_subcloud("secondary", rehome_step="waiting", peer_group_id=MIGRATED)
    old.groups[MIGRATED] |= {"migrating_here": True, "migration_status": "migrating"}
    old.add_operation("migrate", MIGRATED, MIGRATION | notes)
    old.write()
    with upgraded(old, instance, monkeypatch) as site:
        [task] = tasks(site.runtime)
        secret = {"sysadmin_password": MIGRATION["sysadmin_password"]}
        assert (task.payload, secret | task.details) == (secret, MIGRATION | notes)
        site.finish()
        assert site.subcloud(row_id) == ("complete", "No errors present")


def test_what_is_not_under_way_gets_no_task(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in (
        "complete",
        "secondary",
        "install-failed",
        "rehome-pending",
        "network-reconfiguration-failed",
    ):
        row_id = old.add_subcloud(status, prestage_status="complete", deploy_due_at=old.now)
        for kind in ("deploy", "reconfigure-network", "prestage"):
            old.add_operation(kind, row_id, DEPLOYMENT)
    old.add_operation("migrate", OURS, MIGRATION)
    old.write()
    with upgraded(old, instance, monkeypatch) as site:
        assert tasks(site.runtime) == []


def test_the_way_back_keeps_the_work(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fill(old)
    old.write()
    operations, subclouds = kept(old)
    for row in subclouds.values():
        row[0] = GONE_ON.get(row[0], row[0])
    old.go_to("head")
    old.go_to(BEFORE)
    assert kept(old) == (operations, subclouds)
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        for row_id in (*found["deploy"], *found["rehome"], *found["network"]):
            assert site.subcloud(row_id)[0] == "complete"


def kept(old: OldDatabase) -> tuple[dict[Any, Any], dict[int, Any]]:
    """What the code of before goes by: its operations, and the due times of subclouds."""
    operations = {
        (row["kind"], row["subject_id"]): (
            old.decrypted(row["payload"]),
            row["created_at"],
            row["expires_at"],
        )
        for row in old.read("operation")
    }
    columns = ("deploy_status", "deploy_due_at", "rehome_step", "prestage_status", "prestage_due_at")
    return operations, {row["id"]: [row[name] for name in columns] for row in old.read("subcloud")}


def test_what_was_lost_is_lost_on_the_way_back_too(old: OldDatabase, instance: Path) -> None:
    found = fill(old)
    old.lose_operations("lost key")
    old.write()
    old.go_to("head")
    old.go_to(BEFORE)
    expired = {row["subject_id"] for row in old.read("operation") if row["expires_at"] <= old.now}
    assert expired >= {*found["deploy"], *found["network"], *found["prestage"], MIGRATED, FIRST_RUIN}


def test_a_start_with_other_keys_changes_nothing(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fill(old)
    old.write()
    before = [old.read(table) for table in ("operation", "subcloud", "site")]
    other = settings_from(settings(old, instance, SECRETS_KEYS=Fernet.generate_key().decode()))
    with pytest.raises(SettingsError, match="encrypted with another key"):
        prepare(other)
    assert old.revision() == BEFORE
    assert [old.read(table) for table in ("operation", "subcloud", "site")] == before
    with upgraded(old, instance, monkeypatch) as site:
        assert old.revision() == head()
        site.finish()
        assert site.subcloud(found["deploy"][0])[0] == "complete"


@pytest.mark.parametrize("state", ["available", "unavailable", "created"])
def test_a_peer_that_is_available_has_accepted_a_login(old: OldDatabase, state: str) -> None:
    old.peer["availability_state"] = state
    old.write()
    old.go_to("head")
    [peer] = old.read("system_peer")
    assert bool(peer["login_accepted"]) == (state == "available")
