"""An upgrade from before deployments could rest: each runs what it had left. And the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcapi.deploy.port import Phase, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.models import Subcloud
from tests.integration.database.old_database import DEPLOYMENT, OldDatabase
from tests.integration.database.upgraded_site import upgraded
from tests.subcloud_forms import PASSWORD

PHASES_BEFORE = "0014"
INSTALL_VALUES = {"software_version": "24.09", "bmc_address": "10.9.0.1", "bmc_username": "root"}
# Status of a deployment with all values → the phases that are begun after the upgrade.
BEGUN = {
    "pre-deploy": ["create", "install", "bootstrap", "config"],
    "creating": ["install", "bootstrap", "config"],
    "create-complete": ["install", "bootstrap", "config"],
    "pre-install": ["install", "bootstrap", "config"],
    "installing": ["bootstrap", "config"],
    "install-complete": ["bootstrap", "config"],
    "pre-bootstrap": ["bootstrap", "config"],
    "bootstrapping": ["config"],
    "bootstrap-complete": ["config"],
    "pre-config": ["config"],
    "configuring": [],
}
NEEDS_INSTALL_VALUES = ("pre-install", "installing", "install-complete")
NEEDS_DEPLOY_CONFIG = ("pre-config", "configuring")
RESTING = ("create-complete", "install-complete", "bootstrap-complete")
# Status of a deployment that runs a phase alone, or of a word that is new → what an older version is told.
ON_THE_WAY_BACK = {
    "pre-deploy": "create-failed",
    "creating": "create-failed",
    "create-complete": "install-failed",
    "pre-install": "install-failed",
    "installing": "install-failed",
    "aborting-install": "install-failed",
    "install-aborted": "install-failed",
    "pre-install-failed": "install-failed",
    "install-complete": "bootstrap-failed",
    "pre-bootstrap": "bootstrap-failed",
    "bootstrapping": "bootstrap-failed",
    "aborting-bootstrap": "bootstrap-failed",
    "bootstrap-aborted": "bootstrap-failed",
    "pre-bootstrap-failed": "bootstrap-failed",
    "bootstrap-complete": "config-failed",
    "aborting-config": "config-failed",
    "config-aborted": "config-failed",
    "pre-config-failed": "config-failed",
    "enroll-complete": "config-failed",
    "pre-init-enroll": "install-failed",
    "enrolling": "install-failed",
    "enroll-failed": "install-failed",
    # Nothing follows them anyway.
    "pre-config": "pre-config",
    "configuring": "configuring",
    "complete": "complete",
}

Begun = dict[int, list[str]]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """The phases that are begun of each subcloud."""
    seen: Begun = {}
    begin = SimulatedDeployer.begin

    def noted(deployer: SimulatedDeployer, phase: Phase, target: Target) -> StepState:
        seen.setdefault(target.subcloud_id, []).append(phase.value)
        return begin(deployer, phase, target)

    monkeypatch.setattr(SimulatedDeployer, "begin", noted)
    return seen


def add(old: OldDatabase, status: str, *, installs: bool = True, configures: bool = True) -> int:
    """A subcloud that is deployed with these values; returns its id."""
    stored = json.dumps(INSTALL_VALUES) if installs else None
    row_id = old.add_subcloud(status, data_install=stored, deploy_due_at=old.now - 1)
    payload: dict[str, Any] = {
        **DEPLOYMENT,
        "install_values": INSTALL_VALUES | {"bmc_password": PASSWORD} if installs else None,
        "deploy_config": "kind: Host" if configures else None,
    }
    old.add_operation("deploy", row_id, payload)
    return row_id


def write(old: OldDatabase) -> None:
    """Write what was added, at the revision before that of the phases."""
    old.write()
    old.go_to(PHASES_BEFORE)


@pytest.mark.parametrize("configures", [True, False], ids=["configures", "completes"])
@pytest.mark.parametrize("installs", [True, False], ids=["installs", "bootstraps"])
def test_each_deployment_runs_what_it_had_left(
    old: OldDatabase,
    instance: Path,
    monkeypatch: pytest.MonkeyPatch,
    begun: Begun,
    installs: bool,
    configures: bool,
) -> None:
    without = () if installs else NEEDS_INSTALL_VALUES
    without = without if configures else (*without, *NEEDS_DEPLOY_CONFIG)
    ids = {
        add(old, status, installs=installs, configures=configures): status
        for status in BEGUN
        if status not in without
    }
    write(old)
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        assert {site.subcloud(row_id) for row_id in ids} == {("complete", "No errors present")}
        assert {site.read(Subcloud, row_id).availability_status for row_id in ids} == {"online"}
    left_out = {*([] if installs else ["install"]), *([] if configures else ["config"])}
    assert {row_id: begun.get(row_id, []) for row_id in ids} == {
        row_id: [phase for phase in BEGUN[status] if phase not in left_out] for row_id, status in ids.items()
    }


def test_what_has_no_task_rests_between_two_phases(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    ids = {add(old, status): status for status in RESTING}
    write(old)
    old.execute("DELETE FROM task")
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        assert {row_id: site.subcloud(row_id)[0] for row_id in ids} == ids
    assert begun == {}


def test_stored_install_values_count_when_the_secrets_are_lost(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    installed, bootstrapped = (add(old, "create-complete", installs=installs) for installs in (True, False))
    write(old)
    old.execute("UPDATE task SET payload = NULL")
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        ends = [site.subcloud(row_id) for row_id in (installed, bootstrapped)]
    assert [status for status, _ in ends] == ["pre-install-failed", "pre-bootstrap-failed"]
    assert all("lost or has expired" in reason for _, reason in ends)
    assert begun == {}


def test_the_way_back_keeps_deployments_that_end_complete(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    ids = {add(old, status): status for status in BEGUN if status not in RESTING}
    write(old)
    before = old.read("task")
    old.go_to("head")
    old.go_to(PHASES_BEFORE)
    assert {row["id"]: row["deploy_status"] for row in old.read("subcloud")} == ids
    assert old.read("task") == before
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        assert {site.subcloud(row_id)[0] for row_id in ids} == {"complete"}
    assert {row_id: begun.get(row_id, []) for row_id in ids} == {
        row_id: BEGUN[status] for row_id, status in ids.items()
    }


def test_the_way_back_ends_what_an_older_version_would_take_further(
    old: OldDatabase, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {add(old, "complete"): status for status in ON_THE_WAY_BACK}
    enrolled = add(old, "creating")
    write(old)
    old.go_to("head")
    for row_id, status in ids.items():
        old.execute("UPDATE subcloud SET deploy_status = :status WHERE id = :id", status=status, id=row_id)
    left = json.dumps(["enroll-init", "enroll"])
    old.execute("UPDATE subcloud SET phases_left = :left WHERE id = :id", left=left, id=enrolled)
    old.go_to(PHASES_BEFORE)
    rows = {row["id"]: row for row in old.read("subcloud")}
    assert {status: rows[row_id]["deploy_status"] for row_id, status in ids.items()} == ON_THE_WAY_BACK
    assert rows[enrolled]["deploy_status"] == "create-failed"
    reasons = {row["error_description"] for row in rows.values() if row["deploy_status"].endswith("-failed")}
    assert "No errors present" not in reasons
    with upgraded(old, instance, monkeypatch) as site:
        site.finish()
        assert {status: site.subcloud(row_id)[0] for row_id, status in ids.items()} == ON_THE_WAY_BACK
        assert site.subcloud(enrolled)[0] == "create-failed"
