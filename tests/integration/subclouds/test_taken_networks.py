"""No two subclouds get one address range: neither those that have it nor those that are about to."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.deploy.port import Phase
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing
from tests.subcloud_forms import (
    PASSWORD,
    Values,
    admin_network,
    bootstrap_values,
    dual_stack,
    form,
    install_values,
    new_form,
    secondary_form,
)

TAKEN = "Management address range overlaps with that of subcloud quay-1"
# What a subcloud takes to have the range that the first one is about to get, in a subnet of its own.
SAME = {
    "management_subnet": "10.77.1.0/25",
    "management_start_address": "10.77.1.90",
    "management_end_address": "10.77.1.99",
    "management_gateway_address": "10.77.1.1",
}
# The range beside it, in the subnet that both share.
BESIDE = {**SAME, "management_subnet": "10.77.1.0/24", "management_start_address": "10.77.1.91"}
DUAL = {
    "management_subnet": "10.77.1.0/24,fd77:1::/64",
    "management_gateway_ip": "10.77.1.1,fd77:1::1",
    "management_start_ip": "10.77.1.2,fd77:1::2",
    "management_end_ip": "10.77.1.90,fd77:1::90",
}


def reconfigure(fleet: Fleet, name: str, network: Values = NETWORK) -> Any:
    return fleet.operator.patch(f"/subclouds/{name}", **form(**network, **WITH_ACCESS))


def patch(fleet: Fleet, number: int, **changes: Any) -> Any:
    parts = form(bootstrap_values=bootstrap_values(number, **changes))
    return fleet.operator.patch(f"/subclouds/quay-{number}", **parts)


def redeploy(fleet: Fleet, number: int, **changes: Any) -> Any:
    parts = {
        "bootstrap_values": bootstrap_values(number, **changes),
        "install_values": install_values(),
        "bmc_password": PASSWORD,
        "sysadmin_password": PASSWORD,
    }
    return fleet.operator.patch(f"/subclouds/quay-{number}/redeploy", **form(**parts))


def create(fleet: Fleet, number: int, **changes: Any) -> Any:
    parts = secondary_form(number, bootstrap_values=bootstrap_values(number, **changes))
    return fleet.operator.post("/subclouds", **parts)


@pytest.fixture
def pending(fleet: Fleet) -> Fleet:
    """Two subclouds, of which the first one is about to get another network; the second one is offline."""
    fleet.deployed()
    fleet.deployed(2)
    fleet.set_subcloud(2, availability_status="offline")
    done(reconfigure(fleet, "quay-1"))
    return fleet


def test_nobody_gets_a_range_that_another_one_is_about_to_get(pending: Fleet) -> None:
    new = bootstrap_values(3, **SAME)
    for _ in range(2):
        refused(reconfigure(pending, "quay-2"), 400, TAKEN)
        refused(patch(pending, 2, **SAME), 400, TAKEN)
        refused(redeploy(pending, 2, **SAME), 400, TAKEN)
        refused(pending.operator.post("/subclouds", **new_form(3, bootstrap_values=new)), 400, TAKEN)
        copy = secondary_form(3, bootstrap_values=new)
        refused(pending.other_site.post("/subclouds", **copy), 400, TAKEN)
        pending.run_jobs()
    assert pending.show(1)["management-subnet"] == "10.77.1.0/24"
    assert pending.show(2)["management-subnet"] == "10.70.2.0/24"


def test_the_subnet_that_another_one_is_about_to_get_may_be_shared(pending: Fleet) -> None:
    done(create(pending, 3, **BESIDE))
    further = {"management_start_address": "10.77.1.100", "management_end_address": "10.77.1.110"}
    done(patch(pending, 2, **{**BESIDE, **further}))
    pending.run_jobs()
    assert pending.show(1)["management-subnet"] == "10.77.1.0/24"


def test_no_oam_network_meets_a_subnet_that_is_to_come(pending: Fleet) -> None:
    oam = {
        "external_oam_subnet": "10.77.1.192/26",
        "external_oam_gateway_address": "10.77.1.193",
        "external_oam_floating_address": "10.77.1.194",
    }
    text = "external_oam_subnet invalid: Subnet overlaps with another configured subnet"
    refused(create(pending, 3, **oam), 400, text)
    pending.run_jobs()
    refused(create(pending, 3, **oam), 400, text)


def test_both_families_of_a_network_to_come_are_taken(fleet: Fleet) -> None:
    fleet.deployed()
    done(reconfigure(fleet, "quay-1", DUAL))
    second = {**dual_stack(2), "management_start_address": "10.70.2.2,fd77:1::90"}
    second["management_subnet"] = "10.70.2.0/24,fd77:1::/64"
    second["management_end_address"] = "10.70.2.90,fd77:1::99"
    second["management_gateway_address"] = "10.70.2.1,fd77:1::1"
    for _ in range(2):
        refused(create(fleet, 2, **SAME), 400, TAKEN)
        refused(create(fleet, 2, **second), 400, TAKEN)
        fleet.run_jobs()
    assert fleet.show(1)["management-start-ip"] == "10.77.1.2"


def test_a_new_admin_network_is_taken_and_the_one_behind_it_is_free(fleet: Fleet) -> None:
    fleet.deployed(1, bootstrap_values=bootstrap_values(1, **admin_network()))
    new = {
        key: value.replace("10.77.1.", "fd77:1::").replace("::0/24", "::/64")
        for key, value in NETWORK.items()
    }
    done(reconfigure(fleet, "quay-1", new))
    same = {**admin_network(2), "admin_subnet": "fd77:1::/64", "admin_start_address": "fd77:1::90"}
    same |= {"admin_end_address": "fd77:1::99", "admin_gateway_address": "fd77:1::1"}
    for _ in range(2):
        text = "Admin address range overlaps with that of subcloud quay-1"
        refused(create(fleet, 2, **same), 400, text)
        fleet.run_jobs()
    behind = {key: value for key, value in bootstrap_values(1).items() if key.startswith("management")}
    done(create(fleet, 2, **behind))


def test_its_old_network_is_its_own_until_it_has_the_new_one(pending: Fleet) -> None:
    old = {key: value.replace("10.77.1.", "10.70.1.") for key, value in NETWORK.items()}
    refused(reconfigure(pending, "quay-2", old), 400, TAKEN)
    pending.run_jobs()
    done(reconfigure(pending, "quay-2", old))


def test_a_network_that_came_to_nothing_is_free(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.deployed()
    fleet.deployed(2)
    with monkeypatch.context() as during:
        failing(during, Phase.RECONFIGURE, "no answer")
        done(reconfigure(fleet, "quay-1"))
        fleet.run_jobs()
    done(reconfigure(fleet, "quay-2"))


def test_the_range_of_a_subcloud_is_free_when_it_moved_and_when_it_is_gone(fleet: Fleet) -> None:
    fleet.secondary()
    own = {key: value for key, value in bootstrap_values(1).items() if key.startswith("management")}
    refused(create(fleet, 2, **own), 400, TAKEN)
    done(patch(fleet, 1, **SAME))
    done(create(fleet, 2, **own))
    refused(create(fleet, 3, **SAME), 400, TAKEN)
    done(fleet.operator.delete("/subclouds/quay-1"))
    done(create(fleet, 3, **SAME))


def test_a_subcloud_is_not_in_its_own_way(fleet: Fleet) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    inside = {
        "management_subnet": "10.70.0.0/23",
        "management_gateway_ip": "10.70.1.250",
        "management_start_ip": "10.70.1.5",
        "management_end_ip": "10.70.1.9",
    }
    done(patch(fleet, 1, timezone="UTC"))
    done(reconfigure(fleet, "quay-1", inside))
    fleet.run_jobs()
    assert fleet.show(1)["management-subnet"] == "10.70.0.0/23"
    fleet.set_subcloud(1, availability_status="offline")
    done(redeploy(fleet, 1))
    assert fleet.show(1)["management-subnet"] == "10.70.1.0/24"
