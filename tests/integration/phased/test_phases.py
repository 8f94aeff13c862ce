"""A deployment phase by phase: the statuses on its way, and where it rests."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Running
from dcapi.deploy.simulated import SimulatedDeployer
from tests.integration.kept_tasks import due, one_step, tasks
from tests.integration.phased.phases import CONFIG, URL, Phased, new_parts
from tests.integration.subclouds.fleet import done, refused
from tests.subcloud_forms import PASSWORD, form, install_values


def test_a_subcloud_is_deployed_phase_by_phase(phased: Phased) -> None:
    created = done(phased.create())
    assert created.json["deploy-status"] == "pre-deploy"
    assert phased.walk() == ["pre-deploy", "creating", "create-complete"]
    assert done(phased.ask("install")).json["deploy-status"] == "pre-install"
    assert phased.walk() == ["pre-install", "installing", "install-complete"]
    assert done(phased.ask("bootstrap")).json["deploy-status"] == "pre-bootstrap"
    assert phased.walk() == ["pre-bootstrap", "bootstrapping", "bootstrap-complete"]
    assert done(phased.ask("configure")).json["deploy-status"] == "pre-config"
    assert phased.walk() == ["pre-config", "configuring", "complete"]
    shown = phased.fleet.show(1)
    assert (shown["availability-status"], shown["management-state"]) == ("online", "unmanaged")
    assert shown["error-description"] == "No errors present"


def test_a_creation_is_answered_when_it_has_ended(phased: Phased, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = phased.fleet
    # Jobs run here between two looks at the outcome.
    monkeypatch.setattr("dcapi.api.prefer.time.sleep", lambda _: fleet.run_jobs())
    answer = done(fleet.operator.post(URL, **form(**new_parts())))
    assert answer.json["deploy-status"] == "create-complete"
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        ({}, ["pre-bootstrap", "bootstrapping", "complete"]),
        (
            {"deploy_config": CONFIG},
            ["pre-bootstrap", "bootstrapping", "pre-config", "configuring", "complete"],
        ),
        (
            {"install_values": install_values(), "bmc_password": PASSWORD},
            ["pre-install", "installing", "pre-bootstrap", "bootstrapping", "complete"],
        ),
    ],
)
def test_a_resume_runs_all_that_is_left(phased: Phased, parts: dict[str, Any], statuses: list[str]) -> None:
    phased.created()
    answer = done(phased.ask("resume", **parts))
    assert answer.json["deploy-status"] == statuses[0]
    assert phased.walk() == statuses


def test_an_installation_is_aborted_and_resumed(phased: Phased, monkeypatch: pytest.MonkeyPatch) -> None:
    phased.created()
    monkeypatch.setattr(SimulatedDeployer, "begin", lambda *_: Running(0.0))
    done(phased.ask("install"))
    one_step(phased.runtime, "deploy")
    answer = done(phased.ask("abort"))
    assert answer.json["deploy-status"] == "aborting-install"
    assert phased.walk()[-1] == "install-aborted"
    assert phased.fleet.show(1)["error-description"] == "No errors present"
    assert phased.run("resume") == "complete"


def test_an_abort_does_not_wait_for_the_next_look_at_its_phase(
    phased: Phased, monkeypatch: pytest.MonkeyPatch
) -> None:
    phased.created()
    pause = phased.runtime.settings.RECONCILE_SECONDS / 2
    monkeypatch.setattr(SimulatedDeployer, "begin", lambda *_: Running(pause))
    done(phased.ask("bootstrap"))
    one_step(phased.runtime, "deploy")
    assert phased.status() == "bootstrapping"
    assert due(phased.runtime) == []
    done(phased.ask("abort"))
    assert len(due(phased.runtime)) == 1
    one_step(phased.runtime, "deploy")
    assert phased.status() == "bootstrap-aborted"


@pytest.mark.parametrize("verb", ["install", "bootstrap", "configure", "resume"])
def test_what_is_aborted_already_is_not_aborted_again(phased: Phased, verb: str) -> None:
    phased.created()
    phased.fleet.set_subcloud(1, deploy_status="aborting-install")
    allowed = "installing, bootstrapping, configuring"
    text = f"Subcloud deploy status must be in one of the following states: {allowed}"
    refused(phased.ask("abort"), 400, text)
    assert phased.ask(verb).status_code == 400


def test_a_subcloud_that_rests_stays_where_it_is(phased: Phased) -> None:
    phased.created()
    for _ in range(10):
        phased.fleet.run_sweep()
    assert phased.status() == "create-complete"
    assert tasks(phased.runtime) == []


def test_a_subcloud_configured_by_hand_is_completed(phased: Phased) -> None:
    phased.created()
    assert phased.run("bootstrap") == "bootstrap-complete"
    answer = done(phased.ask("complete"))
    assert answer.json["deploy-status"] == "complete"
    assert answer.json["availability-status"] == "online"


def test_a_managed_subcloud_is_configured_anew_and_stays_managed(phased: Phased) -> None:
    phased.fleet.managed()
    assert phased.run("configure") == "complete"
    shown = phased.fleet.show(1)
    assert (shown["management-state"], shown["availability-status"]) == ("managed", "online")


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("", 400, "Subcloud ID required"),
        ("/9/install", 404, "Subcloud not found"),
        ("/9", 404, "Subcloud not found"),
        ("/1", 400, "Invalid request"),
        ("/1/fly", 400, "Invalid request"),
        ("/1/install", 400, "Body required"),
        ("/1/configure", 400, "Body required"),
    ],
)
def test_what_names_nothing_is_refused(phased: Phased, path: str, code: int, text: str) -> None:
    phased.created()
    refused(phased.fleet.operator.patch(f"{URL}{path}"), code, text)
