"""Tearing down what a subcloud was: after its deletion was answered, tried again, never another site's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dcapi.deploy.port import Failed, Phase, Running, StepState, Target
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.runtime import Runtime
from tests.integration.kept_tasks import due, let_expire, lose_the_key, make_due, one_step, tasks
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


def step(fleet: Fleet, deployer: Demolition, subcloud_id: int) -> None:
    one_step(replace(fleet.runtime, deployer=deployer), "undeploy", subcloud_id)


def test_a_deletion_is_answered_before_anything_is_torn_down(fleet: Fleet) -> None:
    subcloud_id = deleted(fleet)
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}
    [task] = tasks(fleet.runtime)
    assert (task.kind, task.subject_id) == ("undeploy", subcloud_id)
    fleet.run_jobs()
    assert tasks(fleet.runtime) == []


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
        make_due(fleet.runtime)
        step(fleet, deployer, subcloud_id)
    assert deployer.asked == [("begin", Phase.DELETE), ("poll", Phase.DELETE), ("poll", Phase.DELETE)]
    assert tasks(fleet.runtime) == []
    assert deployer.forgotten == [subcloud_id]


def test_a_failure_is_tried_again(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    subcloud_id, deployer = deleted(fleet), Demolition(Failed("no power"))
    step(fleet, deployer, subcloud_id)
    assert "quay-1" in caplog.text
    assert "no power" in caplog.text
    make_due(fleet.runtime)
    step(fleet, deployer, subcloud_id)
    assert [target.attempt for target in deployer.targets] == [1, 2]
    assert tasks(fleet.runtime) == []


def test_after_three_failures_the_log_says_that_it_is_given_up(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    subcloud_id = deleted(fleet)
    deployer = Demolition(Failed("no power"), Running(1.0), Failed("still no power"), Failed("dark"))
    for _ in range(6):
        step(fleet, deployer, subcloud_id)
        make_due(fleet.runtime)
    assert [verb for verb, _ in deployer.asked] == ["begin", "begin", "poll", "begin"]
    assert tasks(fleet.runtime) == []
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "3 tries failed, the last one: dark" in record.getMessage()


@pytest.mark.parametrize("lose", [let_expire, lose_the_key])
def test_what_can_no_longer_be_read_is_given_up(
    fleet: Fleet, lose: Callable[[Runtime], None], caplog: pytest.LogCaptureFixture
) -> None:
    subcloud_id, deployer = deleted(fleet), Demolition()
    lose(fleet.runtime)
    step(fleet, deployer, subcloud_id)
    assert deployer.asked == []
    assert "could not be torn down" in caplog.text
    assert tasks(fleet.runtime) == []


def test_a_lost_job_is_found_by_the_next_sweep(fleet: Fleet) -> None:
    subcloud_id = deleted(fleet)
    assert [job.ids for job in due(fleet.runtime)] == [{"kind": "undeploy", "subject_id": subcloud_id}]
    # Begun, and done.
    for _ in range(2):
        one_step(fleet.runtime, "undeploy", subcloud_id)
    assert due(fleet.runtime) == []


@pytest.mark.parametrize(
    "status", ["secondary", "secondary-failed", "rehome-failed", "rehome-prep-failed", "rehome-pending"]
)
def test_a_subcloud_of_another_site_is_never_torn_down(fleet: Fleet, status: str) -> None:
    subcloud: dict[str, Any] = fleet.deployed()
    fleet.set_subcloud(subcloud["id"], availability_status="offline", deploy_status=status)
    done(fleet.operator.delete(f"/subclouds/{subcloud['id']}?force=true"))
    assert tasks(fleet.runtime) == []
