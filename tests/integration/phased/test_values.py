"""What a phase is run with: the values of its request, and those stored where it gives none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from dcapi.auth.guard import embedded_identity
from dcapi.models import Subcloud
from dcapi.models.secret_values import MASK, data_install, deploy_config, deploy_values
from tests.integration.kept_tasks import tasks
from tests.integration.phased.phases import CONFIG, URL, Phased, new_parts
from tests.integration.subclouds.fleet import done, refused
from tests.site_client import SiteClient
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

Values = dict[str, Any]

OTHER_ADDRESS = "10.71.9.44"
OTHER_PASSWORD = "T3RoZXIqd2luY2g="
INSTALLED: Values = {"install_values": install_values(), "bmc_password": PASSWORD}
# What the request of an installation with the stored values leaves out.
STORED: Values = {"install_values": None, "bmc_password": None}


def told(phased: Phased) -> Values:
    """What the phase that goes on is run with."""
    [task] = tasks(phased.runtime)
    payload: Values = task.payload
    return payload


def stored(phased: Phased) -> tuple[Values, Values, str | None]:
    """Bootstrap values, install values and configuration in the row."""
    with phased.runtime.unit_of_work() as session:
        row = session.get_one(Subcloud, 1)
        return deploy_values.read(row)["saved_payload"], data_install.read(row), deploy_config.read(row)


def test_a_resume_runs_with_all_that_was_stored_at_the_creation(phased: Phased) -> None:
    phased.created(deploy_config=CONFIG, **INSTALLED)
    done(phased.ask("resume"))
    payload = told(phased)
    told_of = payload["bootstrap_values"] | {"bootstrap-address": payload["bootstrap_address"]}
    assert told_of == stored(phased)[0]
    assert payload["install_values"]["bmc_password"] == PASSWORD
    assert payload["deploy_config"] == CONFIG.decode()
    assert payload["sysadmin_password"] == PASSWORD
    assert phased.walk()[-1] == "complete"


def test_what_a_bootstrap_gives_replaces_what_is_stored(phased: Phased) -> None:
    phased.created(**INSTALLED)
    changed: Values = {"description": "new", "location": "Kemi", "management_end_address": "10.70.1.70"}
    parts: Values = {"bootstrap_values": bootstrap_values(**changed), "bootstrap-address": OTHER_ADDRESS}
    answer = done(phased.ask("bootstrap", **parts)).json
    assert (answer["description"], answer["location"]) == ("new", "Kemi")
    assert answer["management-end-ip"] == "10.70.1.70"
    values, install, _ = stored(phased)
    assert (values["bootstrap-address"], install["bootstrap_address"]) == (OTHER_ADDRESS, OTHER_ADDRESS)
    assert values["management_end_address"] == "10.70.1.70"
    assert told(phased)["bootstrap_address"] == OTHER_ADDRESS


@pytest.mark.parametrize("verb", ["bootstrap", "resume"])
def test_texts_beside_the_file_count_as_bootstrap_values(phased: Phased, verb: str) -> None:
    phased.created()
    texts = {"management_end_address": "10.70.1.70", "description": "typed", "location": "Kemi"}
    answer = done(phased.ask(verb, **texts)).json
    assert (answer["management-end-ip"], answer["description"], answer["location"]) == (
        "10.70.1.70",
        "typed",
        "Kemi",
    )
    assert told(phased)["bootstrap_values"]["management_end_address"] == "10.70.1.70"


def test_texts_beside_the_file_are_checked_with_it(phased: Phased) -> None:
    phased.created()
    text = "The bootstrap-values 'name' value (pier) must match the current subcloud name (quay-1)"
    refused(phased.ask("bootstrap", name="pier"), 400, text)
    assert phased.ask("bootstrap", management_subnet="10.70.1.0/30").status_code == 400


def test_the_own_networks_do_not_stand_in_the_way_of_new_values(phased: Phased) -> None:
    phased.created()
    assert phased.run("bootstrap", bootstrap_values=bootstrap_values()) == "bootstrap-complete"


def test_a_new_configuration_replaces_the_stored_one(phased: Phased) -> None:
    phased.created(deploy_config=b"kind: Old\n")
    phased.fleet.set_subcloud(1, deploy_status="bootstrap-complete")
    assert phased.run("configure", deploy_config=None) == "complete"
    assert stored(phased)[2] == "kind: Old\n"
    done(phased.ask("configure"))
    assert (told(phased)["deploy_config"], stored(phased)[2]) == (CONFIG.decode(), CONFIG.decode())


def test_a_bmc_password_alone_replaces_the_stored_one(phased: Phased) -> None:
    phased.created(**INSTALLED)
    done(phased.ask("install", install_values=None, bmc_password=OTHER_PASSWORD))
    assert stored(phased)[1] == told(phased)["install_values"]
    assert stored(phased)[1]["bmc_password"] == OTHER_PASSWORD


def test_an_installation_brings_its_release(phased: Phased) -> None:
    phased.created(**INSTALLED)
    answer = done(phased.ask("install", **STORED, release="25.09")).json
    assert answer["software-version"] == "25.09"
    assert stored(phased)[1]["software_version"] == "25.09"


@pytest.mark.parametrize("status", ["install-complete", "create-complete"])
def test_a_release_counts_only_where_something_is_installed(phased: Phased, status: str) -> None:
    phased.created()
    phased.fleet.set_subcloud(1, deploy_status=status)
    answer = done(phased.ask("resume", release="25.09")).json
    assert (answer["deploy-status"], answer["software-version"]) == ("pre-bootstrap", "24.09")
    assert told(phased)["install_values"] is None


def test_a_resume_that_installs_brings_its_release(phased: Phased) -> None:
    phased.created(**INSTALLED)
    answer = done(phased.ask("resume", release="25.09")).json
    assert (answer["deploy-status"], answer["software-version"]) == ("pre-install", "25.09")


def test_the_password_of_the_administrator_is_not_kept(phased: Phased) -> None:
    phased.created()
    values = bootstrap_values(sysadmin_password="Jib*boom 12")
    assert phased.run("bootstrap", bootstrap_values=values) == "bootstrap-complete"
    assert "sysadmin_password" not in stored(phased)[0]
    assert tasks(phased.runtime) == []


def test_an_address_is_taken_from_where_there_is_one(phased: Phased) -> None:
    phased.created(**INSTALLED)
    phased.fleet.set_subcloud(1, deploy_values=None)
    done(phased.ask("bootstrap", bootstrap_values=bootstrap_values()))
    assert told(phased)["bootstrap_address"] == ADDRESS


@pytest.fixture
def configurator(app: Flask) -> SiteClient:
    """Somebody who may change everything and see no secrets."""
    with app.app_context():
        embedded_identity().users.add("rigger", "Rope*work 5 fathoms", ["configurator"], ["admin"])
    return SiteClient.logged_in(app, "rigger", "Rope*work 5 fathoms")


def test_masks_stand_for_the_stored_secrets(phased: Phased, configurator: SiteClient) -> None:
    phased.created(**INSTALLED)
    before = stored(phased)
    shown = json.loads(done(configurator.get("/subclouds/1")).json["data_install"])
    assert shown["bmc_password"] == MASK
    registry = {"defaults": {"url": "registry.quays.example:9001", "password": MASK}}
    masked = bootstrap_values(admin_password=MASK, docker_registries=registry)
    parts: Values = {"bootstrap_values": masked, "install_values": shown, "sysadmin_password": PASSWORD}
    answer = configurator.patch(f"{URL}/1/resume", **form(**parts, bmc_password=PASSWORD))
    assert done(answer).json["deploy-status"] == "pre-install"
    assert stored(phased)[:2] == before[:2]
    assert told(phased)["bootstrap_values"]["docker_registries"]["defaults"]["password"] == "Winch 3"


def test_a_mask_for_which_nothing_is_stored_is_refused(phased: Phased) -> None:
    phased.created()
    values = bootstrap_values(wifi_password=MASK)
    answer: Any = phased.ask("bootstrap", bootstrap_values=values)
    assert answer.status_code == 400
    assert "'wifi_password' is masked" in answer.json["description"]
    created = phased.fleet.operator.post(
        URL, **form(**new_parts(2, bootstrap_values=bootstrap_values(2, a_pw=MASK)))
    )
    assert created.status_code == 400
