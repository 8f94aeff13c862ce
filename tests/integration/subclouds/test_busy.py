"""While something is being done with a subcloud, the next thing waits for its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.kept_tasks import tasks
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, busy_text, patch
from tests.subcloud_forms import PASSWORD, form, install_values, new_form

ACTIVE = "Cannot delete a subcloud during an active operation."

# Column and status of a subcloud with which something is being done; a unit test knows all of them.
BUSY = [
    ("deploy_status", "installing"),
    ("deploy_status", "rehoming"),
    ("backup_status", "backing-up"),
    ("prestage_status", "prestaging"),
]

OFFLINE = {"availability_status": "offline", "management_state": "unmanaged"}


def delete(fleet: Fleet, query: str = "") -> Any:
    return fleet.operator.delete(f"/subclouds/1{query}")


def redeploy(fleet: Fleet) -> Any:
    return fleet.operator.patch("/subclouds/1/redeploy", **form(sysadmin_password=PASSWORD))


def prestage(fleet: Fleet) -> Any:
    body = {"sysadmin_password": PASSWORD, "force": True}
    return fleet.operator.patch("/subclouds/1/prestage", json=body)


@pytest.mark.parametrize(("column", "status"), BUSY)
def test_a_busy_subcloud_is_left_alone(fleet: Fleet, column: str, status: str) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    fleet.set_subcloud(1, **OFFLINE, **{column: status})
    before, text = fleet.show(1), busy_text(column, status)
    refused(patch(fleet, **NETWORK, **WITH_ACCESS), 409, text)
    refused(patch(fleet, management_subnet="10.77.1.0/24"), 409, text)
    refused(patch(fleet, name="pier-1"), 409, text)
    refused(prestage(fleet), 400, f"Prestage skipped 'quay-1': {text}")
    redeployed = redeploy(fleet)
    assert redeployed.status_code == 409
    assert status == "rehoming" or redeployed.json["description"] == text
    for query in ("", "?force=false", "?force="):
        refused(delete(fleet, query), 400, ACTIVE)
    assert fleet.show(1) == before
    assert tasks(fleet.runtime) == []
    done(delete(fleet, "?force=TRUE"))
    refused(fleet.operator.get("/subclouds/1"), 404, "Subcloud not found")


def test_what_another_site_is_to_take_over_is_deleted_by_force_alone(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, **OFFLINE, deploy_status="rehome-pending")
    refused(delete(fleet), 400, ACTIVE)
    done(delete(fleet, "?force=true"))


def test_force_ends_what_goes_on_and_nothing_else(fleet: Fleet) -> None:
    fleet.managed()
    fleet.set_subcloud(1, prestage_status="prestaging")
    refused(delete(fleet, "?force=true"), 400, 'Cannot delete a subcloud that is "managed" status')
    fleet.set_subcloud(1, management_state="unmanaged")
    text = "Cannot delete a subcloud that is online, take it offline first"
    refused(delete(fleet, "?force=true"), 422, text)


def test_force_takes_nobody_out_of_a_peer_group(fleet: Fleet) -> None:
    fleet.group()
    fleet.member("harbour")
    fleet.set_subcloud(1, **OFFLINE, prestage_status="prestaging")
    text = "Cannot delete a subcloud that is part of a peer group on this site"
    refused(delete(fleet, "?force=true"), 400, text)


def test_another_site_ends_nothing_by_force(fleet: Fleet) -> None:
    region = fleet.secondary()["region-name"]
    fleet.set_subcloud(1, rehome_step="waiting")
    for query in ("", "?force=true"):
        refused(fleet.other_site.delete(f"/subclouds/{region}{query}"), 400, ACTIVE)


def test_a_deletion_by_force_ends_the_deployment(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    assert [task.kind for task in tasks(fleet.runtime)] == ["deploy"]
    refused(delete(fleet), 400, ACTIVE)
    done(delete(fleet, "?force=true"))
    assert [task.kind for task in tasks(fleet.runtime)] == ["undeploy"]


def test_a_subcloud_that_is_deployed_is_not_managed_by_force(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, deploy_status="installing")
    assert patch(fleet, management__state="managed").status_code == 422
    managed = patch(fleet, management__state="managed", force="true")
    refused(managed, 409, busy_text("deploy_status", "installing"))


def test_a_backup_or_a_prestaging_leaves_the_management_free(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, backup_status="backing-up", prestage_status="prestaging")
    done(patch(fleet, management__state="managed"))
    done(patch(fleet, management__state="unmanaged", description="new"))
