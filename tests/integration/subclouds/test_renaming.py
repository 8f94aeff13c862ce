"""A subcloud gets another name."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from dcapi.models import Subcloud
from dcapi.services import subcloud_renaming
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import patch
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
