"""An operator lets a phase of a simulated subcloud fail while the site runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from dcapi.errors import BadRequest
from dcapi.services.deploying.simulation import plan_failure
from tests.integration.kept_tasks import one_step, tasks
from tests.integration.subclouds.fleet import Fleet, done
from tests.subcloud_forms import PASSWORD, form, install_values, new_form

COMMAND = ["dcapi", "simulate", "quay-1"]


def deployed(fleet: Fleet, subcloud_id: int) -> str:
    """The status in which a deployment ends."""
    while any(task.subject_id == subcloud_id for task in tasks(fleet.runtime)):
        one_step(fleet.runtime, "deploy", subcloud_id)
    return str(fleet.show(subcloud_id)["deploy-status"])


def test_the_named_phase_fails_once_and_the_next_try_goes_well(fleet: Fleet, app: Flask) -> None:
    for number in (1, 2):
        parts = new_form(number, install_values=install_values(), bmc_password=PASSWORD)
        done(fleet.operator.post("/subclouds", **parts))
    result = app.test_cli_runner().invoke(args=[*COMMAND, "--fail", "bootstrap"])
    assert (result.exit_code, result.stdout) == (0, "subcloud quay-1 fails the next time: bootstrap\n")
    assert [deployed(fleet, number) for number in (1, 2)] == ["bootstrap-failed", "complete"]
    assert fleet.show(1)["error-description"] == "simulated failure of the phase bootstrap"
    done(fleet.operator.patch("/subclouds/1/redeploy", **form(sysadmin_password=PASSWORD)))
    assert deployed(fleet, 1) == "complete"


def test_what_cannot_fail_says_why(fleet: Fleet, app: Flask) -> None:
    fleet.managed()
    runner = app.test_cli_runner()
    assert (
        "Subcloud not found"
        in runner.invoke(args=["dcapi", "simulate", "quay-7", "--fail", "install"]).output
    )
    for wrong in (
        ["--fail", "lunch"],
        [],
        ["--fail", "install", "--availability", "offline"],
    ):
        assert runner.invoke(args=[*COMMAND, *wrong]).exit_code == 2, wrong
    assert fleet.show(1)["availability-status"] == "online"


def test_real_phases_do_not_fail_on_demand(fleet: Fleet) -> None:
    fleet.managed()
    settings = replace(fleet.runtime.settings, DEPLOYER="ansible")
    with fleet.runtime.unit_of_work() as session, pytest.raises(BadRequest, match="not with ansible"):
        plan_failure(session, settings, "quay-1", "install")
