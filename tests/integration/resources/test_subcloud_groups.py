"""Subcloud groups over HTTP, with a real database."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from dcapi.api.database import db
from dcapi.models import Subcloud
from dcapi.services import subcloud_groups
from tests.integration.resources.conftest import Made
from tests.site_client import SiteClient

KEYS = [
    "id",
    "name",
    "description",
    "update_apply_type",
    "max_parallel_subclouds",
    "created-at",
    "updated-at",
]
VALUES = {"name": "coast", "description": "at the sea", "update_apply_type": "parallel"}


@pytest.fixture
def coast(operator: SiteClient) -> Made:
    answer = operator.post("/subcloud-groups", json=VALUES)
    assert answer.status_code == 200, answer.text
    made: Made = answer.get_json()
    return made


@pytest.fixture
def subcloud(app: Flask, coast: Made) -> str:
    """The name of a subcloud in the group."""
    networks = dict.fromkeys(
        (
            "management_subnet",
            "management_start_ip",
            "management_end_ip",
            "management_gateway_ip",
            "systemcontroller_gateway_ip",
        ),
        "192.0.2.1",
    )
    with app.app_context():
        row = Subcloud(
            name="mill", region_name="f" * 32, software_version="24.09", group_id=coast["id"], **networks
        )
        db.session.add(row)
        db.session.commit()
    return "mill"


def _description(answer: Any) -> str:
    text: str = answer.get_json()["description"]
    return text


def test_the_default_group_is_there_from_the_start(operator: SiteClient) -> None:
    [group] = operator.get("/subcloud-groups").get_json()["subcloud_groups"]
    assert (group["id"], group["name"]) == (1, "Default")
    assert operator.get("/subcloud-groups/Default/").get_json() == {key: group[key] for key in KEYS}


def test_the_list_counts_the_subclouds_of_each_group_in_one_query(
    app: Flask, operator: SiteClient, coast: Made, subcloud: str
) -> None:
    operator.post("/subcloud-groups", json={**VALUES, "name": "empty"})
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if "subcloud_group" in statement:
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    listed = operator.get("/subcloud-groups").get_json()["subcloud_groups"]
    event.remove(engine, "before_cursor_execute", note)
    assert [(group["name"], group["subcloud_count"]) for group in listed] == [
        ("Default", 0),
        ("coast", 1),
        ("empty", 0),
    ]
    assert [list(group) for group in listed] == [[*KEYS, "subcloud_count"]] * 3
    assert len(statements) == 1


@pytest.mark.parametrize("most", [1, 501, "5000"])
def test_as_many_subclouds_as_the_client_takes_are_updated_at_once(operator: SiteClient, most: Any) -> None:
    answer = operator.post("/subcloud-groups", json={**VALUES, "max_parallel_subclouds": most})
    assert answer.get_json()["max_parallel_subclouds"] == int(most)


@pytest.mark.parametrize(
    "values", [{"name": "coast", "description": "at the sea"}, {**VALUES, "update_apply_type": None}]
)
def test_how_updates_are_applied_has_no_default(operator: SiteClient, values: Any) -> None:
    answer = operator.post("/subcloud-groups", json=values)
    assert (answer.status_code, _description(answer)) == (400, "Invalid group update_apply_type")


def test_a_new_group_has_its_defaults(operator: SiteClient, coast: Made) -> None:
    assert list(coast) == KEYS
    assert (coast["update_apply_type"], coast["max_parallel_subclouds"]) == ("parallel", 2)
    assert operator.get(f"/subcloud-groups/{coast['id']}").get_json() == coast
    assert operator.get("/subcloud-groups/coast").get_json() == coast


@pytest.mark.parametrize("reference", ["99", "99999999999999999999", "nowhere", "a%00b"])
def test_a_group_that_is_not_there_is_not_found(operator: SiteClient, reference: str) -> None:
    answer = operator.get(f"/subcloud-groups/{reference}")
    assert (answer.status_code, _description(answer)) == (404, "Subcloud Group not found")
    assert operator.get(f"/subcloud-groups/{reference}/subclouds").status_code == 404
    assert operator.patch(f"/subcloud-groups/{reference}", json=VALUES).status_code == 404
    assert operator.delete(f"/subcloud-groups/{reference}").status_code == 404


def test_a_taken_name_is_refused(operator: SiteClient, coast: Made) -> None:
    answers = [
        operator.post("/subcloud-groups", json=VALUES),
        operator.post("/subcloud-groups", json={**VALUES, "name": "Default"}),
        operator.patch("/subcloud-groups/coast", json={"name": "Default"}),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert _description(answer) == "A subcloud group with this name already exists"


def test_when_two_requests_race_for_a_name_the_text_is_the_same(
    operator: SiteClient, coast: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = subcloud_groups._check_name_free
    looks: list[int] = []

    def late(*arguments: Any) -> None:
        looks.append(1)
        if len(looks) > 1:
            check(*arguments)

    monkeypatch.setattr(subcloud_groups, "_check_name_free", late)
    answer = operator.post("/subcloud-groups", json=VALUES)
    assert (answer.status_code, _description(answer)) == (
        400,
        "A subcloud group with this name already exists",
    )


def test_a_race_that_nobody_can_explain_afterwards_is_a_conflict(
    operator: SiteClient, coast: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subcloud_groups, "_check_name_free", lambda *_: None)
    answer = operator.post("/subcloud-groups", json=VALUES)
    assert answer.status_code == 409
    assert "try again" in _description(answer)


def test_a_patch_changes_what_is_given(operator: SiteClient, coast: Made) -> None:
    values = {"name": "shore", "max_parallel_subclouds": "7", "description": "", "update_apply_type": None}
    answer = operator.patch("/subcloud-groups/coast", json=values)
    assert answer.status_code == 200
    assert answer.get_json()["updated-at"]
    changed = {"name": "shore", "max_parallel_subclouds": 7, "updated-at": answer.get_json()["updated-at"]}
    assert answer.get_json() == coast | changed
    assert operator.get("/subcloud-groups/coast").status_code == 404


def test_the_default_group_keeps_its_name_and_takes_other_values(operator: SiteClient) -> None:
    answer = operator.patch("/subcloud-groups/1", json={"name": "Usual"})
    assert (answer.status_code, _description(answer)) == (400, "Default group name cannot be changed")
    values = {"name": "Default", "update_apply_type": "serial"}
    assert operator.patch("/subcloud-groups/1", json=values).get_json()["update_apply_type"] == "serial"


def test_the_default_group_stays(operator: SiteClient) -> None:
    answer = operator.delete("/subcloud-groups/Default")
    assert (answer.status_code, _description(answer)) == (400, "Default Subcloud Group may not be deleted")


def test_a_group_with_subclouds_is_not_deleted(operator: SiteClient, subcloud: str) -> None:
    answer = operator.delete("/subcloud-groups/coast")
    assert (answer.status_code, _description(answer)) == (400, "Subcloud Group not empty")


def test_a_subcloud_that_comes_between_keeps_its_group(
    operator: SiteClient, subcloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = subcloud_groups._check_empty
    looks: list[int] = []

    def late(*arguments: Any) -> None:
        looks.append(1)
        if len(looks) > 1:
            check(*arguments)

    monkeypatch.setattr(subcloud_groups, "_check_empty", late)
    answer = operator.delete("/subcloud-groups/coast")
    assert (answer.status_code, _description(answer)) == (400, "Subcloud Group not empty")


def test_an_empty_group_is_deleted(operator: SiteClient, coast: Made) -> None:
    answer = operator.delete("/subcloud-groups/coast/")
    assert (answer.status_code, answer.text) == (200, "null\n")
    assert operator.get("/subcloud-groups/coast").status_code == 404


def test_the_subclouds_of_a_group_are_listed_without_endpoint_statuses(
    operator: SiteClient, subcloud: str
) -> None:
    [shown] = operator.get("/subcloud-groups/coast/subclouds").get_json()["subclouds"]
    assert shown["name"] == subcloud
    assert "endpoint_sync_status" not in shown
    assert operator.get("/subcloud-groups/Default/subclouds").get_json() == {"subclouds": []}
