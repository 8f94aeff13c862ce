"""How values go through a schema."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas.base import PatchSchema, RequestSchema, load
from dcapi.schemas.fields import Choice, Name, PlainText, WholeNumber


class Create(RequestSchema):
    first_name = Name("Invalid first", required=True, data_key="first-name")
    size = WholeNumber("Invalid size", 1, 9, default=5)
    colour = Choice("Invalid colour", ["red", "blue"])


class Patch(PatchSchema):
    first_name = Name("Invalid first", data_key="first-name")
    size = WholeNumber("Invalid size", 1, 9)
    colour = Choice("Invalid colour", ["red", "blue"], keeps_null=True)
    note = PlainText("Invalid note", keeps_empty=True)


def test_values_come_out_under_the_names_of_the_fields_with_defaults() -> None:
    assert load(Create(), {"first-name": "a"}) == {"first_name": "a", "size": 5}


def test_unknown_keys_are_ignored() -> None:
    assert load(Patch(), {"size": "3", "first_name": "b", "x": [1]}) == {"size": 3}


def test_null_counts_as_not_given() -> None:
    assert load(Create(), {"first-name": "a", "size": None, "colour": None}) == {"first_name": "a", "size": 5}


def test_the_empty_string_is_wrong_in_a_create() -> None:
    with pytest.raises(BadRequest, match="Invalid colour"):
        load(Create(), {"first-name": "a", "colour": ""})


def test_in_a_patch_null_and_the_empty_string_count_as_not_given() -> None:
    given = {"first-name": "", "size": None, "note": None, "colour": ""}
    with pytest.raises(BadRequest, match="nothing to update"):
        load(Patch(), given)


def test_null_and_the_empty_string_reach_a_field_that_means_them() -> None:
    assert load(Patch(), {"colour": None, "note": ""}) == {"colour": None, "note": ""}


@pytest.mark.parametrize("given", [{}, {"unknown": 1}, {"first_name": "a"}])
def test_a_patch_with_nothing_that_can_be_updated_says_so(given: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"^nothing to update$"):
        load(Patch(), given)


def test_first_wrong_field_in_schema_order_gives_the_text() -> None:
    wrong = {"colour": "green", "size": 0, "first-name": "a/b"}
    with pytest.raises(BadRequest, match=r"^Invalid first$"):
        load(Create(), wrong)
    with pytest.raises(BadRequest, match=r"^Invalid size$"):
        load(Create(), {**wrong, "first-name": "a"})


def test_a_required_field_that_is_null_is_told_like_a_missing_one() -> None:
    for given in ({}, {"first-name": None}, {"first-name": ""}):
        with pytest.raises(BadRequest, match=r"^Invalid first$"):
            load(Create(), given)
