"""A deployment phase by phase, as the official client asks for it: paths as names of files, no part types."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from dcapi.lab.members import BMC_PASSWORD, SYSADMIN_PASSWORD, Member
from dcapi.lab.pair import Pair
from dcapi.lab.polling import wait_until
from tests.integration.client.official import APIError, OfficialClient, base64_text

PASSWORD: dict[str, Any] = {"sysadmin_password": base64_text(SYSADMIN_PASSWORD)}
BMC: dict[str, Any] = {"bmc_password": base64_text(BMC_PASSWORD)}
CONFIG = {"kind": "Host"}


@pytest.fixture
def member(pair: Pair) -> Member:
    return pair.new_member("mole", install=True)


def created(client: OfficialClient, member: Member, **files: Any) -> dict[str, Any]:
    """As ``subcloud deploy create`` does."""
    values = {"bootstrap_values": member.bootstrap_values, **files}
    fields = {"bootstrap-address": member.bootstrap_address, **(BMC if "install_values" in files else {})}
    return client.subcloud_deploy_create(values, **fields)


def at_rest(client: OfficialClient, name: str, status: str) -> dict[str, Any]:
    wait_until(
        f"{name} to be {status}",
        lambda: client.subcloud_show(name)["deploy_status"],
        lambda seen: seen == status,
    )
    return client.subcloud_show(name)


def test_a_subcloud_is_deployed_by_one_command_after_the_other(
    client: OfficialClient, member: Member
) -> None:
    name = member.name
    assert created(client, member)["deploy_status"] == "create-complete"
    install: dict[str, Any] = {"install_values": member.install_values}
    asked = client.subcloud_deploy("install", name, install, release="24.09", **PASSWORD, **BMC)
    assert (asked["deploy_status"], asked["software_version"]) == ("pre-install", "24.09")
    at_rest(client, name, "install-complete")
    assert client.subcloud_deploy("bootstrap", name, **PASSWORD)["deploy_status"] == "pre-bootstrap"
    at_rest(client, name, "bootstrap-complete")
    asked = client.subcloud_deploy("configure", name, {"deploy_config": CONFIG}, **PASSWORD)
    assert asked["deploy_status"] == "pre-config"
    assert at_rest(client, name, "complete")["availability_status"] == "online"


def test_a_subcloud_is_completed_by_a_body_of_the_closing_boundary(
    client: OfficialClient, member: Member
) -> None:
    created(client, member)
    client.subcloud_deploy("bootstrap", member.name, **PASSWORD)
    at_rest(client, member.name, "bootstrap-complete")
    assert client.subcloud_deploy("complete", member.name)["deploy_status"] == "complete"


def test_what_does_not_run_is_not_aborted(client: OfficialClient, member: Member) -> None:
    created(client, member)
    with pytest.raises(APIError) as error:
        client.subcloud_deploy("abort", member.name)
    allowed = "installing, bootstrapping, configuring"
    text = f"Subcloud deploy status must be in one of the following states: {allowed}"
    assert (error.value.code, error.value.message) == (400, text)


def test_all_that_is_left_is_run_by_a_resume(client: OfficialClient, member: Member) -> None:
    created(client, member)
    files: dict[str, Any] = {"install_values": member.install_values, "deploy_config": CONFIG}
    asked = client.subcloud_deploy("resume", member.name, files, **PASSWORD, **BMC)
    assert asked["deploy_status"] == "pre-install"
    at_rest(client, member.name, "complete")


def test_a_node_is_enrolled_with_an_archive(client: OfficialClient, member: Member) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        made.addfile(tarfile.TarInfo("first.sh"), io.BytesIO())
    created(client, member)
    install = {**(member.install_values or {}), "software_version": "25.09"}
    files = {"install_values": install, "cloud_init_config": archive.getvalue()}
    asked = client.subcloud_deploy("enroll", member.name, files, release="25.09", **PASSWORD, **BMC)
    assert asked["deploy_status"] == "pre-init-enroll"
    at_rest(client, member.name, "enroll-complete")
