"""A subcloud gets another network."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from dcapi.models import Subcloud
from dcapi.services.inventory.stored_values import stored_payload
from tests.integration.kept_tasks import forget_payloads
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing, patch
from tests.subcloud_forms import ADDRESS, PASSWORD, admin_network, bootstrap_values, form


def test_a_network_is_reconfigured_and_shown_when_that_is_done(fleet: Fleet) -> None:
    fleet.deployed()
    accepted = done(patch(fleet, **NETWORK, **WITH_ACCESS)).json
    assert accepted["deploy-status"] == "reconfiguring-network"
    assert accepted["management-subnet"] == "10.70.1.0/24"
    fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "complete"
    assert [shown[key] for key in ("management-subnet", "management-gateway-ip")] == [
        "10.77.1.0/24",
        "10.77.1.1",
    ]
    assert [shown[key] for key in ("management-start-ip", "management-end-ip")] == ["10.77.1.2", "10.77.1.90"]


def test_what_else_a_reconfiguration_brings_is_not_lost(fleet: Fleet) -> None:
    fleet.deployed()
    accepted = done(patch(fleet, **NETWORK, **WITH_ACCESS, description="on the new net", location="pier 7"))
    assert (accepted.json["description"], accepted.json["location"]) == ("on the new net", "pier 7")


def test_description_changed_with_the_network_is_out_of_sync(fleet: Fleet) -> None:
    group = fleet.group()
    member = fleet.member("harbour")
    association = fleet.association(group["id"])
    fleet.set_subcloud(member["id"], management_state="unmanaged")
    answer = done(patch(fleet, **NETWORK, **WITH_ACCESS, description="on the new net"))
    assert "info_message" in answer.json
    assert fleet.standing(association) == ("out-of-sync", 1)


@pytest.mark.parametrize("field", ["name", "peer_group", "bmc_password"])
def test_what_a_reconfiguration_does_not_bring_about_is_refused_beside_it(fleet: Fleet, field: str) -> None:
    fleet.deployed()
    values = {"name": "pier-1", "peer_group": "none", "bmc_password": PASSWORD}
    text = f"{field} and network reconfiguration must be updated separately"
    refused(patch(fleet, **NETWORK, **WITH_ACCESS, **{field: values[field]}), 422, text)


def test_a_reconfiguration_that_fails_says_why_and_can_be_tried_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.deployed()
    with monkeypatch.context() as during:
        failing(during, Phase.RECONFIGURE, "the switch does not answer")
        done(patch(fleet, **NETWORK, **WITH_ACCESS))
        fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "network-reconfiguration-failed"
    assert shown["error-description"] == "the switch does not answer"
    assert shown["management-subnet"] == "10.70.1.0/24"
    done(patch(fleet, **NETWORK, **WITH_ACCESS))
    fleet.run_jobs()
    assert fleet.show(1)["deploy-status"] == "complete"
    assert fleet.show(1)["error-description"] == "No errors present"


def test_a_reconfiguration_whose_password_is_gone_fails_with_that_reason(fleet: Fleet) -> None:
    fleet.deployed()
    done(patch(fleet, **NETWORK, **WITH_ACCESS))
    forget_payloads(fleet.runtime)
    fleet.run_sweep()
    assert fleet.show(1)["deploy-status"] == "network-reconfiguration-failed"
    assert "lost or has expired" in fleet.show(1)["error-description"]


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        (
            {**NETWORK, **WITH_ACCESS, "management__state": "managed"},
            422,
            "Management state and network reconfiguration must be updated separately",
        ),
        (
            NETWORK,
            422,
            "The bootstrap_address parameter is required for network reconfiguration",
        ),
        (
            {"management_subnet": "10.77.1.0/24", **WITH_ACCESS},
            422,
            "The following parameters are necessary for subcloud network reconfiguration: "
            "--management-subnet, --management-gateway-ip, --management-start-ip, --management-end-ip",
        ),
        (
            {**NETWORK, **WITH_ACCESS, "management_subnet": "10.70.1.0/24"},
            422,
            "management_subnet already in use by the subcloud.",
        ),
        ({**NETWORK, "bootstrap_address": ADDRESS}, 400, "subcloud sysadmin_password required"),
        (
            {**NETWORK, **WITH_ACCESS, "sysadmin_password": "no base64!"},
            400,
            "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded",
        ),
        (
            {**NETWORK, **WITH_ACCESS, "management_subnet": "10.70.1.7/255.255.255.0"},
            422,
            "management_subnet already in use by the subcloud.",
        ),
    ],
)
def test_a_reconfiguration_that_cannot_be_is_refused(
    fleet: Fleet, asked: dict[str, str], code: int, text: str
) -> None:
    fleet.deployed()
    refused(patch(fleet, **asked), code, text)
    assert fleet.show(1)["deploy-status"] == "complete"


def test_managed_and_secondary_subclouds_keep_their_network(fleet: Fleet) -> None:
    fleet.managed()
    text = "A subcloud must be unmanaged to perform network reconfiguration"
    refused(patch(fleet, **NETWORK, **WITH_ACCESS), 422, text)
    secondary = fleet.secondary(2)
    answer = fleet.operator.patch(f"/subclouds/{secondary['id']}", **form(**NETWORK, **WITH_ACCESS))
    refused(answer, 400, "Cannot perform on secondary state subcloud")


# -- what becomes of the stored values --

DUAL = {
    "management_subnet": "10.77.1.0/24, fd77:1::/64",
    "management_gateway_ip": "10.77.1.1,fd77:1::1",
    "management_start_ip": "10.77.1.2,fd77:1::2",
    "management_end_ip": "10.77.1.90,fd77:1::90",
}
ADMIN = {
    "management_subnet": "fd70:1::/64",
    "management_gateway_ip": "fd70:1::1",
    "management_start_ip": "fd70:1::2",
    "management_end_ip": "fd70:1::90",
}


def stored(fleet: Fleet) -> dict[str, Any]:
    with fleet.runtime.unit_of_work() as session:
        row = session.get(Subcloud, 1)
        assert row is not None
        return stored_payload(row)


def reconfigured(fleet: Fleet, network: dict[str, str]) -> dict[str, Any]:
    """The subcloud after its reconfiguration."""
    done(patch(fleet, **network, **WITH_ACCESS))
    fleet.run_jobs()
    shown = fleet.show(1)
    assert shown["deploy-status"] == "complete"
    return shown


def test_a_second_family_is_added_and_the_whole_value_is_compared(fleet: Fleet) -> None:
    fleet.deployed()
    reconfigured(fleet, NETWORK)
    shown = reconfigured(fleet, DUAL)
    assert (shown["management-subnet"], shown["management-end-ip"]) == ("10.77.1.0/24", "10.77.1.90")
    assert stored(fleet)["management_end_address"] == "10.77.1.90,fd77:1::90"
    text = "management_subnet already in use by the subcloud."
    refused(
        patch(fleet, **{**DUAL, "management_subnet": "10.77.1.9/24,FD77:1:0::/64"}, **WITH_ACCESS), 422, text
    )
    text = "management_end_ip already in use by the subcloud."
    other = {key: value.replace("10.77.1.", "10.77.2.") for key, value in DUAL.items()}
    refused(
        patch(fleet, **{**other, "management_end_ip": DUAL["management_end_ip"]}, **WITH_ACCESS), 422, text
    )


def test_a_floating_address_becomes_the_new_start(fleet: Fleet) -> None:
    dropped: dict[str, Any] = {"management_start_address": None}
    values = bootstrap_values(management_floating_address="10.70.1.7", **dropped)
    fleet.deployed(bootstrap_values=values)
    text = "management_start_ip already in use by the subcloud."
    refused(patch(fleet, **{**NETWORK, "management_start_ip": "10.70.1.7"}, **WITH_ACCESS), 422, text)
    reconfigured(fleet, NETWORK)
    values = stored(fleet)
    assert values["management_floating_address"] == values["management_start_address"] == "10.77.1.2"


def test_the_admin_network_is_meant_where_there_is_one(fleet: Fleet) -> None:
    values = bootstrap_values(**admin_network(), admin_floating_address="fd70:1::2")
    fleet.deployed(bootstrap_values=values)
    new = {key: value.replace("fd70:1:", "fd77:1:") for key, value in ADMIN.items()}
    assert reconfigured(fleet, new)["management-subnet"] == "fd77:1::/64"
    now = stored(fleet)
    assert now["admin_floating_address"] == now["admin_start_address"] == "fd77:1::2"
    assert now["management_subnet"] == "10.70.1.0/24"


def test_the_gateway_of_the_controller_has_the_version_of_the_new_network(fleet: Fleet) -> None:
    fleet.deployed()
    text = "systemcontroller_gateway_address invalid: Expected IPv6"
    refused(patch(fleet, **{key: f"{ADMIN[key]},{NETWORK[key]}" for key in ADMIN}, **WITH_ACCESS), 400, text)
    shown = reconfigured(fleet, {key: f"{NETWORK[key]},{ADMIN[key]}" for key in ADMIN})
    assert shown["management-subnet"] == "10.77.1.0/24"


def test_a_new_network_is_shown_although_nothing_else_is_known_of_the_values(fleet: Fleet) -> None:
    """As of a subcloud that an older version deployed, or adopted without an OAM network."""
    fleet.deployed()
    fleet.set_subcloud(1, deploy_values=None, rehome_data=None, oam_floating_ip=None)
    network = {**NETWORK, "management_end_ip": "10.77.1.70"}
    shown = reconfigured(fleet, network)
    assert (shown["management-subnet"], shown["management-end-ip"]) == ("10.77.1.0/24", "10.77.1.70")
    assert shown["systemcontroller-gateway-ip"] == "10.69.0.1"
