"""Forms about subclouds, read into requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas.subclouds import new_subcloud, redeployment, subcloud_change
from dcapi.services.inventory.inputs import DeployRequest, Enrolment, NewSubcloud, SubcloudChange
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, install_values

LIMIT = 2**20


def creation(values: dict[str, Any] | None = None, *, from_peer: bool = False, **parts: Any) -> NewSubcloud:
    given = {
        "bootstrap_values": json.dumps(bootstrap_values() if values is None else values).encode(),
        "sysadmin_password": PASSWORD,
        **{name.replace("__", "-"): part for name, part in parts.items()},
    }
    kept = {name: part for name, part in given.items() if part is not None}
    return new_subcloud(kept, from_peer=from_peer, yaml_limit=LIMIT)


def change(*, from_peer: bool = False, **parts: Any) -> SubcloudChange:
    given = {name.replace("__", "-"): part for name, part in parts.items()}
    return subcloud_change(given, from_peer=from_peer, yaml_limit=LIMIT)


def redeployed(**parts: Any) -> DeployRequest:
    given = {name.replace("__", "-"): part for name, part in parts.items()}
    return redeployment(given, yaml_limit=LIMIT)


def refusal_of(call: Any, **options: Any) -> str:
    with pytest.raises(BadRequest) as refusal:
        call(**options)
    return refusal.value.message


def test_keys_of_the_values_count_as_fields_and_parts_of_the_form_win() -> None:
    new = creation(bootstrap_values(group_id=3, release="23.09"), location="Naantali", name="pier-1")
    assert (new.name, new.location, new.description) == ("pier-1", "Naantali", "Quay 1, north side")
    assert (new.group, new.release) == ("3", "23.09")


BARE = {
    "name": "0x1f",
    "description": "2024-02-29",
    "location": "0715",
    "region_name": "24.10",
    "release": "24.10",
    "software_version": "24.10",
    "admin_password": "1e3",
    "bmc_username": "yes",
    "bootstrap_interface": "1_000",
}


def bare_file(values: dict[str, Any]) -> bytes:
    """A document in which the values of BARE stand as people write them."""
    others = {key: value for key, value in values.items() if key not in BARE}
    return (
        json.dumps(others)[:-1] + "".join(f",\n{key}: {text}" for key, text in BARE.items()) + "}"
    ).encode()


@pytest.mark.parametrize("from_peer", [False, True], ids=["operator", "peer"])
def test_texts_of_a_creation_are_taken_as_they_were_written(from_peer: bool) -> None:
    secondary: dict[str, Any] = {
        "secondary": "true",
        "install_values": bare_file(install_values()),
        "bmc_password": PASSWORD,
    }
    new = creation(bootstrap_values=bare_file(bootstrap_values()), from_peer=from_peer, **secondary)
    assert (new.name, new.description, new.location) == ("0x1f", "2024-02-29", "0715")
    assert (new.region_name, new.release) == ("24.10", "24.10")
    password = BARE["admin_password"]
    kept = password if from_peer else base64.b64encode(password.encode()).decode()
    assert {key: new.bootstrap_values[key] for key in BARE} == {**BARE, "admin_password": kept}
    assert {key: (new.install_values or {})[key] for key in BARE} == BARE


@pytest.mark.parametrize("call", [change, redeployed], ids=["change", "redeployment"])
def test_texts_of_other_documents_are_taken_as_they_were_written(call: Any) -> None:
    documents = {
        "bootstrap_values": bare_file(bootstrap_values()),
        "install_values": bare_file(install_values()),
    }
    asked = call(**documents, bmc_password=PASSWORD)
    kept = {**BARE, "admin_password": base64.b64encode(BARE["admin_password"].encode()).decode()}
    assert {key: asked.bootstrap_values[key] for key in BARE} == kept
    assert {key: asked.install_values[key] for key in BARE} == BARE


FOLDED = """
description: >
  A quay
  in the north

location: |
  Turku
  harbour
certificate: |
  -----BEGIN CERTIFICATE-----
  bm8gcmVhbCBvbmU=
