"""No two subclouds get one subnet: neither those that have it nor those that are about to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dcapi.deploy.port import Phase
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values, new_form

OVERLAP = "management_subnet invalid: Subnet overlaps with another configured subnet"
# What a new subcloud takes to have the network that another one is about to get.
SAME = {f"management_{key}": f"10.77.1.{end}" for key, end in (("start_address", 2), ("end_address", 90))} | {
    "management_subnet": "10.77.1.0/25",
    "management_gateway_address": "10.77.1.1",
}


def reconfigure(fleet: Fleet, subcloud_id: int, **changes: str) -> Any:
    parts = {**NETWORK, **changes, **WITH_ACCESS}
    return fleet.operator.patch(f"/subclouds/{subcloud_id}", **form(**parts))


@pytest.fixture
def pending(fleet: Fleet) -> Fleet:
    """Two subclouds, of which the first one is about to get another network."""
    fleet.deployed()
    fleet.deployed(2)
    done(reconfigure(fleet, 1))
    return fleet


def test_another_one_does_not_get_it_as_its_new_network(pending: Fleet) -> None:
    refused(reconfigure(pending, 2), 400, OVERLAP)
    wider = {"management_subnet": "10.77.0.0/16", "management_gateway_ip": "10.77.200.1"}
    refused(reconfigure(pending, 2, **wider), 400, OVERLAP)
    pending.run_jobs()
    refused(reconfigure(pending, 2), 400, OVERLAP)
    assert pending.show(2)["management-subnet"] == "10.70.2.0/24"


def test_a_new_subcloud_does_not_get_it(pending: Fleet) -> None:
    answer = pending.operator.post("/subclouds", **new_form(3, bootstrap_values=bootstrap_values(3, **SAME)))
    refused(answer, 400, OVERLAP)


def test_one_that_is_deployed_again_does_not_get_it(pending: Fleet) -> None:
    pending.set_subcloud(2, availability_status="offline")
    parts = {
        "bootstrap_values": bootstrap_values(2, **SAME),
        "install_values": install_values(),
        "bmc_password": PASSWORD,
        "sysadmin_password": PASSWORD,
    }
    refused(pending.operator.patch("/subclouds/2/redeploy", **form(**parts)), 400, OVERLAP)


def test_its_old_network_is_its_own_until_it_has_the_new_one(pending: Fleet) -> None:
    old = {key: value.replace("10.77.1.", "10.70.1.") for key, value in NETWORK.items()}
    refused(reconfigure(pending, 2, **old), 400, OVERLAP)
    pending.run_jobs()
    done(reconfigure(pending, 2, **old))


def test_a_network_that_came_to_nothing_is_free(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.deployed()
    fleet.deployed(2)
    with monkeypatch.context() as during:
        failing(during, Phase.RECONFIGURE, "no answer")
        done(reconfigure(fleet, 1))
        fleet.run_jobs()
    done(reconfigure(fleet, 2))


def test_one_that_cannot_be_read_is_not_in_the_way_of_the_others(fleet: Fleet) -> None:
    for number in (1, 2, 3):
        fleet.deployed(number)
    beside = {key: value.replace("10.77.1.", "10.77.3.") for key, value in NETWORK.items()}
    done(reconfigure(fleet, 1))
    done(reconfigure(fleet, 3, **beside))
    with fleet.parts.unit_of_work() as session:
        text = "UPDATE operation SET payload = 'garbage' WHERE subject_id = 1"
        session.connection().exec_driver_sql(text)
        session.commit()
    refused(reconfigure(fleet, 2, **beside), 400, OVERLAP)
    done(reconfigure(fleet, 2))


@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, "nothing", True, None])
@pytest.mark.parametrize("column", ["rehome_data", "deploy_values"])
def test_what_is_stored_and_no_subnet_is_in_nobodys_way(fleet: Fleet, column: str, value: Any) -> None:
    fleet.deployed()
    payload = {"management_subnet": value, "admin_subnet": value}
    fleet.set_subcloud(1, **{column: json.dumps({"saved_payload": payload})})
    done(fleet.operator.post("/subclouds", **new_form(2)))


@pytest.mark.parametrize("text", ['["admin_subnet"]', '{"saved_payload": ["admin_subnet"]}'])
def test_what_is_stored_and_no_mapping_is_in_nobodys_way(fleet: Fleet, text: str) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, rehome_data=text)
    done(fleet.operator.post("/subclouds", **new_form(2)))
