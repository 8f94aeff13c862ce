"""PATCH of subclouds by an operator: values, management, and what associations it moves."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from dcapi.auth.guard import embedded_identity
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.site_client import SiteClient
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values

OTHER_ADDRESS = "10.71.9.99"


def patch(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/quay-1", **form(**parts))


def test_texts_are_changed_and_emptied(fleet: Fleet) -> None:
    fleet.deployed()
    answer = done(patch(fleet, description="Møle 4", location="")).json
    assert (answer["description"], answer["location"]) == ("Møle 4", "")
    assert answer["updated-at"] is not None
    assert "info_message" not in answer


def test_values_are_kept_whole(fleet: Fleet) -> None:
    fleet.deployed()
    values = bootstrap_values(admin_password=None, timezone="UTC")
    done(patch(fleet, bootstrap_values=values, bootstrap_address=OTHER_ADDRESS))
    saved = json.loads(fleet.show(1)["rehome_data"])["saved_payload"]
    assert saved == {**values, "bootstrap-address": OTHER_ADDRESS}


def test_install_values_are_checked_and_kept(fleet: Fleet) -> None:
    fleet.deployed()
    values = install_values(hw_settle=9, software_version="24.09")
    done(patch(fleet, install_values=values, bmc_password=PASSWORD))
    assert json.loads(fleet.show(1)["data_install"]) == {**values, "bmc_password": PASSWORD}
    refused(patch(fleet, install_values=values), 400, "subcloud bmc_password required")
    wrong = install_values(install_type=None)
    text = "Mandatory install value install_type not present"
    refused(patch(fleet, install_values=wrong, bmc_password=PASSWORD), 400, text)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"management__state": "paused"}, "Invalid management-state"),
        ({"force": "true"}, "Invalid option: force"),
        ({"management__state": "managed", "force": "maybe"}, "Invalid force value"),
        ({"group_id": "no-such"}, "Invalid group"),
        ({"peer_group": "no-such"}, "Invalid peer group"),
        ({"peer_group": "99999999999999999999"}, "Invalid peer group"),
        ({"something": "else"}, "nothing to update"),
        ({"migrate": "false"}, "nothing to update"),
        ({"migrate": "perhaps"}, "Invalid migrate value"),
        ({"sysadmin_password": PASSWORD}, "nothing to update"),
    ],
)
def test_what_cannot_be_asked_is_refused(fleet: Fleet, given: dict[str, str], text: str) -> None:
    fleet.deployed()
    refused(patch(fleet, **given), 400, text)


def test_a_subcloud_that_is_not_there_comes_before_what_is_wrong_with_it(fleet: Fleet) -> None:
    refused(patch(fleet, name="quay-9"), 404, "Subcloud not found")
    redeployed = fleet.operator.patch("/subclouds/quay-1/redeploy", **form(sysadmin_password=PASSWORD))
    refused(redeployed, 404, "Subcloud not found")
    prestaged = fleet.operator.patch("/subclouds/quay-1/prestage", json={"sysadmin_password": PASSWORD})
    refused(prestaged, 404, "Subcloud not found")
    for verb in ("restore", "reconfigure", "reinstall", "update_status"):
        body = {"endpoint": "dc-cert", "status": "in-sync"}
        answer = fleet.operator.patch(f"/subclouds/quay-1/{verb}", json=body)
        refused(answer, 404, "Subcloud not found")


def test_verbs_of_the_past_name_their_heir_and_whether_it_is_served(fleet: Fleet, app: Flask) -> None:
    fleet.secondary()
    for verb in ("restore", "reconfigure", "reinstall"):
        answer: Any = fleet.operator.patch(f"/subclouds/1/{verb}/", data=b"{")
        assert answer.status_code == 410
        told = re.fullmatch(
            f"The call {verb} is no longer offered. Please use PATCH (/v1.0/[^, ]+)"
            "(, which this service does not serve yet)?",
            answer.json["description"],
        )
        assert told is not None, answer.text
        assert is_served(app, told[1]) == (told[2] is None)


def is_served(app: Flask, path: str) -> bool:
    """Whether a PATCH of this path does something."""
    try:
        endpoint, _ = app.url_map.bind("").match(path, "PATCH")
    except NotFound:
        return False
    return not endpoint.startswith("phased_deploy.refuse")


def test_unknown_verbs_and_methods_are_told_apart(fleet: Fleet) -> None:
    fleet.secondary()
    assert fleet.operator.patch("/subclouds/1/dance").status_code == 404
    assert fleet.operator.get("/subclouds/1/redeploy").status_code == 405
    assert fleet.operator.call("PUT", "/subclouds/1").status_code == 405


# -- management --


def statuses(subcloud: dict[str, Any]) -> dict[str, str]:
    return {one["endpoint_type"]: one["sync_status"] for one in subcloud["endpoint_sync_status"]}


def test_endpoints_are_in_sync_when_managed_and_else_unknown_but_dc_cert(
    fleet: Fleet,
) -> None:
    managed = fleet.managed()
    assert set(statuses(managed).values()) == {"in-sync"}
    assert done(patch(fleet, management__state="unmanaged")).json["management-state"] == "unmanaged"
    left = statuses(fleet.show(1))
    assert left.pop("dc-cert") == "in-sync"
    assert set(left.values()) == {"unknown"}


def test_managing_needs_a_deployed_subcloud_that_is_online(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, deploy_status="config-failed", availability_status="offline")
    answer = patch(fleet, management__state="managed")
    assert answer.status_code == 422
    text = "its deploy status is config-failed, not complete, and it is not online"
    assert text in answer.json["description"]
    forced = done(patch(fleet, management__state="managed", force="TRUE")).json
    assert forced["management-state"] == "managed"
    assert set(statuses(fleet.show(1)).values()) == {"unknown"}


@pytest.mark.parametrize("state", ["managed", "unmanaged"])
def test_a_state_that_is_there_already_is_refused(fleet: Fleet, state: str) -> None:
    getattr(fleet, "managed" if state == "managed" else "deployed")()
    answer = patch(fleet, management__state=state)
    assert answer.status_code == 422
    assert f"is {state} already" in answer.json["description"]


def test_managing_ends_a_pending_rehoming(fleet: Fleet) -> None:
    subcloud = fleet.deployed()
    fleet.set_subcloud(subcloud["id"], deploy_status="rehome-pending")
    assert done(patch(fleet, management__state="managed")).json["deploy-status"] == "complete"


@pytest.fixture
def mate(app: Flask) -> SiteClient:
    """A user with the role operator."""
    with app.app_context():
        embedded_identity().users.add("mate", "Deck*hand 22 times", ["operator"], ["admin"])
    return SiteClient.logged_in(app, "mate", "Deck*hand 22 times")


def test_the_role_operator_manages_and_changes_nothing_else(fleet: Fleet, mate: SiteClient) -> None:
    fleet.deployed()
    done(mate.patch("/subclouds/quay-1", **form(management__state="managed", force="true")))
    done(mate.patch("/subclouds/quay-1", **form(management__state="unmanaged")))
    for parts in (
        {"description": "x"},
        {"management__state": "managed", "description": "x"},
        {"management__state": "managed", "migrate": "true"},
        {"name": "x"},
    ):
        assert mate.patch("/subclouds/quay-1", **form(**parts)).status_code == 403
        # Nobody without the right learns what is there, or what is wrong.
        assert mate.patch("/subclouds/nowhere", **form(**parts)).status_code == 403
    assert mate.patch("/subclouds/quay-1/update_status", json={"endpoint": "dc-cert"}).status_code == 403
    assert mate.patch("/subclouds/quay-1", **form(description="x" * 300)).status_code == 403
    assert mate.patch("/subclouds/quay-1", **form(bootstrap_values="a: [1")).status_code == 403
    assert mate.patch("/subclouds/nowhere", **form(management__state="managed")).status_code == 404
    refused(
        mate.patch("/subclouds/nowhere", data=b""),
        400,
        "The body must be multipart/form-data, not without a content type",
    )
    assert mate.delete("/subclouds/quay-1").status_code == 403


@pytest.mark.parametrize("status", ["in-sync", "out-of-sync", "unknown"])
def test_a_subcloud_tells_its_certificate_status(fleet: Fleet, status: str) -> None:
    fleet.secondary()
    body = {"endpoint": "dc-cert", "status": status}
    assert done(fleet.operator.patch("/subclouds/1/update_status", json=body)).json == {"result": "OK"}
    assert statuses(fleet.show(1)) == {**dict.fromkeys(statuses(fleet.show(1)), "unknown"), "dc-cert": status}


STATUS_REFUSALS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "Body required"),
    ({"unknown": 1}, "endpoint required"),
    ({"status": "in-sync"}, "endpoint required"),
    ({"endpoint": "", "status": "failed"}, "endpoint required"),
    ({"endpoint": "platform"}, "updating endpoint platform status is not allowed"),
    ({"endpoint": "platform", "status": "failed"}, "updating endpoint platform status is not allowed"),
    ({"endpoint": ["dc-cert"], "status": "in-sync"}, "updating endpoint ['dc-cert'] status is not allowed"),
    (
        {"endpoint": {"password": "Bollard*7"}, "status": "in-sync"},
        "updating endpoint {'password': '******'} status is not allowed",
    ),
    ({"endpoint": "dc-cert"}, "status required"),
    ({"endpoint": "dc-cert", "status": None}, "status required"),
    ({"endpoint": "dc-cert", "status": "failed"}, "status failed in invalid."),
    ({"endpoint": "dc-cert", "status": 7}, "status 7 in invalid."),
    ({"endpoint": "dc-cert", "status": "x" * 300}, f"status {'x' * 100} in invalid."),
)


def test_other_endpoints_and_statuses_are_refused(fleet: Fleet) -> None:
    before = fleet.secondary()
    for body, text in STATUS_REFUSALS:
        refused(fleet.operator.patch("/subclouds/1/update_status", json=body), 400, text)
    assert fleet.show(1) == before


# -- what a change moves --


@pytest.fixture
def associated(fleet: Fleet) -> int:
    """An association of the group that the subcloud is in."""
    group = fleet.group("harbour")
    fleet.member("harbour", install_values=install_values(), bmc_password=PASSWORD)
    return fleet.association(group["id"])


CHANGES: dict[str, dict[str, Any]] = {
    "description": {"description": "new"},
    "location": {"location": "new"},
    "an emptied location": {"location": ""},
    "bootstrap values": {"bootstrap_values": bootstrap_values(timezone="UTC")},
    "a password in them": {"bootstrap_values": bootstrap_values(admin_password="new")},
    "bootstrap address": {"bootstrap_address": OTHER_ADDRESS},
    "install values": {"install_values": install_values(hw_settle=3), "bmc_password": PASSWORD},
    "their password": {"bmc_password": "bmV3"},
    "subcloud group": {"group_id": "Piers"},
}

NO_CHANGES: dict[str, dict[str, Any]] = {
    "description": {"description": "Quay 1, north side"},
    "bootstrap values": {"bootstrap_values": bootstrap_values()},
    "bootstrap values in another order": {
        "bootstrap_values": dict(reversed(bootstrap_values().items())),
        "bootstrap_address": ADDRESS,
    },
    "install values": {"install_values": install_values(), "bmc_password": PASSWORD},
    "peer group": {"peer_group": "harbour"},
    "subcloud group": {"group_id": "Default"},
    "all at once": {"location": "Turku", "group_id": "1", "peer_group": "1", "bootstrap_address": ADDRESS},
}


def make_piers(fleet: Fleet) -> None:
    body = {"name": "Piers", "description": "d", "update_apply_type": "serial", "max_parallel_subclouds": 1}
    done(fleet.operator.post("/subcloud-groups", json=body))


@pytest.mark.parametrize("case", CHANGES)
def test_a_changed_value_of_a_member_is_news_for_its_peers(fleet: Fleet, associated: int, case: str) -> None:
    make_piers(fleet)
    answer = done(patch(fleet, **CHANGES[case])).json
    assert str(associated) in answer["info_message"]
    assert "sync" in answer["info_message"]
    assert answer["info_message"].endswith("\n")
    assert fleet.standing(associated) == ("out-of-sync", 1)


@pytest.mark.parametrize("case", NO_CHANGES)
def test_a_value_that_is_there_already_is_no_news(fleet: Fleet, associated: int, case: str) -> None:
    before = fleet.show(1)
    answer = done(patch(fleet, **NO_CHANGES[case])).json
    assert "info_message" not in answer
    assert fleet.standing(associated) == ("in-sync", 0)
    assert fleet.show(1) == before


def test_a_change_outside_of_groups_touches_no_association(fleet: Fleet, associated: int) -> None:
    fleet.managed(2)
    for parts in (CHANGES["description"], {"bootstrap_values": bootstrap_values(2, timezone="UTC")}):
        answer = done(fleet.operator.patch("/subclouds/quay-2", **form(**parts))).json
        assert "info_message" not in answer
    assert fleet.standing(associated) == ("in-sync", 0)


def test_a_change_in_a_group_without_associations_has_nothing_to_tell(fleet: Fleet) -> None:
    fleet.group("harbour")
    fleet.member("harbour")
    for case in ("description", "bootstrap address"):
        assert "info_message" not in done(patch(fleet, **CHANGES[case])).json


def test_who_joins_and_who_leaves_is_news(fleet: Fleet, associated: int) -> None:
    fleet.managed(2)
    parts = {"bootstrap_values": bootstrap_values(2), "bootstrap_address": ADDRESS}
    joined = done(fleet.operator.patch("/subclouds/quay-2", **form(peer_group="harbour", **parts))).json
    assert "info_message" in joined
    assert joined["peer_group_id"] == 1
    assert fleet.standing(associated) == ("out-of-sync", 1)
    left = done(fleet.operator.patch("/subclouds/quay-2", **form(peer_group="none"))).json
    assert "info_message" in left
    assert left["peer_group_id"] is None
    assert fleet.standing(associated) == ("out-of-sync", 2)


def test_a_move_is_news_for_both_groups(fleet: Fleet, associated: int) -> None:
    fleet.group("basin")
    answer = done(patch(fleet, peer_group="basin", description="moved")).json
    assert answer["peer_group_id"] == 2
    assert str(associated) in answer["info_message"]
    assert fleet.standing(associated) == ("out-of-sync", 1)


def test_what_is_refused_moves_nothing(fleet: Fleet, associated: int) -> None:
    parts = {"description": "new", "management__state": "unmanaged"}
    assert patch(fleet, **parts).status_code == 400
    assert fleet.standing(associated) == ("in-sync", 0)
    assert fleet.show(1)["description"] == "Quay 1, north side"


def test_management_that_is_impossible_leaves_the_other_values_alone(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.set_subcloud(1, availability_status="offline")
    assert patch(fleet, description="new", management__state="managed").status_code == 422
    assert fleet.show(1)["description"] == "Quay 1, north side"
