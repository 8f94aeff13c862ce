"""Which texts are taken, wherever they come from, what is made of them, and what values weigh."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.api.errors import one_line
from dcapi.models.limits import is_clean, is_reserved, is_storable, on_one_line, size_of, with_texts
from dcapi.peers.texts import clean

DIRECTIONS = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
# Next to those, and what other scripts are written with.
OTHERS = ["a\u202fb", "\u206a", "\u200f", "\u200d", "שלום", "مرحبا", ""]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (24.09, "24.09"),
        (4711, "4711"),
        (True, "true"),
        (False, "false"),
        ("0715", "0715"),
        ("pier\n", "pier\n"),
        (None, None),
        ([1], [1]),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_where_a_text_belongs_a_number_is_one(stored: Any, text: Any) -> None:
    values = {"software_version": stored, "install_type": stored, "deeper": {"software_version": stored}}
    assert with_texts(values) == {**values, "software_version": text}


@pytest.mark.parametrize("key", ["description", "location"])
def test_texts_that_stand_on_one_line_are_put_there(key: str) -> None:
    values = {key: " north\nof the quay\n", "certificate": "-----\nx\n"}
    assert with_texts(values) == {key: "north of the quay", "certificate": "-----\nx\n"}
    assert with_texts({key: 4711}) == {key: "4711"}


def test_a_text_on_one_line_stays_as_it_is() -> None:
    assert on_one_line("a  b\u00a0") == "a  b\u00a0"


@pytest.mark.parametrize("name", ["RegionOne", "regionone", "SystemController", "SYSTEMCONTROLLER"])
def test_a_region_of_a_site_itself_is_reserved_in_any_case_of_letters(name: str) -> None:
    assert is_reserved(name)
    assert not is_reserved(f"{name}-1")


@pytest.mark.parametrize("control", DIRECTIONS, ids=ascii)
def test_no_text_turns_the_direction_of_what_follows(control: str) -> None:
    assert not is_clean(f"quay {control}1")
    assert not is_storable({"a": [f"x\n{control}"]}, max_length=100)
    assert not is_storable({f"a{control}": 1}, max_length=100)
    assert clean(f"quay {control}1") == one_line(f"quay {control}1").replace("  ", " ") == "quay 1"


@pytest.mark.parametrize("text", OTHERS, ids=ascii)
def test_a_text_of_any_script_is_taken(text: str) -> None:
    assert is_clean(text)
    assert is_storable([text], max_length=100)
    assert clean(text) == one_line(text) == text


def test_values_weigh_what_they_take_as_json_in_bytes() -> None:
    assert size_of() == 0
    assert size_of({"a": "ä"}, None, ["x"]) == len('{"a": "ä"}'.encode()) + len("null") + len('["x"]')
