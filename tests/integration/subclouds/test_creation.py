"""POST of subclouds: what is stored and answered, and what is refused."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from dcapi.models.secret_values import MASK
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.site_client import SiteClient
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    admin_network,
    bootstrap_values,
    form,
    install_values,
    new_form,
    secondary_form,
)

ENDPOINTS = ["dc-cert", "firmware", "kubernetes", "kube-rootca", "platform", "identity", "software"]


def test_a_new_subcloud_is_answered_with_every_field(operator: SiteClient) -> None:
    answer = done(operator.post("/subclouds/", **new_form())).json
    assert re.fullmatch("[0-9a-f]{32}", answer.pop("region-name"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", answer.pop("created-at"))
    assert answer == {
        "id": 1,
        "name": "quay-1",
        "description": "Quay 1, north side",
        "location": "Turku",
        "software-version": "24.09",
        "management-state": "unmanaged",
        "availability-status": "offline",
        "deploy-status": "pre-deploy",
        "backup-status": None,
        "backup-datetime": None,
        "error-description": "No errors present",
        "management-subnet": "10.70.1.0/24",
        "management-start-ip": "10.70.1.2",
        "management-end-ip": "10.70.1.90",
        "management-gateway-ip": "10.70.1.1",
        "openstack-installed": False,
        "prestage-status": None,
        "prestage-versions": None,
        "systemcontroller-gateway-ip": "10.69.0.1",
        "data_install": None,
        "data_upgrade": None,
        "updated-at": None,
        "group_id": 1,
        "peer_group_id": None,
        "rehome_data": None,
    }


def test_the_parts_of_the_form_end_up_in_the_answer(operator: SiteClient) -> None:
    group = done(
        operator.post(
            "/subcloud-groups",
            json={
                "name": "Piers",
                "description": "d",
                "update_apply_type": "serial",
                "max_parallel_subclouds": 1,
            },
        )
    ).json
    parts: dict[str, Any] = {
        "group_id": "Piers",
        "release": "23.09",
        "region_name": "c" * 32,
        "location": "Naantali",
        "install_values": install_values(),
        "bmc_password": PASSWORD,
    }
    answer = done(operator.post("/subclouds", **new_form(**parts))).json
    assert answer["group_id"] == group["id"]
    assert answer["software-version"] == "23.09"
    assert answer["region-name"] == "c" * 32
    assert answer["location"] == "Naantali"
    assert json.loads(answer["data_install"]) == {**install_values(), "bmc_password": MASK}
    shown = done(operator.get("/subclouds/quay-1")).json
    assert json.loads(shown["data_install"]) == {**install_values(), "bmc_password": PASSWORD}


def test_the_admin_network_is_shown_in_place_of_the_management_network(operator: SiteClient) -> None:
    values = bootstrap_values(**admin_network())
    answer = done(operator.post("/subclouds", **new_form(bootstrap_values=values))).json
    assert answer["management-subnet"] == "fd70:1::/64"
    assert answer["management-gateway-ip"] == "fd70:1::1"


def test_a_secondary_subcloud_is_there_at_once(fleet: Fleet) -> None:
    answer = done(fleet.other_site.post("/subclouds", **secondary_form(region_name="d" * 32))).json
    assert answer["deploy-status"] == "secondary"
    assert answer["region-name"] == "d" * 32
    assert fleet.run_jobs() == 0
    saved = json.loads(fleet.show(answer["id"])["rehome_data"])
    assert saved == {"saved_payload": {**bootstrap_values(), "bootstrap-address": ADDRESS}}


def test_an_operators_secondary_subcloud_has_its_password_encoded(fleet: Fleet) -> None:
    values = bootstrap_values(
        ansible_ssh_pass="a", ansible_become_pass="b", sysadmin_password="c2VhbA==", timezone="UTC"
    )
    answer = done(fleet.operator.post("/subclouds", **secondary_form(bootstrap_values=values))).json
    saved = json.loads(fleet.show(answer["id"])["rehome_data"])["saved_payload"]
    assert saved["admin_password"] == base64.b64encode(b"Bollard*7").decode()
    assert saved["timezone"] == "UTC"
    assert not {"ansible_ssh_pass", "ansible_become_pass", "sysadmin_password"} & set(saved)


def test_secrets_are_shown_by_a_single_get_and_by_no_list(fleet: Fleet) -> None:
    subcloud = fleet.secondary(install_values=install_values(bmc_password="c2VhbA=="))
    for text in ("Bollard*7", "Winch 3"):
        assert text in subcloud["rehome_data"]
        assert text not in fleet.operator.get("/subclouds").text
    assert "c2VhbA==" in subcloud["data_install"]
    assert "c2VhbA==" not in fleet.operator.get("/subclouds").text


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "system_mode",
        "management_subnet",
        "management_start_address",
        "management_end_address",
        "management_gateway_address",
        "systemcontroller_gateway_address",
        "external_oam_subnet",
        "external_oam_gateway_address",
        "external_oam_floating_address",
    ],
)
@pytest.mark.parametrize("secondary", [False, True])
def test_each_required_field_is_named(operator: SiteClient, key: str, secondary: bool) -> None:
    make = secondary_form if secondary else new_form
    dropped: dict[str, Any] = {key: None}
    values = bootstrap_values(**dropped)
    refused(operator.post("/subclouds", **make(bootstrap_values=values)), 400, f"{key} required")


def test_a_normal_subcloud_needs_the_password_of_its_administrator(operator: SiteClient) -> None:
    answer = operator.post("/subclouds", **new_form(sysadmin_password=None))
    refused(answer, 400, "subcloud sysadmin_password required")


def test_a_name_that_is_taken_is_a_conflict(fleet: Fleet) -> None:
    fleet.secondary(1, region_name="a1" * 16)
    text = "Subcloud with name=quay-1 already exists"
    refused(fleet.operator.post("/subclouds", **new_form(2, name="quay-1")), 409, text)
    text = f"Subcloud with name={'a1' * 16} already exists"
    refused(fleet.operator.post("/subclouds", **new_form(2, name="a1" * 16)), 409, text)


def test_a_region_name_that_is_taken_is_a_conflict(fleet: Fleet) -> None:
    region = fleet.secondary()["region-name"]
    answer = fleet.operator.post("/subclouds", **new_form(2, region_name=region))
    refused(answer, 409, f"Subcloud with region_name={region} already exists")


@pytest.mark.parametrize(
    "values",
    [
        bootstrap_values(2, management_subnet="10.70.0.0/16"),
        bootstrap_values(
            2, **{key: value for key, value in bootstrap_values(1).items() if "management" in key}
        ),
    ],
)
def test_the_management_subnet_of_another_subcloud_is_taken(fleet: Fleet, values: dict[str, str]) -> None:
    fleet.secondary(1)
    text = "management_subnet invalid: Subnet overlaps with another configured subnet"
    refused(fleet.operator.post("/subclouds", **new_form(bootstrap_values=values)), 400, text)


@pytest.mark.parametrize("make", ["secondary", "deployed"])
def test_both_networks_of_another_subcloud_are_taken(fleet: Fleet, make: str) -> None:
    getattr(fleet, make)(1, bootstrap_values=bootstrap_values(1, **admin_network(1)))
    under = {**bootstrap_values(1), "name": "quay-2"}
    refused(
        fleet.operator.post("/subclouds", **new_form(bootstrap_values=under)),
        400,
        "management_subnet invalid: Subnet overlaps with another configured subnet",
    )
    beside = bootstrap_values(2, **admin_network(1))
    refused(
        fleet.operator.post("/subclouds", **new_form(bootstrap_values=beside)),
        400,
        "admin_subnet invalid: Subnet overlaps with another configured subnet",
    )


def test_an_unknown_subcloud_group_is_refused(operator: SiteClient) -> None:
    for reference in ("Piers", "77", "9" * 30):
        refused(operator.post("/subclouds", **new_form(group_id=reference)), 400, "Invalid group")


def test_a_body_that_is_no_form_is_refused(operator: SiteClient) -> None:
    answer: Any = operator.post("/subclouds", json=bootstrap_values())
    assert answer.status_code == 400
    assert "multipart/form-data" in answer.json["description"]


def test_what_is_refused_leaves_nothing_behind(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form(1)))
    fleet.operator.post("/subclouds", **new_form(1))
    fleet.operator.post("/subclouds", **new_form(2, group_id="none-such"))
    assert len(done(fleet.operator.get("/subclouds")).json["subclouds"]) == 1


def test_only_whom_the_policy_lets_creates(operator: SiteClient) -> None:
    answer = operator.post("/subclouds", headers={"X-Auth-Token": "wrong"}, **new_form())
    assert answer.status_code == 401


def test_a_form_of_texts_alone_creates_a_subcloud(operator: SiteClient) -> None:
    texts = {key: value for key, value in bootstrap_values().items() if isinstance(value, str)}
    del texts["admin_password"]
    answer = done(operator.post("/subclouds", **form(**texts, secondary="true", bootstrap__address=ADDRESS)))
    saved = json.loads(done(operator.get(f"/subclouds/{answer.json['id']}")).json["rehome_data"])
    assert saved["saved_payload"]["management_subnet"] == "10.70.1.0/24"
