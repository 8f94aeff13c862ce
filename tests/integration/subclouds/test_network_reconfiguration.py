"""A subcloud gets another network."""

from __future__ import annotations

import pytest

from dcapi.deploy.port import Phase
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing, patch
from tests.subcloud_forms import ADDRESS, PASSWORD, form


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


def test_a_member_whose_description_changes_with_its_network_is_out_of_sync(fleet: Fleet) -> None:
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
    fleet.set_subcloud(1, deploy_status="reconfiguring-network")
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
            {**NETWORK, **WITH_ACCESS, "management_gateway_ip": "10.78.1.1"},
            400,
            "management_gateway_address invalid: Address must be in subnet 10.77.1.0/24",
        ),
        (
            {**NETWORK, **WITH_ACCESS, "management_subnet": "nothing"},
            400,
            "management_subnet invalid: Invalid subnet - not a valid IP subnet",
        ),
    ],
)
def test_a_reconfiguration_that_cannot_be_is_refused(
    fleet: Fleet, asked: dict[str, str], code: int, text: str
) -> None:
    fleet.deployed()
    refused(patch(fleet, **asked), code, text)
    assert fleet.show(1)["deploy-status"] == "complete"


def test_a_network_that_overlaps_anothers_is_refused(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.deployed(2)
    overlapping = {key: value.replace("10.77.1.", "10.70.2.") for key, value in NETWORK.items()}
    text = "management_subnet invalid: Subnet overlaps with another configured subnet"
    refused(patch(fleet, **overlapping, **WITH_ACCESS), 400, text)


def test_the_network_of_a_managed_or_secondary_subcloud_is_not_reconfigured(fleet: Fleet) -> None:
    fleet.managed()
    text = "A subcloud must be unmanaged to perform network reconfiguration"
    refused(patch(fleet, **NETWORK, **WITH_ACCESS), 422, text)
    secondary = fleet.secondary(2)
    answer = fleet.operator.patch(f"/subclouds/{secondary['id']}", **form(**NETWORK, **WITH_ACCESS))
    refused(answer, 400, "Cannot perform on secondary state subcloud")
