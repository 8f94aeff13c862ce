"""JSON of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask

from dcapi.api.json import OrjsonProvider

provider = OrjsonProvider(Flask(__name__))


@pytest.mark.parametrize(
    "value",
    [None, {"a": [1, 2.5, "ø"]}, {"big": 2**70}, {"half": "\ud800"}, {"a": "\u2028"}, [], ""],
    ids=ascii,
)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    written = provider.dump_bytes(value)
    assert json.loads(written) == value
    assert json.loads(provider.dumps(value)) == value


def test_a_value_that_json_has_no_word_for_is_an_error() -> None:
    with pytest.raises(TypeError):
        provider.dump_bytes({"a": object()})


def test_broken_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        provider.loads(b"{")


def test_options_go_to_the_standard_library() -> None:
    assert provider.dumps({"b": 1, "a": 2}, sort_keys=True) == '{"a": 2, "b": 1}'
    assert provider.loads(b"1.5", parse_float=str) == "1.5"


def test_an_answer_is_json_in_utf_8() -> None:
    answer = provider.response({"a": "ø"})
    assert answer.mimetype == "application/json"
    assert answer.data == '{"a":"ø"}\n'.encode()
    assert provider.response(None).data == b"null\n"
