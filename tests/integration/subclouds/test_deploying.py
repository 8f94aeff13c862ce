"""Deployments by jobs, and what becomes of them when jobs, processes and secrets get lost."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from dcapi import create_app
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.deploy.port import Phase, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer, failures_of
from dcapi.jobs.hold import LeaseLost, take_hold
from dcapi.jobs.inline import InlineJobs
from dcapi.models.lease import Lease
from dcapi.parts import Parts
from dcapi.services import deployment
from dcapi.sync.reconcile import Due
from tests.conftest import ADMIN_PASSWORD, site_settings
from tests.integration.kept_operations import forget_all, let_expire, lose_the_key, operations
from tests.integration.subclouds.fleet import Fleet, done
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, install_values, new_form


def walk(fleet: Fleet, **changes: Any) -> list[str]:
    """Every deploy status that a new subcloud shows, one job after the other."""
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form(**changes))).json["id"]
    jobs = fleet.parts.jobs
    assert isinstance(jobs, InlineJobs)
    seen = [fleet.show(subcloud_id)["deploy-status"]]
    while jobs.run_waiting(limit=1):
        seen.append(fleet.show(subcloud_id)["deploy-status"])
    return seen


def test_a_deployment_shows_every_status_on_its_way(fleet: Fleet) -> None:
    seen = walk(
        fleet,
        install_values=install_values(),
        bmc_password=PASSWORD,
        deploy_config=b"kind: Host\n---\nkind: B",
    )
    assert seen == [
        "pre-deploy",
        "creating",
        "create-complete",
        "pre-install",
        "installing",
        "install-complete",
        "pre-bootstrap",
        "bootstrapping",
        "bootstrap-complete",
        "pre-config",
        "configuring",
        "complete",
    ]
    assert fleet.show(1)["availability-status"] == "online"
    assert fleet.show(1)["error-description"] == "No errors present"
    assert operations(fleet.parts) == []


@pytest.mark.parametrize("phase", ["create", "install", "bootstrap", "config"])
def test_a_phase_that_fails_ends_the_deployment_with_its_reason(fleet: Fleet, phase: str) -> None:
    deployer = SimulatedDeployer(0, failures_of(f"quay-1:{phase}"))
    with_failures = replace(fleet.parts, deployer=deployer)
    parts: dict[str, Any] = {
        "install_values": install_values(),
        "bmc_password": PASSWORD,
        "deploy_config": b"a: 1",
    }
    done(fleet.operator.post("/subclouds", **new_form(**parts)))
    for _ in range(12):
        deployment.step(with_failures, 1)
    shown = fleet.show(1)
    assert shown["deploy-status"] == f"{phase}-failed"
    assert phase in shown["error-description"]
    assert shown["availability-status"] == "offline"
    assert operations(fleet.parts) == []


def test_what_a_deployment_needs_is_encrypted_and_kept_for_its_time_alone(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    with fleet.parts.unit_of_work() as session:
        raw = session.connection().exec_driver_sql("SELECT payload FROM operation").scalar_one()
    assert "management_subnet" not in raw
    [operation] = operations(fleet.parts)
    assert operation.payload["sysadmin_password"] == PASSWORD
    assert operation.expires_at - operation.created_at == fleet.parts.settings.OPERATION_SECRET_TTL


@pytest.mark.parametrize("lose", [forget_all, let_expire, lose_the_key])
def test_a_deployment_whose_secrets_are_gone_fails_and_says_so(
    fleet: Fleet, lose: Callable[[Parts], None]
) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    deployment.step(fleet.parts, 1)
    lose(fleet.parts)
    fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "create-failed"
    assert "lost or has expired" in shown["error-description"]
    assert operations(fleet.parts) == []


def due(parts: Parts) -> list[Due]:
    with parts.unit_of_work() as session:
        return list(deployment.deployments_due(session))


def test_a_deployment_whose_job_was_dropped_is_due(fleet: Fleet) -> None:
    fleet.secondary(9)
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form())).json["id"]
    wanted = Due("deploy", f"subcloud:{subcloud_id}", {"subcloud_id": subcloud_id})
    # The jobs of this process are never run: whatever goes on is found in the rows.
    for _ in range(20):
        assert due(fleet.parts) in ([wanted], [])
        for job in due(fleet.parts):
            deployment.step(fleet.parts, **job.ids)
    assert fleet.show(subcloud_id)["deploy-status"] == "complete"
    assert due(fleet.parts) == []


def test_a_step_is_not_made_before_it_is_due(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    slow = replace(fleet.parts, deployer=SimulatedDeployer(3600))
    for _ in range(3):
        deployment.step(slow, 1)
    assert fleet.show(1)["deploy-status"] == "creating"
    assert due(fleet.parts) == []
    with fleet.parts.unit_of_work() as session:
        assert deployment.due(session, time.time() + 3601) == [1]


def test_a_step_that_somebody_else_makes_is_left_to_them(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    hold = take_hold(fleet.parts.unit_of_work, "subcloud:1", "somebody else", 60)
    assert hold is not None
    deployment.step(fleet.parts, 1)
    assert fleet.show(1)["deploy-status"] == "pre-deploy"
    hold.release()
    deployment.step(fleet.parts, 1)
    assert fleet.show(1)["deploy-status"] == "creating"


def test_a_subcloud_that_is_deleted_during_a_step_stays_deleted(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))

    deployer = Interrupted(lambda: done(fleet.operator.delete("/subclouds/1")))
    deployment.step(replace(fleet.parts, deployer=deployer), 1)
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}


class Interrupted(SimulatedDeployer):
    """Something else happens while the deployer is at work."""

    def __init__(self, happens: Callable[[], None]) -> None:
        super().__init__(0)
        self.happens = happens

    def begin(self, phase: Phase, target: Target) -> StepState:
        self.happens()
        return super().begin(phase, target)


def test_a_status_that_changed_during_a_step_is_left_as_it_is(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    deployer = Interrupted(lambda: fleet.set_subcloud(1, deploy_status="create-failed"))
    deployment.step(replace(fleet.parts, deployer=deployer), 1)
    assert fleet.show(1)["deploy-status"] == "create-failed"


def test_a_step_that_lost_its_lease_writes_nothing(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))

    def lose_the_lease() -> None:
        with fleet.parts.unit_of_work() as session:
            session.execute(update(Lease).values(epoch=Lease.epoch + 1, owner="somebody else"))
            session.commit()

    with pytest.raises(LeaseLost):
        deployment.step(replace(fleet.parts, deployer=Interrupted(lose_the_lease)), 1)
    assert fleet.show(1)["deploy-status"] == "pre-deploy"


@pytest.fixture
def busy_app(prepared_instance: Path, tmp_path: Path) -> Iterator[Flask]:
    """A site whose jobs run on threads, as they do in a server."""
    shutil.copytree(prepared_instance, tmp_path / "busy")
    site = create_app(site_settings(tmp_path / "busy", JOBS_ENGINE="threads", JOB_THREADS=2))
    jobs = site.extensions[EXTENSION].jobs
    jobs.start()
    yield site
    assert jobs.drain(20)
    with site.app_context():
        db.engine.dispose()


def test_a_creation_that_waits_answers_with_the_outcome(busy_app: Flask) -> None:
    client = SiteClient.logged_in(busy_app, "admin", ADMIN_PASSWORD)
    answer = done(client.post("/subclouds", headers={"Prefer": "wait=20"}, **new_form()))
    assert answer.json["deploy-status"] == "complete"
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_a_simulated_subcloud_goes_off_the_air_and_comes_back(fleet: Fleet, app: Flask) -> None:
    fleet.managed()
    runner = app.test_cli_runner()
    command = ["dcapi", "simulate", "quay-1", "--availability"]
    assert runner.invoke(args=[*command, "offline"]).exit_code == 0
    shown = fleet.show(1)
    assert shown["availability-status"] == "offline"
    assert [one["sync_status"] for one in shown["endpoint_sync_status"]] == ["in-sync", *["unknown"] * 6]
    assert runner.invoke(args=[*command, "online"]).exit_code == 0
    shown = fleet.show(1)
    assert shown["availability-status"] == "online"
    assert {one["sync_status"] for one in shown["endpoint_sync_status"]} == {"in-sync"}


def test_what_cannot_be_simulated_says_why(fleet: Fleet, app: Flask) -> None:
    fleet.secondary()
    runner = app.test_cli_runner()
    command = ["dcapi", "simulate", "--availability"]
    result = runner.invoke(args=[*command, "online", "quay-1"])
    assert result.exit_code == 1
    assert "it cannot be online" in result.output
    assert "Subcloud not found" in runner.invoke(args=[*command, "offline", "quay-7"]).output
    assert runner.invoke(args=[*command, "sideways", "quay-1"]).exit_code == 2


def test_what_a_deployment_needs_is_kept_for_as_long_as_it_goes_on(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    slow = replace(fleet.parts, deployer=SimulatedDeployer(3 * fleet.parts.settings.OPERATION_SECRET_TTL))
    deployment.step(slow, 1)
    [operation] = operations(fleet.parts)
    due_at = time.time() + 3 * fleet.parts.settings.OPERATION_SECRET_TTL
    assert operation.expires_at > due_at
