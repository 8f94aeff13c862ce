"""Forms about subclouds, read into requests."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas.subclouds import new_subcloud, subcloud_change
from dcapi.services.subcloud_requests import NewSubcloud, SubcloudChange
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


def refusal_of(call: Any, **options: Any) -> str:
    with pytest.raises(BadRequest) as refusal:
        call(**options)
    return refusal.value.message


def test_keys_of_the_values_count_as_fields_and_parts_of_the_form_win() -> None:
    new = creation(bootstrap_values(group_id=3, release="23.09"), location="Naantali", name="pier-1")
    assert (new.name, new.location, new.description) == ("pier-1", "Naantali", "Quay 1, north side")
    assert (new.group, new.release) == ("3", "23.09")


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
    assert "admin_password invalid" in refusal_of(creation, values=bootstrap_values(admin_password=7))


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
    ({"values": bootstrap_values(management_subnet=7)}, "management_subnet invalid: must be a text"),
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
    ({"region_name": "a*b"}, "Invalid region_name"),
    ({"release": "24 09"}, "Invalid release"),
    ({"description": "x" * 256}, "Invalid description"),
    ({"location": "a\nb"}, "Invalid location"),
    ({"group_id": "\x00"}, "Invalid group"),
    ({"secondary": "maybe"}, "Invalid secondary value"),
    ({"secondary": "true", "migrate": "true"}, "A secondary subcloud cannot be created with migrate"),
    ({"secondary": "true", "deploy_config": "a: 1"}, "cannot be created with deploy_config"),
    ({"migrate": "true", "deploy_config": b"a: 1"}, "it takes no deploy_config"),
    ({"migrate": "perhaps"}, "Invalid migrate value"),
    ({"deploy_config": b"\xff\xfe"}, "Invalid deploy_config"),
    ({"management_subnet": b"10.70.1.0/24"}, "management_subnet invalid: must be a text"),
]


@pytest.mark.parametrize(("options", "text"), CREATION_REFUSALS)
def test_a_creation_that_is_wrong_is_refused_by_its_field(options: dict[str, Any], text: str) -> None:
    assert text in refusal_of(creation, **options)


def test_a_form_without_parts_is_refused() -> None:
    for read in (new_subcloud, subcloud_change):
        with pytest.raises(BadRequest, match=r"^Body required$"):
            read({}, from_peer=False, yaml_limit=LIMIT)


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
    ({"bootstrap_values": "{}"}, "Invalid bootstrap_values: must not be empty"),
    ({"bootstrap_values": "management_subnet: 7"}, "management_subnet invalid"),
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
