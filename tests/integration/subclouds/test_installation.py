"""Install values wherever they come in, and the address that a deployer is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dcapi.models import Subcloud
from dcapi.services.inventory.stored_values import stored_payload
from tests.integration.kept_tasks import tasks
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    Values,
    bootstrap_values,
    form,
    install_network,
    install_values,
    new_form,
    secondary_form,
)

OTHER_OAM = "bmc_address and primary OAM network must be the same IP version"
SIX = {"bootstrap_address": "fd71::20", "bootstrap_address_prefix": 64, "bmc_address": "fd72::20"}
OTHER_RELEASE = (
    "The software_version value {} in the install values yaml file does not match with the specified/current "
    "software version of {}. Please correct or remove this parameter from the yaml file and try again."
)
CORRECTED = "10.71.9.21"


def post(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.post("/subclouds", **new_form(2, bmc_password=PASSWORD, **parts))


def patch(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/1", **form(bmc_password=PASSWORD, **parts))


def redeploy(fleet: Fleet, **parts: Any) -> Any:
    given = form(bmc_password=PASSWORD, sysadmin_password=PASSWORD, **parts)
    return fleet.operator.patch("/subclouds/1/redeploy", **given)


def taken_off(fleet: Fleet, **parts: Any) -> None:
    """A subcloud that may be deployed again."""
    fleet.deployed(**parts)
    fleet.set_subcloud(1, availability_status="offline")


def handed_over(fleet: Fleet) -> Any:
    """The address that the deployer of the task under way is given."""
    [task] = tasks(fleet.runtime)
    return task.payload["bootstrap_address"]


def stored(fleet: Fleet) -> Any:
    with fleet.runtime.unit_of_work() as session:
        row = session.get(Subcloud, 1)
        assert row is not None
        return stored_payload(row).get("bootstrap-address")


Ask = Callable[..., Any]


@pytest.mark.parametrize("ask", [post, patch, redeploy])
def test_install_values_that_cannot_work_are_refused_everywhere(fleet: Fleet, ask: Ask) -> None:
    taken_off(fleet)
    before = fleet.show(1)
    no_gateway = install_values(**install_network(nexthop_gateway=None))
    text = "nexthop_gateway is required when network_address is present"
    refused(ask(fleet, install_values=no_gateway), 400, text)
    refused(ask(fleet, install_values=install_values(**SIX)), 400, OTHER_OAM)
    of_another = install_values(software_version="23.01")
    refused(ask(fleet, install_values=of_another), 400, OTHER_RELEASE.format("23.01", "24.09"))
    assert fleet.show(1) == before
    assert done(fleet.operator.get("/subclouds")).json["subclouds"][1:] == []
    answer = done(ask(fleet, install_values=install_values())).json
    shown = json.loads(fleet.show(answer["id"])["data_install"])
    assert shown == {**install_values(), "software_version": "24.09", "bmc_password": PASSWORD}


def test_install_values_are_judged_beside_the_bootstrap_values_of_the_request(fleet: Fleet) -> None:
    taken_off(fleet)
    oam: dict[str, Any] = {
        "external_oam_subnet": "fd71::/64",
        "external_oam_gateway_address": "fd71::1",
        "external_oam_floating_address": "fd71::20",
    }
    values = bootstrap_values(**oam)
    for ask in (patch, redeploy):
        refused(ask(fleet, bootstrap_values=values, install_values=install_values()), 400, OTHER_OAM)
        done(ask(fleet, bootstrap_values=values, install_values=install_values(**SIX)))


@pytest.mark.parametrize("release", ["24.09", "25.03"])
def test_a_redeployment_installs_its_release(fleet: Fleet, release: str) -> None:
    taken_off(fleet, install_values=install_values(software_version="24.09"), bmc_password=PASSWORD)
    wrong = install_values(software_version="23.01")
    text = OTHER_RELEASE.format("23.01", release)
    refused(redeploy(fleet, release=release, install_values=wrong), 400, text)
    # Those stored are of the release before: they get the new one.
    shown = done(redeploy(fleet, release=release)).json
    assert shown["software-version"] == release
    assert json.loads(shown["data_install"])["software_version"] == release


def test_install_values_of_a_copy_are_what_the_other_site_sends(fleet: Fleet) -> None:
    odd = {"bootstrap_address": "quay", "software_version": "23.01", "install_type": 9}
    subcloud = fleet.secondary(install_values=odd)
    assert json.loads(subcloud["data_install"]) == odd
    region = subcloud["region-name"]
    done(fleet.other_site.patch(f"/subclouds/{region}", **form(install_values={**odd, "hw_settle": -1})))
    assert json.loads(fleet.show(1)["data_install"]) == {**odd, "hw_settle": -1}


def test_install_values_of_an_operators_secondary_subcloud_are_judged(fleet: Fleet) -> None:
    parts = secondary_form(bmc_password=PASSWORD, install_values=install_values(**SIX))
    refused(fleet.operator.post("/subclouds", **parts), 400, OTHER_OAM)


# -- The bootstrap address --


def test_an_address_that_is_missing_is_that_of_the_install_values(fleet: Fleet) -> None:
    install: Values = {
        "install_values": install_values(bootstrap_address=CORRECTED),
        "bmc_password": PASSWORD,
    }
    done(fleet.operator.post("/subclouds", **new_form(bootstrap__address=None, **install)))
    assert (handed_over(fleet), stored(fleet)) == (CORRECTED, CORRECTED)
    fleet.run_jobs()
    fleet.set_subcloud(1, availability_status="offline")
    # And is torn down there.
    done(fleet.operator.delete("/subclouds/1"))
    assert handed_over(fleet) == CORRECTED


def test_the_address_of_the_request_counts_before_that_of_install_values(fleet: Fleet) -> None:
    install: Values = {
        "install_values": install_values(bootstrap_address=CORRECTED),
        "bmc_password": PASSWORD,
    }
    done(fleet.operator.post("/subclouds", **new_form(**install)))
    assert (handed_over(fleet), stored(fleet)) == (ADDRESS, ADDRESS)


def test_a_redeployment_goes_to_the_address_of_its_install_values(fleet: Fleet) -> None:
    wrong = install_values(bootstrap_address="10.71.9.99")
    taken_off(fleet, bootstrap__address=None, install_values=wrong, bmc_password=PASSWORD)
    done(redeploy(fleet, install_values=install_values(bootstrap_address=CORRECTED)))
    assert (handed_over(fleet), stored(fleet)) == (CORRECTED, CORRECTED)


@pytest.mark.parametrize("part", ["bootstrap__address", "bootstrap_address"])
def test_the_address_of_a_redeployment_counts_most(fleet: Fleet, part: str) -> None:
    taken_off(fleet)
    refused(
        redeploy(fleet, install_values=install_values(), **{part: "10.71.9"}),
        400,
        "bootstrap-address invalid: failed to detect a valid IP address from '10.71.9'",
    )
    done(redeploy(fleet, install_values=install_values(), **{part: CORRECTED}))
    assert (handed_over(fleet), stored(fleet)) == (CORRECTED, CORRECTED)


def test_a_redeployment_without_an_address_goes_to_the_stored_one(fleet: Fleet) -> None:
    taken_off(fleet, bootstrap__address=CORRECTED)
    done(patch(fleet, install_values=install_values()))
    done(redeploy(fleet))
    assert (handed_over(fleet), stored(fleet)) == (CORRECTED, CORRECTED)


def test_a_redeployment_goes_to_the_address_of_stored_install_values_last(fleet: Fleet) -> None:
    taken_off(fleet, bootstrap__address=None)
    done(patch(fleet, install_values=install_values()))
    done(redeploy(fleet))
    assert (handed_over(fleet), stored(fleet)) == (ADDRESS, ADDRESS)


def test_a_prestaging_goes_to_the_stored_address(fleet: Fleet) -> None:
    fleet.managed(bootstrap__address=CORRECTED)
    done(fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD}))
    assert handed_over(fleet) == CORRECTED


def test_a_wrong_address_is_shown_in_the_refusal(fleet: Fleet) -> None:
    text = "{} invalid: failed to detect a valid IP address from 'quay'"
    answer = fleet.operator.post("/subclouds", **new_form(bootstrap__address="quay"))
    refused(answer, 400, text.format("bootstrap-address"))
    fleet.deployed()
    refused(patch(fleet, bootstrap_address="quay"), 400, text.format("bootstrap_address"))


# -- Description and location --


def texts(fleet: Fleet) -> tuple[Any, Any]:
    shown = fleet.show(1)
    return shown["description"], shown["location"]


def test_a_redeployment_takes_over_description_and_location(fleet: Fleet) -> None:
    taken_off(fleet, install_values=install_values(), bmc_password=PASSWORD)
    for parts, expected in (
        ({"description": "By the lock"}, ("By the lock", "Turku")),
        # What is stored was taken over once: it says nothing new.
        ({}, ("By the lock", "Turku")),
        ({"bootstrap_values": bootstrap_values(location="Pori")}, ("Quay 1, north side", "Pori")),
        ({"bootstrap_values": bootstrap_values(), "location": ""}, ("Quay 1, north side", "")),
        ({"bootstrap_values": bootstrap_values(description=None, location=None)}, ("Quay 1, north side", "")),
    ):
        done(redeploy(fleet, **parts))
        assert texts(fleet) == expected
        fleet.run_jobs()
        fleet.set_subcloud(1, availability_status="offline")
    refused(redeploy(fleet, description="x" * 256), 400, "Invalid description")


def test_a_text_that_a_redeployment_changes_is_news_for_the_peers(fleet: Fleet) -> None:
    group = fleet.group()
    fleet.member("harbour", install_values=install_values(), bmc_password=PASSWORD)
    association = fleet.association(group["id"])
    fleet.set_subcloud(1, management_state="unmanaged", availability_status="offline")
    same = bootstrap_values()
    assert "info_message" not in done(redeploy(fleet, bootstrap_values=same, bootstrap__address=ADDRESS)).json
    assert fleet.standing(association) == ("in-sync", 0)
    fleet.run_jobs()
    fleet.set_subcloud(1, availability_status="offline")
    assert "info_message" in done(redeploy(fleet, description="By the lock")).json
    assert fleet.standing(association) == ("out-of-sync", 1)
