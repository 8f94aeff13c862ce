"""In which deploy statuses each verb is taken. Source: "Checks of each verb" in the contract."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from dcapi.models import Task
from dcapi.models.states import Deploy
from tests.integration.bad_input.world import digest
from tests.integration.phased.phases import CONFIG, Phased
from tests.integration.subclouds.fleet import done, refused
from tests.subcloud_forms import PASSWORD, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

INSTALLED: dict[str, Any] = {"install_values": install_values(), "bmc_password": PASSWORD}

# Verb → what is said of a subcloud that is in another status than these, with their list.
TAKEN = {
    "install": (
        "Subcloud deploy status must be either: {}",
        "create-complete, pre-install-failed, install-failed, install-complete, install-aborted",
    ),
    "bootstrap": (
        "Subcloud deploy status must be either: {}",
        "install-complete, pre-bootstrap-failed, bootstrap-failed, bootstrap-aborted, bootstrap-complete, "
        "create-complete",
    ),
    "configure": (
        "Subcloud deploy status must be {}",
        "complete, pre-config-failed, config-failed, bootstrap-complete, enroll-complete, config-aborted",
    ),
    "complete": (
        "Subcloud deploy can only be completed when its deploy status is: {}",
        "bootstrap-complete, enroll-complete",
    ),
    "abort": (
        "Subcloud deploy status must be in one of the following states: {}",
        "installing, bootstrapping, configuring",
    ),
    "resume": (
        "Subcloud deploy status must be either: {}",
        "create-complete, install-complete, pre-install-failed, install-failed, install-aborted, "
        "bootstrap-complete, pre-bootstrap-failed, bootstrap-failed, bootstrap-aborted, pre-config-failed, "
        "config-failed, config-aborted",
    ),
}
# Verb → the status of its answer; a resume answers by what is left.
BEGINNING = {
    "install": {"pre-install"},
    "bootstrap": {"pre-bootstrap"},
    "configure": {"pre-config"},
    "complete": {"complete"},
    "abort": {"aborting-install", "aborting-bootstrap", "aborting-config"},
    "resume": {"pre-install", "pre-bootstrap", "pre-config"},
}


@pytest.mark.parametrize("verb", TAKEN)
def test_a_verb_is_taken_in_the_statuses_of_its_list_alone(phased: Phased, app: Flask, verb: str) -> None:
    phased.created(deploy_config=CONFIG, **INSTALLED)
    wording, listed = TAKEN[verb]
    for status in Deploy:
        phased.fleet.set_subcloud(1, deploy_status=status)
        before = digest(app)
        answer = phased.ask(verb, install_values=None, bmc_password=None)
        if status in listed.split(", "):
            assert done(answer).json["deploy-status"] in BEGINNING[verb], status
            with phased.runtime.unit_of_work() as session:
                session.execute(delete(Task))
                session.commit()
        else:
            refused(answer, 400, wording.format(listed))
            assert digest(app) == before


# Status → where a resume goes on, with install values and a configuration.
RESUMED = {
    "create-complete": "pre-install",
    "install-aborted": "pre-install",
    "install-complete": "pre-bootstrap",
    "pre-bootstrap-failed": "pre-bootstrap",
    "bootstrap-complete": "pre-config",
    "config-aborted": "pre-config",
}


@pytest.mark.parametrize(("status", "beginning"), RESUMED.items())
def test_a_resume_goes_on_where_the_deployment_stands(phased: Phased, status: str, beginning: str) -> None:
    phased.created(deploy_config=CONFIG, **INSTALLED)
    phased.fleet.set_subcloud(1, deploy_status=status)
    assert done(phased.ask("resume")).json["deploy-status"] == beginning
    assert phased.walk()[-1] == "complete"