"""
PEM = "-----BEGIN CERTIFICATE-----\nbm8gcmVhbCBvbmU=\n"


def test_texts_on_several_lines_of_a_file_become_one_line() -> None:
    values = bootstrap_values(description=None, location=None)
    document = "\n".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + FOLDED
    new = creation(bootstrap_values=document)
    assert (new.description, new.location) == ("A quay in the north", "Turku harbour")
    for kept in (new.bootstrap_values, change(bootstrap_values=document).bootstrap_values or {}):
        assert (kept["description"], kept["location"]) == ("A quay in the north", "Turku harbour")
        assert kept["certificate"] == PEM


@pytest.mark.parametrize("call", [creation, change, redeployed], ids=["creation", "change", "redeployment"])
def test_texts_on_several_lines_of_a_form_become_one_line(call: Any) -> None:
    asked = call(description=" a quay\r\nin the north\n", location="\n")
    assert (asked.description, asked.location) == ("a quay in the north", "")


def test_a_text_of_the_form_can_stand_for_a_key_of_the_values() -> None:
    new = creation(bootstrap_values(system_mode=None), system_mode="duplex")
    assert new.bootstrap_values["system_mode"] == "duplex"


def test_an_empty_description_is_one() -> None:
    new = creation(description="", location="")
    assert (new.description, new.location) == ("", "")


def test_empty_parts_count_as_not_given() -> None:
    new = creation(region_name="", release="", group_id="", deploy_config="", install_values="")
    assert (new.region_name, new.release, new.group) == (None, None, None)
    assert (new.deploy_config, new.install_values) == (None, None)


@pytest.mark.parametrize(
    ("from_peer", "kept"), [(False, base64.b64encode(b"Bollard*7").decode()), (True, "Bollard*7")]
)
def test_the_admin_password_of_an_operator_is_encoded(from_peer: bool, kept: str) -> None:
    assert creation(from_peer=from_peer).bootstrap_values["admin_password"] == kept
    values = json.dumps(bootstrap_values())
    changed = change(from_peer=from_peer, bootstrap_values=values)
    assert (changed.bootstrap_values or {})["admin_password"] == kept


def test_an_admin_password_that_is_no_text_is_refused() -> None:
    values = bootstrap_values(admin_password=["Bollard*7"])
    assert refusal_of(creation, values=values) == "admin_password invalid: must be a text"


def test_install_values_get_the_password_beside_them() -> None:
    new = creation(install_values=json.dumps(install_values()), bmc_password="c2VhbA==")
    assert new.install_values == {**install_values(), "bmc_password": "c2VhbA=="}


def test_install_values_of_another_sites_secondary_are_taken_as_they_are() -> None:
    new = creation(from_peer=True, secondary="true", install_values='{"odd": 1, "bmc_password": "x"}')
    assert new.install_values == {"odd": 1, "bmc_password": "x"}
    assert "Mandatory" in refusal_of(creation, secondary="true", install_values='{"odd": 1}')
    assert change(from_peer=True, install_values='{"odd": 1}').install_values == {"odd": 1}


@pytest.mark.parametrize("name", ["Pier_1", "pier 1"])
def test_another_site_may_name_subclouds_by_the_general_rule(name: str) -> None:
    assert creation(from_peer=True, name=name, secondary="true").name == name
    assert "name invalid" in refusal_of(creation, name=name)


@pytest.mark.parametrize("name", ["pier-1.south", "1-pier", "p"])
def test_names_by_rfc_1123_are_taken_from_anyone(name: str) -> None:
    assert creation(name=name).name == name
    assert creation(from_peer=True, name=name).name == name


CREATION_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"values": bootstrap_values(name=None)}, "name required"),
    ({"values": bootstrap_values(system_mode=None)}, "system_mode required"),
    ({"values": bootstrap_values(system_mode="triplex")}, "system_mode invalid: must be one of"),
    ({"values": bootstrap_values(system_mode=["simplex"])}, "system_mode invalid: must be one of"),
    ({"values": bootstrap_values(management_subnet=None)}, "management_subnet required"),
    ({"values": bootstrap_values(name=7)}, "name must contain alphabetic characters"),
    ({"name": "123"}, "name must contain alphabetic characters"),
    ({"name": "Pier"}, "name invalid"),
    ({"name": "pier_1"}, "name invalid"),
    ({"name": "-pier"}, "name invalid"),
    ({"name": "pier..1"}, "name invalid"),
    ({"name": "p" * 256}, "name invalid"),
    ({"name": b"pier-1"}, "name invalid"),
    ({"sysadmin_password": None}, "subcloud sysadmin_password required"),
    ({"sysadmin_password": "not base64"}, "Failed to decode subcloud sysadmin_password"),
    ({"sysadmin_password": "/w=="}, "Failed to decode subcloud sysadmin_password"),
    ({"bmc_password": "*"}, "Failed to decode subcloud bmc_password"),
    ({"install_values": json.dumps(install_values())}, "subcloud bmc_password required"),
    ({"install_values": "- a list"}, "Invalid install_values"),
    ({"bootstrap_values": b"name: [1"}, "Invalid bootstrap_values"),
    ({"bootstrap_values": "text"}, "Invalid bootstrap_values"),
    ({"bootstrap__address": "host"}, "bootstrap-address invalid"),
    ({"region_name": "a*b", "secondary": "true"}, "Invalid region_name"),
    ({"region_name": "systemcontroller", "secondary": "true"}, "region_name cannot be RegionOne or Sys"),
    ({"region_name": "RegionOne", "from_peer": True}, "region_name cannot be RegionOne or SystemController"),
    ({"name": "RegionOne"}, "name cannot be RegionOne or SystemController"),
    ({"name": "SYSTEMCONTROLLER", "from_peer": True}, "name cannot be RegionOne or SystemController"),
    ({"values": bootstrap_values(name="regionone")}, "name cannot be RegionOne or SystemController"),
    ({"release": "24 09"}, "Invalid release"),
    ({"description": "x" * 256}, "Invalid description"),
    ({"location": "a\tb"}, "Invalid location"),
    ({"values": bootstrap_values(location=["a"])}, "Invalid location"),
    ({"group_id": "\x00"}, "Invalid group"),
    ({"secondary": "maybe"}, "Invalid secondary value"),
    ({"secondary": "true", "migrate": "true"}, "A secondary subcloud cannot be created with migrate"),
    ({"secondary": "true", "deploy_config": "a: 1"}, "cannot be created with deploy_config"),
    ({"migrate": "true", "deploy_config": b"a: 1"}, "it takes no deploy_config"),
    ({"migrate": "perhaps"}, "Invalid migrate value"),
    (
        {"migrate": "true", "name": "pier-1"},
        "subcloud name does not match the name defined in bootstrap file",
    ),
    ({"enroll": "perhaps"}, "Invalid enroll value"),
    ({"enroll": "true", "on_site": "perhaps"}, "Invalid on_site value"),
    ({"enroll": "true", "migrate": "true"}, "migrate with enroll is not allowed"),
    ({"cloud_init_config": b"x"}, "cloud_init_config is not allowed with enroll=false"),
    ({"cloud_init_config": "x", "enroll": "false"}, "cloud_init_config is not allowed with enroll=false"),
    ({"on_site": "true"}, "on_site is not allowed with enroll=false"),
    ({"on_site": "true", "enroll": "false"}, "on_site is not allowed with enroll=false"),
    ({"deploy_config": b"\xff\xfe"}, "Invalid deploy_config"),
    ({"management_subnet": b"10.70.1.0/24"}, "management_subnet invalid: must be a text"),
]


@pytest.mark.parametrize(("options", "text"), CREATION_REFUSALS)
def test_a_creation_that_is_wrong_is_refused_by_its_field(options: dict[str, Any], text: str) -> None:
    assert text in refusal_of(creation, **options)


def test_an_enrolment_is_asked_for_by_the_form_or_the_values() -> None:
    assert creation(enroll="TRUE").enrolment == Enrolment()
    assert creation(bootstrap_values(enroll=True, on_site=True)).enrolment == Enrolment(on_site=True)
    assert creation().enrolment is None


def test_what_is_declined_of_an_enrolment_asks_for_nothing() -> None:
    assert creation(enroll="false", on_site="false", cloud_init_config="") == creation()


def test_a_migrated_subcloud_may_be_named_twice_or_in_one_place() -> None:
    assert creation(migrate="true", name="quay-1").name == "quay-1"
    assert creation(bootstrap_values(name=None), migrate="true", name="quay-1").name == "quay-1"


@pytest.mark.parametrize("value", ["harbour crane 9", "", "c2VjcmV0", "******", 4711, ["a"]])
def test_the_password_of_a_secondary_is_not_judged(value: Any) -> None:
    values = bootstrap_values(sysadmin_password=value)
    install = install_values(sysadmin_password=value)
    texts: dict[str, Any] = {"sysadmin_password": str(value), "bmc_password": PASSWORD}
    new = creation(values, secondary="true", install_values=json.dumps(install), **texts)
    assert new.sysadmin_password is None
    assert "sysadmin_password" not in new.bootstrap_values
    assert new.install_values == {**install_values(), "bmc_password": PASSWORD}


def test_a_file_as_the_password_of_a_secondary_is_not_judged() -> None:
    assert creation(secondary="True", sysadmin_password=b"a file").sysadmin_password is None


@pytest.mark.parametrize("region", ["a*b", "c" * 32, "RegionOne", "x" * 300, b"a file"])
def test_a_region_name_of_an_operator_counts_for_secondaries_alone(region: Any) -> None:
    assert creation(region_name=region).region_name is None
    if isinstance(region, str):
        assert creation(bootstrap_values(region_name=region)).region_name is None
        assert creation(bootstrap_values(region_name=region), secondary="false").region_name is None
    assert creation(bootstrap_values(region_name="pier-9"), secondary="true").region_name == "pier-9"
    assert creation(bootstrap_values(region_name="pier-9"), from_peer=True).region_name == "pier-9"


def test_a_deploy_config_of_several_documents_is_kept_as_it_is() -> None:
    text = "kind: Host\n---\nkind: System\n"
    assert creation(deploy_config=text.encode()).deploy_config == text


def test_a_change_names_what_it_carries() -> None:
    changed = change(description="", peer_group="none", management__state="managed", force="True")
    assert changed == SubcloudChange(
        description="", peer_group="none", management_state="managed", force=True
    )
    assert changed.given() == {"description", "peer_group", "management_state", "force"}


CHANGE_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"management__state": "paused"}, "Invalid management-state"),
    ({"management__state": "managed", "force": "maybe"}, "Invalid force value"),
    ({"management__state": "unmanaged", "force": "true"}, "Invalid option: force"),
    ({"force": "true"}, "Invalid option: force"),
    ({"force": "maybe"}, "Invalid force value"),
    ({"anything": "else"}, "nothing to update"),
    ({"peer_group": "", "management__state": ""}, "nothing to update"),
    ({"release": "24.09"}, "nothing to update"),
    ({"sysadmin_password": PASSWORD}, "nothing to update"),
    ({"migrate": "false"}, "nothing to update"),
    ({"bootstrap_address": "host"}, "bootstrap_address invalid"),
    ({"install_values": json.dumps(install_values())}, "subcloud bmc_password required"),
    ({"description": b"a file"}, "Invalid description"),
    ({"group_id": b"a file"}, "Invalid group"),
    ({"peer_group": "x" * 256}, "Invalid peer group"),
]


@pytest.mark.parametrize(("options", "text"), CHANGE_REFUSALS)
def test_a_change_that_is_wrong_is_refused_by_its_field(options: dict[str, Any], text: str) -> None:
    assert text in refusal_of(change, **options)


def test_the_fields_of_a_network_are_one_thing_that_is_given() -> None:
    asked = change(migrate="true", management_subnet="10.1.0.0/24", description="x")
    assert asked.network == {"management_subnet": "10.1.0.0/24"}
    assert asked.given() == {"migrate", "network", "description"}


def test_a_password_that_nothing_needs_is_not_given() -> None:
    assert change(sysadmin_password="c2VhbA==", description="x").given() == {"description"}


def test_another_site_spells_the_bootstrap_address_either_way() -> None:
    for parts in ({"bootstrap__address": ADDRESS}, {"bootstrap_address": ADDRESS}):
        assert change(from_peer=True, **parts).bootstrap_address == ADDRESS
    assert refusal_of(change, bootstrap__address=ADDRESS) == "nothing to update"


def test_another_site_names_a_release_and_a_region_that_does_not_count() -> None:
    asked = change(from_peer=True, release="23.09", region_name="f" * 32)
    assert asked == SubcloudChange(release="23.09")
    assert refusal_of(change, from_peer=True, region_name="f" * 32) == "nothing to update"


@pytest.mark.parametrize("word", ["", "null", "None"])
def test_another_site_that_has_no_value_gives_none(word: str) -> None:
    asked = change(from_peer=True, location="Turku", install_values=word, bootstrap_values=word, release=word)
    assert asked == SubcloudChange(location="Turku")
