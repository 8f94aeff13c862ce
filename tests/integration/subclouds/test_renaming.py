"""A subcloud gets another name."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from dcapi.models import Subcloud
from dcapi.services.inventory import renaming
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import busy_text, patch
from tests.subcloud_forms import ADDRESS, bootstrap_values


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


def test_a_name_against_the_rule_is_refused(fleet: Fleet) -> None:
    fleet.deployed()
    for name in ("Pier", "pier_1", "12", "a..b", "p" * 256, "a/b", "pier\t1", b"a file"):
        answer = patch(fleet, name=name)
        assert (name, answer.status_code) == (name, 400)
        assert answer.json["description"].startswith("Invalid name"), name
    for name in ("RegionOne", "systemcontroller"):
        refused(patch(fleet, name=name), 400, "name cannot be RegionOne or SystemController")
    assert fleet.show(1)["name"] == "quay-1"


STATE = "Subcloud quay-1 must be deployed and unmanaged for the subcloud rename operation."


# Against the rule, a site's own, its own, another's, and one that would do.
NAMES = ("Pier", "RegionOne", "quay-1", "quay-2", "pier-1")
STATES: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"deploy_status": "install-failed"}, 400, STATE),
    ({"deploy_status": "secondary"}, 400, STATE),
    ({"deploy_status": "rehoming"}, 409, busy_text("deploy_status", "rehoming")),
    ({"deploy_status": "installing"}, 409, busy_text("deploy_status", "installing")),
    (
        {"deploy_status": "complete", "prestage_status": "prestaging"},
        409,
        busy_text("prestage_status", "prestaging"),
    ),
    ({"management_state": "managed"}, 400, STATE),
)


def test_the_state_is_told_before_anything_on_the_name(fleet: Fleet) -> None:
    fleet.deployed()
    fleet.deployed(2)
    for state, code, text in STATES:
        fleet.set_subcloud(1, **state)
        for name in NAMES:
            refused(patch(fleet, name=name), code, text)


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
    look = renaming.check_free
    looks: list[str] = []

    def look_too_early(session: Session, row: Subcloud, name: str) -> None:
        looks.append(name)
        if len(looks) > 1:
            look(session, row, name)

    monkeypatch.setattr(renaming, "check_free", look_too_early)
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
