"""A subcloud is deployed once more."""

from __future__ import annotations

from typing import Any

from tests.integration.kept_tasks import tasks
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, busy_text, patch
from tests.subcloud_forms import PASSWORD, bootstrap_values, form, install_values


def redeploy(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/1/redeploy", **form(**parts))


def test_member_being_taken_over_is_not_redeployed_or_reconfigured(
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
    with fleet.runtime.unit_of_work() as session:
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
    [task] = tasks(fleet.runtime)
    payload: dict[str, Any] = task.payload
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
    refused(redeploy(fleet, sysadmin_password=PASSWORD), 409, busy_text("deploy_status", "pre-install"))


def test_a_redeployment_without_any_part_has_no_body(fleet: Fleet) -> None:
    taken_off(fleet)
    body = b"--tide--\r\n"
    answer = fleet.operator.patch(
        "/subclouds/1/redeploy", data=body, content_type="multipart/form-data; boundary=tide"
    )
    refused(answer, 400, "Body required")


FILE_TEXTS: dict[str, Any] = {"description": "of the file", "location": 4711, "release": "25.03"}
# Parts → description, location and release that are shown then.
TEXTS: tuple[tuple[dict[str, Any], tuple[str, str, str]], ...] = (
    ({}, ("Quay 1, north side", "Turku", "24.09")),
    ({"description": "of the form"}, ("of the form", "Turku", "24.09")),
    ({"description": "", "location": " pier\n7 "}, ("", "pier 7", "24.09")),
    ({"bootstrap_values": bootstrap_values(**FILE_TEXTS)}, ("of the file", "4711", "25.03")),
    (
        {"bootstrap_values": bootstrap_values(**FILE_TEXTS), "location": "the form's", "release": "25.09"},
        ("of the file", "the form's", "25.09"),
    ),
)


def test_a_redeployment_takes_over_texts_of_the_form_and_of_the_file(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD)
    for parts, shown in TEXTS:
        answer = done(redeploy(fleet, sysadmin_password=PASSWORD, **parts)).json
        assert (answer["description"], answer["location"], answer["software-version"]) == shown
        fleet.set_subcloud(1, deploy_status="complete")


def test_a_redeployment_goes_to_the_address_of_the_form(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD)
    done(redeploy(fleet, sysadmin_password=PASSWORD, bootstrap__address="10.71.9.99"))
    assert deployed_with(fleet)["bootstrap_address"] == "10.71.9.99"
