"""Tearing down what a subcloud was: after its deletion was answered, tried again, never another site's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from dcapi.deploy.port import Failed, Phase, Running, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.models import Operation
from dcapi.parts import Parts
from dcapi.services import undeployment
from tests.integration.kept_operations import let_expire, lose_the_key, operations
from tests.integration.subclouds.fleet import Fleet, done
from tests.subcloud_forms import ADDRESS, PASSWORD, install_values, new_form


class Demolition(SimulatedDeployer):
    """Answers as it was told, and notes what it was asked."""

    def __init__(self, *answers: StepState) -> None:
        super().__init__(0)
        self.answers = list(answers)
        self.asked: list[tuple[str, Phase]] = []
        self.targets: list[Target] = []
        self.forgotten: list[int] = []

    def begin(self, phase: Phase, target: Target) -> StepState:
        return self._note("begin", phase, target)

    def poll(self, phase: Phase, target: Target) -> StepState:
        return self._note("poll", phase, target)

    def delete(self, target: Target) -> None:
        self.forgotten.append(target.subcloud_id)

    def _note(self, verb: str, phase: Phase, target: Target) -> StepState:
        self.asked.append((verb, phase))
        self.targets.append(target)
        return self.answers.pop(0) if self.answers else super().poll(phase, target)


def deleted(fleet: Fleet) -> int:
    """A subcloud that was deployed and is deleted, of which nothing is torn down yet."""
    values: dict[str, Any] = {"install_values": install_values(), "bmc_password": PASSWORD}
    subcloud_id = done(fleet.operator.post("/subclouds", **new_form(**values))).json["id"]
    fleet.run_jobs()
    fleet.set_subcloud(subcloud_id, availability_status="offline")
    done(fleet.operator.delete(f"/subclouds/{subcloud_id}"))
    return int(subcloud_id)


def let_time_pass(parts: Parts) -> None:
    """The next step is due."""
    with parts.unit_of_work() as session:
        for operation in session.scalars(select(Operation)):
            operation.payload = {**operation.payload, "due_at": time.time()}
        session.commit()


def step(fleet: Fleet, deployer: Demolition, subcloud_id: int) -> None:
    undeployment.step(replace(fleet.parts, deployer=deployer), subcloud_id)


def test_a_deletion_is_answered_before_anything_is_torn_down(fleet: Fleet) -> None:
    subcloud_id = deleted(fleet)
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}
    [operation] = operations(fleet.parts)
    assert (operation.kind, operation.subject_id) == ("undeploy", subcloud_id)
    fleet.run_jobs()
    assert operations(fleet.parts) == []


def test_the_deployer_gets_the_values_that_are_stored(fleet: Fleet) -> None:
    deployer = Demolition()
    step(fleet, deployer, deleted(fleet))
    [target] = deployer.targets
    assert (target.name, target.bootstrap_address) == ("quay-1", ADDRESS)
    assert target.bootstrap_values["system_mode"] == "simplex"
    assert target.bootstrap_values["docker_registries"]["defaults"]["password"] == "Winch 3"
    assert target.install_values is not None
    assert target.install_values["bmc_password"] == PASSWORD
    assert target.sysadmin_password is None


def test_what_takes_long_is_looked_at_until_it_is_over(fleet: Fleet) -> None:
    subcloud_id, deployer = deleted(fleet), Demolition(Running(30.0), Running(30.0))
    step(fleet, deployer, subcloud_id)
    step(fleet, deployer, subcloud_id)  # it is not due yet
    assert deployer.asked == [("begin", Phase.DELETE)]
    for _ in range(2):
        let_time_pass(fleet.parts)
        step(fleet, deployer, subcloud_id)
    assert deployer.asked == [("begin", Phase.DELETE), ("poll", Phase.DELETE), ("poll", Phase.DELETE)]
    assert operations(fleet.parts) == []
    assert deployer.forgotten == [subcloud_id]


def test_a_failure_is_tried_again(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    subcloud_id, deployer = deleted(fleet), Demolition(Failed("no power"))
    step(fleet, deployer, subcloud_id)
    assert "quay-1" in caplog.text
    assert "no power" in caplog.text
    let_time_pass(fleet.parts)
    step(fleet, deployer, subcloud_id)
    assert [target.attempt for target in deployer.targets] == [1, 2]
    assert operations(fleet.parts) == []


def test_after_three_failures_the_log_says_that_it_is_given_up(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    subcloud_id = deleted(fleet)
    deployer = Demolition(Failed("no power"), Running(1.0), Failed("still no power"), Failed("dark"))
    for _ in range(6):
        step(fleet, deployer, subcloud_id)
        let_time_pass(fleet.parts)
    assert [verb for verb, _ in deployer.asked] == ["begin", "begin", "poll", "begin"]
    assert operations(fleet.parts) == []
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "3 tries failed, the last one: dark" in record.getMessage()


@pytest.mark.parametrize("lose", [let_expire, lose_the_key])
def test_what_can_no_longer_be_read_is_given_up(
    fleet: Fleet, lose: Callable[[Parts], None], caplog: pytest.LogCaptureFixture
) -> None:
    subcloud_id, deployer = deleted(fleet), Demolition()
    lose(fleet.parts)
    step(fleet, deployer, subcloud_id)
    assert deployer.asked == []
    assert "could not be torn down" in caplog.text
    with fleet.parts.unit_of_work() as session:
        assert session.scalar(select(Operation.id)) is None


def test_a_lost_job_is_found_by_the_next_sweep(fleet: Fleet) -> None:
    subcloud_id = deleted(fleet)
    with fleet.parts.unit_of_work() as session:
        due = list(undeployment.undeployments_due(session))
    assert [(job.name, job.ids) for job in due] == [("undeploy", {"subcloud_id": subcloud_id})]
    undeployment.step(fleet.parts, subcloud_id)
    with fleet.parts.unit_of_work() as session:
        assert list(undeployment.undeployments_due(session)) == []


@pytest.mark.parametrize(
    "status", ["secondary", "secondary-failed", "rehome-failed", "rehome-prep-failed", "rehome-pending"]
)
def test_a_subcloud_of_another_site_is_never_torn_down(fleet: Fleet, status: str) -> None:
    subcloud: dict[str, Any] = fleet.deployed()
    fleet.set_subcloud(subcloud["id"], availability_status="offline", deploy_status=status)
    done(fleet.operator.delete(f"/subclouds/{subcloud['id']}"))
    assert operations(fleet.parts) == []
