"""Renaming, networks, prestaging, redeployment and rehoming of subclouds, as an operator asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Failed, Phase
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.models import Operation, Subcloud
from dcapi.services import subcloud_renaming
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values, new_form

NETWORK = {
    "management_subnet": "10.77.1.0/24",
    "management_gateway_ip": "10.77.1.1",
    "management_start_ip": "10.77.1.2",
    "management_end_ip": "10.77.1.90",
}
WITH_ACCESS = {"bootstrap_address": ADDRESS, "sysadmin_password": PASSWORD}


def patch(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/1", **form(**parts))


def failing(monkeypatch: pytest.MonkeyPatch, phase: Phase, reason: str) -> None:
    """Let one phase fail from now on."""
    ask = SimulatedDeployer.poll

    def poll(self: SimulatedDeployer, asked: Phase, target: Any) -> Any:
        return Failed(reason) if asked is phase else ask(self, asked, target)

    monkeypatch.setattr(SimulatedDeployer, "poll", poll)


# -- rename --


def test_a_deployed_unmanaged_subcloud_gets_another_name_everywhere(fleet: Fleet) -> None:
    fleet.deployed()
    done(patch(fleet, bootstrap_values=bootstrap_values(), bootstrap_address=ADDRESS))
    assert done(patch(fleet, name="pier-1")).json["name"] == "pier-1"
    shown = done(fleet.operator.get("/subclouds/pier-1")).json
    assert '"name": "pier-1"' in shown["rehome_data"]


def test_a_managed_subcloud_keeps_its_name(fleet: Fleet) -> None:
    fleet.managed()
    text = "Subcloud quay-1 must be deployed and unmanaged for the subcloud rename operation."
    refused(patch(fleet, name="pier-1"), 400, text)


@pytest.mark.parametrize("name", ["Pier", "pier_1", "12", "a..b"])
def test_a_name_against_the_rule_is_refused(fleet: Fleet, name: str) -> None:
    fleet.deployed()
    answer = patch(fleet, name=name)
    assert answer.status_code == 400
    assert answer.json["description"].startswith("Invalid name")


def test_its_own_name_is_no_other_one(fleet: Fleet) -> None:
    fleet.deployed()
    text = (
        "Provided subcloud name quay-1 is the same as the current subcloud quay-1. "
        "A different name is required to rename the subcloud"
    )
    refused(patch(fleet, name="quay-1"), 400, text)


def test_the_name_or_region_name_of_another_subcloud_is_taken(fleet: Fleet) -> None:
    fleet.deployed()
    other = fleet.deployed(2)
    for name in (other["name"], "pier-9"):
        fleet.set_subcloud(other["id"], region_name="pier-9")
        answer = patch(fleet, name=name)
        assert answer.status_code == 422, answer.text
        assert name in answer.json["description"]


def test_a_name_that_another_request_takes_at_the_same_time_is_taken(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.deployed()
    other = fleet.deployed(2)
    look = subcloud_renaming.check_free
    looks: list[str] = []

    def look_too_early(session: Session, row: Subcloud, name: str) -> None:
        looks.append(name)
        if len(looks) > 1:
            look(session, row, name)

    monkeypatch.setattr(subcloud_renaming, "check_free", look_too_early)
    answer = patch(fleet, name=other["name"])
    assert answer.status_code == 422, answer.text
    assert fleet.show(1)["name"] == "quay-1"


def test_a_new_name_of_a_member_is_a_change_for_its_association(fleet: Fleet) -> None:
    group = fleet.group()
    member = fleet.member("harbour")
    association = fleet.association(group["id"])
    fleet.set_subcloud(member["id"], management_state="unmanaged")
    assert "info_message" in done(patch(fleet, name="pier-1")).json
    assert fleet.standing(association) == ("out-of-sync", 1)


# -- network reconfiguration --


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


# -- the migrate flag --


def test_migrate_marks_an_unmanaged_subcloud_as_one_to_be_rehomed(fleet: Fleet) -> None:
    fleet.managed()
    refused(
        patch(fleet, migrate="true"),
        400,
        "Subcloud quay-1 is managed: migrate takes one that is, or is being, unmanaged",
    )
    answer = done(patch(fleet, migrate="true", management__state="unmanaged")).json
    assert (answer["management-state"], answer["deploy-status"]) == ("unmanaged", "rehome-pending")
    again = patch(fleet, migrate="true")
    text = "Subcloud quay-1 is rehome-pending: migrate takes one whose deploy status is complete"
    refused(again, 400, text)
    back = done(patch(fleet, management__state="managed")).json
    assert (back["management-state"], back["deploy-status"]) == ("managed", "complete")


def test_a_subcloud_that_runs_elsewhere_is_brought_over(fleet: Fleet) -> None:
    created = done(fleet.operator.post("/subclouds", **new_form(migrate="true"))).json
    assert created["deploy-status"] == "pre-rehome"
    fleet.run_jobs()
    shown = fleet.show(created["id"])
    assert (shown["deploy-status"], shown["availability-status"]) == ("complete", "online")


def test_a_site_that_migrates_the_group_is_given_its_members(fleet: Fleet) -> None:
    group = fleet.group()
    member = fleet.member("harbour")
    ceding = form(management__state="unmanaged", migrate="true")
    call = f"/subclouds/{member['region-name']}"
    assert fleet.other_site.patch(call, **ceding).status_code == 400
    fleet.set_group(group["id"], migration_status="migrating")
    for more in ({"location": "x"}, {"management__state": "managed"}):
        asked = {"management__state": "unmanaged", "migrate": "true", **more}
        assert fleet.other_site.patch(call, **form(**asked)).status_code == 400
    for _ in range(2):  # an answer may be lost, and the call comes again
        answer = done(fleet.other_site.patch(call, **ceding)).json
        assert (answer["management-state"], answer["deploy-status"]) == ("unmanaged", "rehome-pending")


def test_a_subcloud_that_is_being_rehomed_is_left_alone(fleet: Fleet) -> None:
    secondary = fleet.secondary()
    fleet.set_subcloud(secondary["id"], rehome_step="waiting")
    text = "The subcloud is being rehomed to this site: wait until that has come to its end"
    refused(patch(fleet, location="x"), 409, text)
    refused(fleet.operator.delete("/subclouds/1"), 409, text)
    refused(fleet.other_site.patch(f"/subclouds/{secondary['region-name']}", **form(location="x")), 409, text)


# -- redeploy --


def redeploy(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/1/redeploy", **form(**parts))


def test_a_member_that_another_site_is_taking_over_is_neither_redeployed_nor_reconfigured(
    fleet: Fleet,
) -> None:
    fleet.group()
    member = fleet.member("harbour")
    let_go = {"management_state": "unmanaged", "deploy_status": "rehome-pending"}
    fleet.set_subcloud(member["id"], availability_status="offline", **let_go)
    text = "Subcloud quay-1 is rehome-pending: another site is taking it over"
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 409, text)
    refused(patch(fleet, **NETWORK, **WITH_ACCESS), 409, text)
    assert fleet.show(member["id"])["deploy-status"] == "rehome-pending"


def taken_off(fleet: Fleet, **parts: Any) -> None:
    fleet.deployed(**parts)
    fleet.set_subcloud(1, availability_status="offline")


def test_a_subcloud_is_deployed_again_with_what_is_stored(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD)
    assert done(redeploy(fleet, sysadmin_password=PASSWORD)).json["deploy-status"] == "pre-install"
    fleet.run_jobs()
    shown = fleet.show(1)
    assert (shown["deploy-status"], shown["availability-status"]) == ("complete", "online")


def test_a_subcloud_is_configured_again_with_the_file_that_is_stored(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD, deploy_config=b"kind: Host")
    with fleet.parts.unit_of_work() as session:
        assert "kind: Host" not in str(session.connection().exec_driver_sql("SELECT * FROM subcloud").all())
    told = []
    for config in (None, b"kind: Platform", None):
        given = {} if config is None else {"deploy_config": config}
        done(redeploy(fleet, sysadmin_password=PASSWORD, **given))
        told.append(deployed_with(fleet)["deploy_config"])
        fleet.run_jobs()
        fleet.set_subcloud(1, availability_status="offline")
    assert told == ["kind: Host", "kind: Platform", "kind: Platform"]


def deployed_with(fleet: Fleet) -> dict[str, Any]:
    """What the deployment that goes on needs beyond its row."""
    with fleet.parts.unit_of_work() as session:
        payload: dict[str, Any] = session.scalars(select(Operation.payload)).one()
        return payload


def test_new_values_of_a_redeployment_take_the_place_of_the_old(fleet: Fleet) -> None:
    taken_off(fleet)
    changed: dict[str, Any] = {
        "management_subnet": "10.77.1.0/24",
        "management_start_address": "10.77.1.2",
        "management_end_address": "10.77.1.90",
        "management_gateway_address": "10.77.1.1",
    }
    answer = redeploy(
        fleet,
        sysadmin_password=PASSWORD,
        bootstrap_values=bootstrap_values(**changed),
        install_values=install_values(),
        bmc_password=PASSWORD,
        release="25.09",
    )
    shown = done(answer).json
    assert (shown["management-subnet"], shown["software-version"]) == ("10.77.1.0/24", "25.09")
    fleet.run_jobs()
    assert fleet.show(1)["deploy-status"] == "complete"


# What a line too far to the right makes of a file.
NESTED = bootstrap_values(name={"admin_password": "Bollard*7"})


def test_a_redeployment_needs_a_password_and_values(fleet: Fleet) -> None:
    taken_off(fleet)
    text = "Subcloud quay-1 has no stored install_values: send them"
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 400, text)
    with_values = {"install_values": install_values(), "bmc_password": PASSWORD}
    refused(redeploy(fleet, **with_values), 400, "subcloud sysadmin_password required")
    refused(redeploy(fleet, install_values=install_values()), 400, "subcloud bmc_password required")
    other = redeploy(fleet, **with_values, bootstrap_values=bootstrap_values(name="pier"))
    assert other.status_code == 400
    nested = redeploy(fleet, **with_values, sysadmin_password=PASSWORD, bootstrap_values=NESTED)
    assert (nested.status_code, "Bollard" in nested.text) == (400, False)
    assert fleet.show(1)["deploy-status"] == "complete"


def test_what_is_online_managed_or_secondary_is_not_redeployed(fleet: Fleet) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    text = "Cannot re-deploy an online and/or managed subcloud"
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 400, text)
    fleet.set_subcloud(1, availability_status="offline", management_state="managed")
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 400, text)
    fleet.set_subcloud(1, management_state="unmanaged", deploy_status="secondary")
    text = "Cannot perform on secondary state subcloud"
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 400, text)


def test_a_deployment_under_way_is_not_begun_twice(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD)
    done(redeploy(fleet, sysadmin_password=PASSWORD))
    assert redeploy(fleet, sysadmin_password=PASSWORD).status_code == 409


# -- prestage --


def prestage(fleet: Fleet, **body: Any) -> Any:
    return fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD, **body})


def test_a_release_that_was_prestaged_joins_the_versions(fleet: Fleet) -> None:
    fleet.managed()
    answer = done(prestage(fleet, release="25.03")).json
    assert (answer["prestage-software-version"], answer["prestage-status"]) == ("25.03", "prestaging")
    refused(prestage(fleet), 409, "Subcloud quay-1 is being prestaged: wait until that has come to its end")
    fleet.run_jobs()
    assert (fleet.show(1)["prestage-status"], fleet.show(1)["prestage-versions"]) == ("complete", "25.03")
    done(prestage(fleet, release="25.09", for_sw_deploy="true"))
    fleet.run_jobs()
    assert fleet.show(1)["prestage-versions"] == "25.03,25.09"


def test_a_prestaging_that_fails_leaves_the_versions(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.managed()
    failing(monkeypatch, Phase.PRESTAGE, "no room")
    done(prestage(fleet, release="25.03"))
    fleet.run_jobs()
    assert (fleet.show(1)["prestage-status"], fleet.show(1)["prestage-versions"]) == ("failed", None)
    assert fleet.show(1)["deploy-status"] == "complete"


def test_a_prestaging_that_was_lost_fails(fleet: Fleet) -> None:
    fleet.managed()
    fleet.set_subcloud(1, prestage_status="prestaging")
    fleet.run_sweep()
    assert fleet.show(1)["prestage-status"] == "failed"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"force": "true"}, "sysadmin_password is required."),
        (
            {"sysadmin_password": "no base64!"},
            "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded",
        ),
        ({"sysadmin_password": PASSWORD, "force": "perhaps"}, "Invalid value for force option: perhaps"),
        (
            {"sysadmin_password": PASSWORD, "force": {"password": "Bollard*7"}},
            "Invalid value for force option: {'password': '******'}",
        ),
        ({"sysadmin_password": PASSWORD, "release": "a b"}, "Invalid release"),
        ({"sysadmin_password": PASSWORD, "for_install": 7}, "Invalid for_install value"),
    ],
)
def test_a_prestaging_that_is_wrong_is_refused(fleet: Fleet, body: dict[str, Any], text: str) -> None:
    fleet.managed()
    refused(fleet.operator.patch("/subclouds/1/prestage", json=body), 400, text)


def test_only_what_is_managed_and_online_is_prestaged_unless_forced(fleet: Fleet) -> None:
    fleet.deployed()
    text = "Subcloud quay-1 must be managed and online to be prestaged, unless forced"
    refused(prestage(fleet), 400, text)
    done(prestage(fleet, force=True))


def test_a_secondary_subcloud_is_not_prestaged(fleet: Fleet) -> None:
    fleet.secondary()
    refused(prestage(fleet, force="true"), 400, "Cannot perform on secondary state subcloud")
