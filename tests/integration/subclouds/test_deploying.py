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
from dcapi.models.lease import Lease
from dcapi.runtime import Runtime
from dcapi.tasks.hold import take_hold
from dcapi.tasks.runner import Due
from tests.conftest import ADMIN_PASSWORD, site_settings
from tests.integration.kept_tasks import (
    due,
    forget_payloads,
    let_expire,
    lose_the_key,
    make_due,
    one_step,
    tasks,
)
from tests.integration.subclouds.fleet import Fleet, done
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD, install_values, new_form


def walk(fleet: Fleet, **changes: Any) -> list[str]:
    """Every deploy status that a new subcloud shows, one step after the other."""
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form(**changes))).json["id"]
    seen = [fleet.show(subcloud_id)["deploy-status"]]
    while tasks(fleet.runtime):
        one_step(fleet.runtime, "deploy", subcloud_id)
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
        "pre-install",
        "installing",
        "pre-bootstrap",
        "bootstrapping",
        "pre-config",
        "configuring",
        "complete",
    ]
    assert fleet.show(1)["availability-status"] == "online"
    assert fleet.show(1)["error-description"] == "No errors present"
    assert tasks(fleet.runtime) == []


@pytest.mark.parametrize("phase", ["create", "install", "bootstrap", "config"])
def test_a_phase_that_fails_ends_the_deployment_with_its_reason(fleet: Fleet, phase: str) -> None:
    deployer = SimulatedDeployer(0, failures_of(f"quay-1:{phase}"))
    with_failures = replace(fleet.runtime, deployer=deployer)
    parts: dict[str, Any] = {
        "install_values": install_values(),
        "bmc_password": PASSWORD,
        "deploy_config": b"a: 1",
    }
    done(fleet.operator.post("/subclouds", **new_form(**parts)))
    for _ in range(12):
        one_step(with_failures, "deploy")
    shown = fleet.show(1)
    assert shown["deploy-status"] == f"{phase}-failed"
    assert phase in shown["error-description"]
    assert shown["availability-status"] == "offline"
    assert tasks(fleet.runtime) == []


def test_what_a_deployment_needs_is_encrypted_and_kept_for_its_time_alone(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    with fleet.runtime.unit_of_work() as session:
        raw = session.connection().exec_driver_sql("SELECT payload FROM task").scalar_one()
    assert "management_subnet" not in raw
    [task] = tasks(fleet.runtime)
    assert task.payload["sysadmin_password"] == PASSWORD
    assert (task.secret_until or 0) - task.created_at == fleet.runtime.settings.OPERATION_SECRET_TTL


@pytest.mark.parametrize("lose", [forget_payloads, let_expire, lose_the_key])
def test_a_deployment_whose_secrets_are_gone_fails_and_says_so(
    fleet: Fleet, lose: Callable[[Runtime], None]
) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    for _ in range(2):
        one_step(fleet.runtime, "deploy")
    assert fleet.show(1)["deploy-status"] == "pre-bootstrap"
    lose(fleet.runtime)
    fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "pre-bootstrap-failed"
    assert "lost or has expired" in shown["error-description"]
    assert tasks(fleet.runtime) == []


def test_a_deployment_whose_job_was_dropped_is_due(fleet: Fleet) -> None:
    fleet.secondary(9)
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form())).json["id"]
    wanted = Due("task", f"subcloud:{subcloud_id}", {"kind": "deploy", "subject_id": subcloud_id})
    # The jobs of this process are never run: whatever goes on is found in the rows.
    for _ in range(20):
        assert due(fleet.runtime) in ([wanted], [])
        for job in due(fleet.runtime):
            assert job.ids["kind"] == "deploy"
            one_step(fleet.runtime, "deploy", subcloud_id)
    assert fleet.show(subcloud_id)["deploy-status"] == "complete"
    assert due(fleet.runtime) == []


def test_a_step_is_not_made_before_it_is_due(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    slow = replace(fleet.runtime, deployer=SimulatedDeployer(3600))
    for _ in range(3):
        one_step(slow, "deploy")
    assert fleet.show(1)["deploy-status"] == "creating"
    assert due(slow) == []
    make_due(fleet.runtime)
    assert [job.ids["subject_id"] for job in due(fleet.runtime)] == [1]


def test_a_step_that_somebody_else_makes_is_left_to_them(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    hold = take_hold(fleet.runtime.unit_of_work, "subcloud:1", "somebody else", 60)
    assert hold is not None
    one_step(fleet.runtime, "deploy")
    assert fleet.show(1)["deploy-status"] == "pre-deploy"
    hold.release()
    one_step(fleet.runtime, "deploy")
    assert fleet.show(1)["deploy-status"] == "creating"


def test_a_subcloud_that_is_deleted_during_a_step_stays_deleted(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))

    deployer = Interrupted(lambda: done(fleet.operator.delete("/subclouds/1?force=true")))
    one_step(replace(fleet.runtime, deployer=deployer), "deploy")
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
    one_step(replace(fleet.runtime, deployer=deployer), "deploy")
    assert fleet.show(1)["deploy-status"] == "create-failed"


def test_a_step_that_lost_its_lease_writes_nothing(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))

    def lose_the_lease() -> None:
        with fleet.runtime.unit_of_work() as session:
            session.execute(update(Lease).values(epoch=Lease.epoch + 1, owner="somebody else"))
            session.commit()

    one_step(replace(fleet.runtime, deployer=Interrupted(lose_the_lease)), "deploy")
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
    slow = replace(fleet.runtime, deployer=SimulatedDeployer(3 * fleet.runtime.settings.OPERATION_SECRET_TTL))
    one_step(slow, "deploy")
    [task] = tasks(fleet.runtime)
    due_at = time.time() + 3 * fleet.runtime.settings.OPERATION_SECRET_TTL
    assert task.secret_until is not None
    assert task.secret_until > due_at
