"""POST of subclouds: what is stored and answered, and what is refused."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import encode_multipart

from dcapi.models import Subcloud
from dcapi.models.secret_values import MASK, data_install, deploy_values, rehome_data
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.site_client import SiteClient
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    admin_network,
    bootstrap_values,
    dual_stack,
    form,
    install_values,
    new_form,
    secondary_form,
)


def yaml_text(values: dict[str, Any]) -> str:
    """A document with one line for each value."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


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
        "location": "Naantali",
        "install_values": install_values(),
        "bmc_password": PASSWORD,
    }
    answer = done(operator.post("/subclouds", **new_form(**parts))).json
    assert answer["group_id"] == group["id"]
    assert answer["software-version"] == "23.09"
    assert answer["location"] == "Naantali"
    install = install_values(software_version="23.09")
    assert json.loads(answer["data_install"]) == {**install, "bmc_password": MASK}
    shown = done(operator.get("/subclouds/quay-1")).json
    assert json.loads(shown["data_install"]) == {**install, "bmc_password": PASSWORD}


def test_the_admin_network_is_shown_in_place_of_the_management_network(operator: SiteClient) -> None:
    values = bootstrap_values(**admin_network())
    answer = done(operator.post("/subclouds", **new_form(bootstrap_values=values))).json
    assert answer["management-subnet"] == "fd70:1::/64"
    assert answer["management-gateway-ip"] == "fd70:1::1"
    assert answer["systemcontroller-gateway-ip"] == "fd69::1"


def test_of_two_families_the_primary_is_shown_and_both_are_stored(fleet: Fleet) -> None:
    values = bootstrap_values(**dual_stack(), management_floating_address="10.70.1.2,fd70:1::2")
    answer = done(fleet.operator.post("/subclouds", **secondary_form(bootstrap_values=values))).json
    shown = [answer[f"management-{end}"] for end in ("subnet", "start-ip", "end-ip", "gateway-ip")]
    assert shown == ["10.70.1.0/24", "10.70.1.2", "10.70.1.90", "10.70.1.1"]
    saved = json.loads(fleet.show(answer["id"])["rehome_data"])["saved_payload"]
    assert {key: saved[key] for key in dual_stack()} == dual_stack()
    assert done(fleet.operator.get("/subclouds/quay-1/detail")).json["oam_floating_ip"] == ADDRESS


def test_networks_may_be_parts_of_the_form(operator: SiteClient) -> None:
    """Also the address that stands for the range of a one-node subcloud."""
    dropped: dict[str, Any] = dict.fromkeys(("management_start_address", "management_end_address"))
    texts = {**bootstrap_values(**dropped), "management_floating_address": "10.70.1.7"}
    parts = {key: value for key, value in texts.items() if isinstance(value, str)}
    answer = done(operator.post("/subclouds", **form(**parts, secondary="true"))).json
    assert (answer["management-start-ip"], answer["management-end-ip"]) == ("10.70.1.7", "10.70.1.7")


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


@pytest.mark.parametrize("secondary", [False, True])
def test_a_subcloud_without_a_name_is_refused(operator: SiteClient, secondary: bool) -> None:
    make = secondary_form if secondary else new_form
    dropped: dict[str, Any] = {"name": None}
    answer = operator.post("/subclouds", **make(bootstrap_values=bootstrap_values(**dropped)))
    refused(answer, 400, "name required")


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
    answer = fleet.operator.post("/subclouds", **secondary_form(2, region_name=region))
    refused(answer, 409, f"Subcloud with region_name={region} already exists")


@pytest.mark.parametrize("where", ["form", "file"])
def test_a_region_name_that_was_copied_along_is_not_taken(fleet: Fleet, where: str) -> None:
    region = fleet.secondary()["region-name"]
    values = bootstrap_values(2, region_name=region if where == "file" else None)
    form_region = region if where == "form" else None
    answer = done(
        fleet.operator.post("/subclouds", **new_form(2, bootstrap_values=values, region_name=form_region))
    )
    assert re.fullmatch("[0-9a-f]{32}", answer.json["region-name"])
    assert answer.json["region-name"] != region


@pytest.mark.parametrize("name", ["RegionOne", "regionone", "SYSTEMCONTROLLER"])
def test_no_subcloud_and_no_region_has_the_name_of_a_sites_own(fleet: Fleet, name: str) -> None:
    for client in (fleet.operator, fleet.other_site):
        text = "name cannot be RegionOne or SystemController"
        refused(client.post("/subclouds", **secondary_form(name=name)), 400, text)
        refused(client.post("/subclouds", **secondary_form(region_name=name)), 400, f"region_{text}")
        values = secondary_form(bootstrap_values=bootstrap_values(region_name=name))
        refused(client.post("/subclouds", **values), 400, f"region_{text}")
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}


def test_an_enrolment_is_never_an_ordinary_deployment(fleet: Fleet) -> None:
    text = "Install values is necessary for subcloud enrollment"
    refused(fleet.operator.post("/subclouds", **new_form(enroll="true")), 400, text)
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}
    assert fleet.run_jobs() == 0


def test_a_migration_under_another_name_than_the_files_is_refused(fleet: Fleet) -> None:
    text = "subcloud name does not match the name defined in bootstrap file"
    refused(fleet.operator.post("/subclouds", **new_form(migrate="true", name="pier-1")), 400, text)


def test_texts_of_a_file_are_shown_and_kept_as_they_were_written(fleet: Fleet) -> None:
    document = (
        yaml_text(bootstrap_values(location=None, description=None)) + "location: 0715\ndescription: yes\n"
    )
    answer = done(fleet.operator.post("/subclouds", **secondary_form(bootstrap_values=document))).json
    assert (answer["location"], answer["description"]) == ("0715", "yes")
    saved = json.loads(fleet.show(1)["rehome_data"])["saved_payload"]
    assert (saved["location"], saved["description"]) == ("0715", "yes")


def test_the_password_of_a_secondary_is_nowhere(fleet: Fleet) -> None:
    plain = "harbour crane 9"
    values = bootstrap_values(sysadmin_password=plain)
    install = install_values(sysadmin_password=plain)
    made = secondary_form(
        bootstrap_values=values, install_values=install, bmc_password=PASSWORD, sysadmin_password=plain
    )
    done(fleet.operator.post("/subclouds", **made))
    with fleet.runtime.unit_of_work() as session:
        row = session.get_one(Subcloud, 1)
        stored = [values.read(row) for values in (rehome_data, data_install, deploy_values)]
    assert plain not in json.dumps(stored)
    assert "sysadmin_password" not in json.dumps(stored)


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


@pytest.mark.parametrize(("longest", "code"), [(8_000_000, 200), (1_000_000, 413)])
def test_the_site_says_how_long_a_document_may_be(
    prepared_instance: Path, tmp_path: Path, longest: int, code: int
) -> None:
    values = bootstrap_values(extra=["x" * 1024] * 1500)
    # As bytes: the client would keep so long a form in a file, which it does not close.
    parts = {
        "bootstrap_values": json.dumps(values),
        "sysadmin_password": PASSWORD,
        "bootstrap-address": ADDRESS,
    }
    boundary, body = encode_multipart(parts)
    with make_site(prepared_instance, tmp_path, MAX_YAML_LENGTH=longest) as site:
        operator = SiteClient.logged_in(site, "admin", ADMIN_PASSWORD)
        content_type = f"multipart/form-data; boundary={boundary}"
        answer = operator.post("/subclouds", data=body, content_type=content_type)
        assert answer.status_code == code, answer.text
