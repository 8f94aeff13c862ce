"""Subclouds, as the official client handles them: forms of requests-toolbelt, keys read one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from dcapi.lab.members import BMC_PASSWORD, SYSADMIN_PASSWORD, Member
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from dcapi.lab.site import PROJECT_ROOT, LabSite
from tests.integration.client.official import APIError, OfficialClient, base64_text

ENDPOINTS = {"dc-cert", "firmware", "kubernetes", "kube-rootca", "platform", "identity", "software"}


def refused(error: pytest.ExceptionInfo[APIError]) -> tuple[int, str]:
    return error.value.code, error.value.message


def files_of(member: Member) -> dict[str, Any]:
    files = {"bootstrap_values": member.bootstrap_values}
    return files | ({"install_values": member.install_values} if member.install_values else {})


def add(client: OfficialClient, member: Member, **fields: str) -> dict[str, Any]:
    """As ``subcloud add`` does, its options as texts."""
    texts = {
        "bootstrap-address": member.bootstrap_address,
        "sysadmin_password": base64_text(SYSADMIN_PASSWORD),
        **({"bmc_password": base64_text(BMC_PASSWORD)} if member.install_values else {}),
        **fields,
    }
    return client.subcloud_add(files_of(member), **texts)


def deployed(client: OfficialClient, name: str) -> dict[str, Any]:
    wait_until(f"{name} to be online", lambda: client.subcloud_show(name)["availability_status"] == "online")
    return client.subcloud_show(name)


@pytest.fixture
def member(pair: Pair) -> Member:
    return pair.new_member("pier", install=True)


def test_a_subcloud_is_added_and_shown(client: OfficialClient, member: Member) -> None:
    values = member.bootstrap_values
    added = add(client, member, group_id="Default")
    assert added["deploy_status"] != "complete"
    shown = deployed(client, member.name)
    known = {
        "id": added["id"],
        "name": member.name,
        "management_state": "unmanaged",
        "deploy_status": "complete",
        "error_description": "No errors present",
        "management_subnet": values["management_subnet"],
        "management_start_ip": values["management_start_address"],
        "management_end_ip": values["management_end_address"],
        "management_gateway_ip": values["management_gateway_address"],
        "systemcontroller_gateway_ip": values["systemcontroller_gateway_address"],
        "group_id": 1,
        "peer_group_id": None,
        "backup_status": None,
        "prestage_status": None,
    }
    assert {name: shown[name] for name in known} == known
    assert len(shown["region_name"]) == 32
    assert {each["endpoint_type"] for each in shown["endpoint_sync_status"]} == ENDPOINTS
    detail = client.subcloud_show_detail(str(added["id"]))
    assert detail["oam_floating_ip"] == values["external_oam_floating_address"] or detail["oam_floating_ip"]
    assert detail["deploy_config_sync_status"]
    assert detail["region_name"] == shown["region_name"]
    row = next(row for row in client.subcloud_list() if row["id"] == added["id"])
    assert row["sync_status"] in {"unknown", "in-sync", "out-of-sync"}
    in_group = [each["name"] for each in client.subcloud_group_list_subclouds("Default")]
    assert member.name in in_group
    assert member.name in [each["name"] for each in client.alarm_summary()]


def test_a_subcloud_is_changed_managed_renamed_and_deleted(
    client: OfficialClient, pair: Pair, member: Member
) -> None:
    add(client, member)
    deployed(client, member.name)
    changed = client.subcloud_update(member.name, description="k\u00e4i <1>", location="T\u00fcrku")
    assert (changed["description"], changed["location"]) == ("k\u00e4i <1>", "T\u00fcrku")
    assert client.subcloud_update(member.name, group_id="1")["group_id"] == 1
    assert client.subcloud_manage(member.name)["management_state"] == "managed"
    with pytest.raises(APIError) as error:
        client.subcloud_delete(member.name)
    assert refused(error) == (400, 'Cannot delete a subcloud that is "managed" status')
    assert client.subcloud_unmanage(member.name)["management_state"] == "unmanaged"
    assert client.subcloud_manage(member.name, force=True)["management_state"] == "managed"
    client.subcloud_unmanage(member.name)
    assert client.subcloud_rename(member.name, f"{member.name}-new")["name"] == f"{member.name}-new"
    with pytest.raises(APIError) as error:
        client.subcloud_delete(f"{member.name}-new")
    assert error.value.code == 422


def test_a_form_without_a_field_is_only_a_closing_boundary(client: OfficialClient, member: Member) -> None:
    add(client, member)
    deployed(client, member.name)
    with pytest.raises(APIError) as error:
        client.subcloud_update(member.name)
    assert error.value.code == 400
    assert "boundary" not in error.value.message


def test_redeployment_without_files_is_judged_by_the_subclouds_state(
    client: OfficialClient, member: Member
) -> None:
    add(client, member)
    deployed(client, member.name)
    with pytest.raises(APIError) as error:
        client.subcloud_redeploy(member.name)
    assert refused(error) == (400, "Body required")
    with pytest.raises(APIError) as error:
        client.subcloud_redeploy(member.name, sysadmin_password=base64_text(SYSADMIN_PASSWORD))
    assert refused(error) == (400, "Cannot re-deploy an online and/or managed subcloud")


def test_a_subcloud_that_is_off_the_air_is_redeployed_and_deleted(
    client: OfficialClient, pair: Pair, member: Member
) -> None:
    add(client, member)
    deployed(client, member.name)
    take_off_the_air(pair.a, member.name)
    again = client.subcloud_redeploy(
        member.name,
        {"install_values": member.install_values},
        sysadmin_password=base64_text(SYSADMIN_PASSWORD),
        bmc_password=base64_text(BMC_PASSWORD),
    )
    assert again["name"] == member.name
    assert deployed(client, member.name)["deploy_status"] == "complete"
    take_off_the_air(pair.a, member.name)
    client.subcloud_delete(member.name)
    with pytest.raises(APIError) as error:
        client.subcloud_show_detail(member.name)
    assert refused(error) == (404, "Subcloud not found")


def take_off_the_air(site: LabSite, name: str) -> None:
    command = (sys.executable, "-m", "flask", "--app", "wsgi", "dcapi", "simulate", name)
    subprocess.run(
        (*command, "--availability", "offline"),
        cwd=PROJECT_ROOT,
        env=site.environment(),
        check=True,
        capture_output=True,
    )


def test_a_secondary_subcloud_is_added_and_deleted(client: OfficialClient, pair: Pair) -> None:
    member = pair.new_member("mirror")
    files = {"bootstrap_values": member.bootstrap_values}
    added = client.subcloud_add(files, **{"bootstrap-address": member.bootstrap_address, "secondary": "true"})
    assert added["deploy_status"] == "secondary"
    payload = json.loads(client.subcloud_show(member.name)["rehome_data"])["saved_payload"]
    assert payload["bootstrap-address"] == member.bootstrap_address
    assert not {"sysadmin_password", "ansible_ssh_pass", "ansible_become_pass"} & set(payload)
    client.subcloud_delete(member.name)
    with pytest.raises(APIError) as error:
        client.subcloud_show(member.name)
    assert refused(error) == (404, "Subcloud not found")


def test_a_subcloud_is_prestaged(client: OfficialClient, pair: Pair) -> None:
    member = pair.new_member("staged")
    add(client, member)
    deployed(client, member.name)
    client.subcloud_manage(member.name)
    shown = client.subcloud_prestage(
        member.name, sysadmin_password=base64_text(SYSADMIN_PASSWORD), force="true", for_install="true"
    )
    assert shown["prestage_software_version"]
    wait_until(
        "the end of prestaging", lambda: client.subcloud_show(member.name)["prestage_status"] == "complete"
    )


def test_the_network_of_a_subcloud_is_reconfigured(client: OfficialClient, pair: Pair) -> None:
    member, other = pair.new_member("moved"), pair.new_member("unused")
    add(client, member)
    deployed(client, member.name)
    values = other.bootstrap_values
    client.subcloud_update(
        member.name,
        management_subnet=values["management_subnet"],
        management_gateway_ip=values["management_gateway_address"],
        management_start_ip=values["management_start_address"],
        management_end_ip=values["management_end_address"],
        bootstrap_address=member.bootstrap_address,
        sysadmin_password=base64_text(SYSADMIN_PASSWORD),
    )
    wait_until("the new network", lambda: client.subcloud_show(member.name)["deploy_status"] == "complete")
    assert client.subcloud_show(member.name)["management_subnet"] == values["management_subnet"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"management-state": "maybe"}, "Invalid management-state"),
        ({"management-state": "managed", "force": "perhaps"}, "Invalid force value"),
        ({"group_id": "no-such-group"}, "Invalid group"),
        ({"peer_group": "no-such-group"}, "Invalid peer group"),
    ],
)
def test_the_client_reads_what_is_wrong_with_a_subcloud(
    client: OfficialClient, any_subcloud: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(APIError) as error:
        client.subcloud_update(any_subcloud, **fields)
    assert refused(error) == (400, message)


@pytest.fixture(scope="module")
def any_subcloud(client: OfficialClient, pair: Pair) -> str:
    member = pair.new_member("any")
    add(client, member)
    return member.name
