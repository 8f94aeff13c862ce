"""YAML documents in requests: what they may hold, and what they may not."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import yaml

from dcapi.errors import BadRequest
from dcapi.models.limits import MAX_DEPTH
from dcapi.schemas import yaml_values

load_yaml = partial(yaml_values.load_yaml, max_length=2**20)

WHAT = "bootstrap_values"


def _nested(levels: int) -> dict[str, Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


TAKEN: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "words for true and false as Ansible reads them": (
        "a: yes\nb: Off\nc: true\nd: 'yes'",
        {"a": True, "b": False, "c": True, "d": "yes"},
    ),
    "numbers": ("a: 1\nb: -0x1F\nc: 1.5\nd: 24.09", {"a": 1, "b": -31, "c": 1.5, "d": 24.09}),
    "the largest number": (f"a: {2**63 - 1}", {"a": 2**63 - 1}),
    "null": ("a: ~\nb:\nc: null", {"a": None, "b": None, "c": None}),
    "lists and mappings": ("a: [1, {b: c}]\nd:\n  - e", {"a": [1, {"b": "c"}], "d": ["e"]}),
    "a text over several lines": ("a: |\n  -----\n  \tx\n", {"a": "-----\n\tx\n"}),
    "an equals sign": ("a: =", {"a": "="}),
    "addresses": ("a: fd00::1\n10.0.0.1: b", {"a": "fd00::1", "10.0.0.1": "b"}),
    "an anchor and its alias": ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    "a merged mapping": (
        "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}",
        {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}},
    ),
    "escapes": ('a: "\\u2013 \\u00f8"', {"a": "\u2013 ø"}),
    "a byte order mark": (b"\xef\xbb\xbfa: \xc3\xb8", {"a": "ø"}),
    "a document marker": ("---\na: 1\n...\n", {"a": 1}),
    "an explicit text": ("a: !!str 5", {"a": "5"}),
    "a list as deep as allowed": (
        "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1),
        _nested(MAX_DEPTH - 1),
    ),
    "an empty mapping": ("{}", {}),
}

# What is wrong → (document, what the text must say).
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "must be a mapping"),
    "a scalar": ("text", "must be a mapping"),
    "a list": ("- a", "must be a mapping"),
    "unclosed": ("a: [1", "line 2"),
    "a tab as indentation": ("a:\n\t- b", "line 2, column 1"),
    "two documents": ("a: 1\n---\nb: 2", "another document"),
    "not UTF-8": (b"a: \xff", "not UTF-8"),
    "UTF-16": ("a: b".encode("utf-16"), "not UTF-8"),
    "half of a surrogate pair": ("a: \ud800", "not UTF-8"),
    "half of a surrogate pair in an escape": ('a: "\\ud800"', "line 1"),
    "a raw control character": ("a: \x07", "not YAML"),
    "an escaped control character": ('a: "\\a"', "control characters (line 1, column 4)"),
    "an escaped NUL": ('a: "\\0"', "control characters"),
    "a control character in a key": ('"\\a": b', "control characters"),
    "a date": ("a: 2024-02-29", "a date (put it in quotes) (line 1, column 4)"),
    "a time": ("a: 2024-02-29 10:00:00", "a date"),
    "a set": ("a: !!set {b, c}", "a set"),
    "an ordered map": ("a: !!omap [b: 1]", "an ordered map"),
    "pairs": ("a: !!pairs [b: 1]", "a list of pairs"),
    "binary data": ("a: !!binary aGVq", "binary data"),
    "a Python object": ("a: !!python/object/apply:os.system [true]", "holds a value with a tag"),
    "a Python tuple": ("a: !!python/tuple [1]", "holds a value with a tag"),
    "an unknown tag": ("a: !vault x", "holds a value with a tag (line 1, column 4)"),
    "a number as a key": ("a:\n  1: b", "a key that is no text (put it in quotes) (line 2, column 3)"),
    "a boolean as a key": ("yes: b", "a key that is no text"),
    "null as a key": ("~: b", "a key that is no text"),
    "a list as a key": ("[a]: b", "a key that is no text"),
    "a number as a key that is merged in": ("a: {<<: {1: 2}}", "a key that is no text"),
    "a key twice": ("a: 1\nb: 2\na: 3", "'a' occurs twice (line 3, column 1)"),
    "a key twice, deeper": ("a: {b: 1, b: 2}", "'b' occurs twice"),
    "a merge of a scalar": ("<<: 5", "line 1"),
    "not a number": ("a: .nan", "a number"),
    "infinity": ("a: -.inf", "a number"),
    "a number that is infinite": ("a: 1.0e+999", "a number"),
    "more than 64 bits": (f"a: {2**63}", "a number"),
    "more digits than can be converted": ("a: " + "9" * 5000, "a number that is too long"),
    "a very long sexagesimal": ("a: 1" + ":1" * 100_000, "a number that is too long"),
    "a tag that does not fit": ("a: !!int x", "does not fit its type"),
    "a number without digits": ('a: !!int ""', "does not fit its type"),
    "a fraction without digits": ('a: !!float "-"', "does not fit its type"),
    "a boolean that is none": ("a: !!bool x", "does not fit its type"),
    "a mapping that is none": ("a: !!map [1]", "not a mapping"),
    "a list that is none": ("a: !!seq {b: 1}", "not a list"),
    "a text that is none": ("a: !!str {b: 1}", "line 1"),
    "an unknown alias": ("a: *b", "undefined alias"),
    "an alias inside of itself": ("a: &a [*a]", "an alias inside the value it stands for"),
    "lists nested 100,000 deep": ("a: " + "[" * 100_000, "nested too deep"),
    "mappings nested 100,000 deep": ("a: " + "{a: " * 100_000, "nested too deep"),
    "lines nested 100,000 deep": ("- " * 100_000, "nested too deep"),
    "one level too many": ("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, "nested too deep"),
    "aliases that multiply": (
        "a0: &a0 [x, x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
        "aliases would make it too large",
    ),
    "merges that multiply": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 30)),
        "aliases would make it too large",
    ),
    "aliases of a long text": (
        "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 100) + "]",
        "aliases would make it too large",
    ),
    "aliases that nest": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}}}\n" for i in range(1, 200)),
        "aliases would nest it too deep",
    ),
    "too many values": ("a:\n" + "- b\n" * 150_000, "too many values"),
    "too many bytes": ("a: " + "x" * 2**20, "larger than 1048576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAKEN)
def test_a_document_that_json_has_words_for_is_read(case: str) -> None:
    document, value = TAKEN[case]
    loaded = load_yaml(document, WHAT)
    assert loaded == value
    assert json.loads(json.dumps(loaded, allow_nan=False)) == loaded


@pytest.mark.parametrize("case", REFUSED)
def test_a_document_is_refused_with_what_is_wrong(case: str) -> None:
    document, text = REFUSED[case]
    with pytest.raises(BadRequest) as raised:
        load_yaml(document, WHAT)
    assert raised.value.message.startswith("Invalid bootstrap_values: ")
    assert text in raised.value.message
    assert len(raised.value.message) < 200


# Where a text belongs: what is written → the text. Under any other key YAML reads these as something else.
WRITTEN = [
    "4711",
    "0715",
    "0x1F",
    "1_000",
    "24.10",
    "1e3",
    "24.09.0",
    "12:30:45",
    "yes",
    "Off",
    "true",
    "2024-02-29",
    "2024-02-29 10:00:00",
    ".nan",
    "9" * 100,
    "pier 7",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_where_a_text_belongs_it_is_taken_as_it_was_written(written: str) -> None:
    assert load_yaml(f"place: {written}", WHAT, texts=frozenset({"place"})) == {"place": written}


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("a: ~\nb:\nc: null", {"a": None, "b": None, "c": None}),
        ("a: '0715'\nb: \"yes\"\nc: pier", {"a": "0715", "b": "yes", "c": "pier"}),
        ("a: [0715, yes]\nb: {a: 0715}", {"a": [461, True], "b": {"a": 461}}),
        ("d: &x 0715\na: *x\ne: *x", {"d": 461, "a": "0715", "e": 461}),
        ("d: &x {a: 0715}\n<<: *x", {"d": {"a": 461}, "a": "0715"}),
        ("a: |\n  -----\n  x\n", {"a": "-----\nx\n"}),
    ],
)
def test_only_a_bare_value_of_the_document_itself_is_taken_as_written(
    document: str, value: dict[str, Any]
) -> None:
    assert load_yaml(document, WHAT, texts=frozenset("abc")) == value


@pytest.mark.parametrize("document", ["a: !!binary aGVq", "a: !vault x", "a: !!set {b}", 'a: "\\0"'])
def test_where_a_text_belongs_what_is_none_is_refused(document: str) -> None:
    with pytest.raises(BadRequest):
        load_yaml(document, WHAT, texts=frozenset("a"))


EXPECTED = "could not find expected ':'"
NOT_ALLOWED = "mapping values are not allowed in this context: a blank is missing after ':'"
MISSING_BLANKS: dict[str, tuple[str, str]] = {
    "in the middle": ("mode: simplex\nname:gull\nplace: x", f"{EXPECTED} (line 2, column 1)"),
    "in the last line": ("mode: simplex\nname:gull\n", f"{EXPECTED} (line 2, column 1)"),
    "before a secret": ("mode: x\nadmin_password:Tide-table9", f"{EXPECTED} (line 2, column 1)"),
    "in a mapping inside": ("a:\n  b: x\n  name:gull\n  c: y", f"{EXPECTED} (line 3, column 3)"),
    "in the first line": ("name:gull\nplace: x", f"{NOT_ALLOWED} (line 1, column 5)"),
    "of a secret on top": ("admin_password:Tide-table9\na: x", f"{NOT_ALLOWED} (line 1, column 15)"),
    "in several lines": ("name:gull\nplace:x\nmode: y", f"{NOT_ALLOWED} (line 1, column 5)"),
    "with line ends of Windows": ("name:gull\r\nplace: x\r\n", f"{NOT_ALLOWED} (line 1, column 5)"),
    "at the top of a mapping inside": ("a:\n  url:x\n  user: y", f"{NOT_ALLOWED} (line 2, column 6)"),
    "above a comment": (
        "name:gull\n\n# the place\nplace: x",
        "did not find expected <document start>: a blank is missing after ':' (line 1, column 5)",
    ),
    "in every line": (
        "name:gull\nplace:x\n",
        "must be a mapping of keys to values: a blank is missing after ':' (line 1, column 5)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING_BLANKS)
def test_a_missing_blank_after_a_colon_is_told_with_its_line(case: str) -> None:
    document, text = MISSING_BLANKS[case]
    with pytest.raises(BadRequest) as refusal:
        load_yaml(document, WHAT)
    assert refusal.value.message == f"Invalid bootstrap_values: {text}"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("a: b\n  c: d", "mapping values are not allowed in this context (line 2, column 4)"),
        ('a: x\nname: "gull\nplace: y\n', "found unexpected end of stream (line 2, column 7)"),
        ("a: [1,\nb: 2", "did not find expected ',' or ']'"),
        ("text\nmore", "must be a mapping of keys to values"),
        ("-\n  a:b", "must be a mapping of keys to values"),
    ],
)
def test_other_faults_are_told_where_they_are(document: str, text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        load_yaml(document, WHAT)
    assert text in refusal.value.message
    assert "blank" not in refusal.value.message


def test_the_longest_document_is_a_setting() -> None:
    with pytest.raises(BadRequest, match="larger than 3 bytes"):
        load_yaml("a: 1", WHAT, max_length=3)


def test_a_document_of_many_values_is_read_in_time() -> None:
    document = "".join(f"key_{number}: [1, 'two', {{three: four}}]\n" for number in range(3000))
    assert len(load_yaml(document, WHAT)) == 3000


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml_values._SafeLoader], ids=["pure", "c"])
@pytest.mark.parametrize(
    "document",
    [
        "password: *Tide-table9",
        "password: !Tide-table9 x",
        "password: !Tide-table9!x y",
        "password: %Tide-table9",
        "password: @Tide-table9",
        "password: `Tide-table9`",
        'password: "Tide-table9',
        'password: "Tide-table9\\q"',
        "password: Tide-table9: x",
        "password: 'Tide-table9' Tide-table9",
        "password: |Tide-table9",
        "password: [Tide-table9",
        "password: {Tide-table9: 1",
        "password: Tide-table9\n\ta: b",
        "password: Tide-table9\x01",
        "? Tide-table9 : [",
        "password: &Tide-table9 [*Tide-table9]",
        "name: x\npassword:Tide-table9\nplace: y",
        "password:Tide-table9\nplace: y",
        "password:Tide-table9",
        """password: "':' Tide-table9 ':'""",
        "':' Tide-table9 ':'",
    ],
)
def test_what_is_wrong_is_told_without_the_values(
    monkeypatch: pytest.MonkeyPatch, loader: Any, document: str
) -> None:
    monkeypatch.setattr(yaml_values, "_SafeLoader", loader)
    with pytest.raises(BadRequest) as refusal:
        load_yaml(document, "bootstrap_values")
    assert "Tide-table9" not in refusal.value.message
