"""Each kind of field, with what it takes and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from dcapi.schemas import fields

TEXT = "Invalid thing"

NOT_TEXTS: list[Any] = [True, 1, 1.5, [], {}, ["a"], {"a": "b"}, b"file"]
UNCLEAN = ["a\x00b", "a\nb", "a\x1fb", "a\x7fb", "a\x85b", "a\ud800b"]

SOME_UUID = "0b4fb1b2-6c9e-4a8e-9d5e-2f7d6f3c1a55"

# (field, [(given, loaded)], [refused])
TABLE: list[tuple[fields.Checked, list[tuple[Any, Any]], list[Any]]] = [
    (
        fields.WholeNumber(TEXT, 1, 30),
        [(1, 1), (30, 30), ("7", 7), ("007", 7)],
        [
            0, 31, -1, 1.0, 1.5, True, False, "", " 7", "7 ", "+7", "-7", "0x7", "1e1", "1_0", "\uff17", "٣",
            "nan", [], [7], {}, {"7": 7}, b"7", 2**63, 2**64, 10**40, "9" * 19, "9" * 5000, float("nan"),
        ],
    ),
    (fields.RowId(TEXT), [(0, 0), (2**31 - 1, 2**31 - 1), ("90", 90)], [-1, 2**31, 2**63, "9" * 20]),
    (
        fields.Name(TEXT, but_not=["none"]),
        [("a", "a"), ("Ærø nord", "Ærø nord"), ("n" * 255, "n" * 255), ("1a", "1a"), ("北", "北")],
        [
            "", " ", "1", "123", "٣٤", "n" * 256, "none", "None", "NONE", "a/b", "a.b", *NOT_TEXTS, *UNCLEAN,
            *(f"a{character}" for character in ".*+?|()[]{}^$"),
        ],
    ),
    (
        fields.SubcloudName(TEXT),
        [("a", "a"), ("edge-1.zone-2", "edge-1.zone-2"), ("1a", "1a"), ("1.2", "1.2")],
        ["", "A", "-a", "a-", "a..b", ".a", "a.", "a_b", "é", "a b", "a" * 256, "12", *NOT_TEXTS, *UNCLEAN],
    ),
    (
        fields.SubcloudName(TEXT, foreign=True),
        [("Edge_1", "Edge_1"), ("a.b", "a.b"), ("Ærø", "Ærø")],
        ["", "A.b", "a/b", "12", *NOT_TEXTS, *UNCLEAN],
    ),
    (
        fields.Uuid(TEXT),
        [(SOME_UUID, SOME_UUID), (SOME_UUID.upper(), SOME_UUID), (SOME_UUID.replace("-", ""), SOME_UUID)],
        ["", SOME_UUID[:-1], SOME_UUID + "0", "{" + SOME_UUID + "}", "g" * 32, *NOT_TEXTS],
    ),
    (fields.Choice(TEXT, ["on", "off"]), [("on", "on")], ["", "ON", " on", "other", *NOT_TEXTS]),
    (
        fields.IpAddress(TEXT),
        [("10.0.0.1", "10.0.0.1"), ("FD00:0::1", "fd00::1")],
        ["", "10.0.0", "10.0.0.256", "10.0.0.1/24", "fe80::1%eth0", " 10.0.0.1", "010.0.0.1", *NOT_TEXTS],
    ),
    (
        fields.IpAddresses(TEXT),
        [
            ("10.0.0.1", "10.0.0.1"), ("FD00:0::1", "fd00::1"), ("10.0.0.1,FD00:0::1", "10.0.0.1,fd00::1"),
            (" fd00::1 ,\t10.0.0.1", "fd00::1,10.0.0.1"),
        ],
        [
            "", ",", "10.0.0.1,", ",fd00::1", "10.0.0.1,10.0.0.2", "fd00::1,fd00::2", "10.0.0.1,fd00::1,::2",
            "10.0.0.1 fd00::1", "10.0.0.1,fd00::1%eth0", "10.0.0.0/24", "10.0.0.1," + "f" * 255, *NOT_TEXTS,
        ],
    ),
    (
        fields.Base64Text(TEXT),
        [("c2VjcmV0", "c2VjcmV0"), ("w6bDuA==", "w6bDuA=="), ("YWFh" * 63, "YWFh" * 63)],
        ["", "secret!", "c2VjcmV", "/w==", "c2Vj\ncmV0", " c2VjcmV0", "YWFh" * 64, "é", *NOT_TEXTS],
    ),
    (
        fields.HttpUrl(TEXT),
        [
            (url, url)
            for url in ("http://a:5000/v3", "https://[fd00::1]:5000/v3", "HTTPS://Host/v3", "http://192.0.2.1/v3/")
        ],
        [
            "", "a:5000/v3", "ftp://a/v3", "http://", "http:///v3", "http://:5000/v3", "http://a:port/v3",
            "http://a:99999/v3", "http://u@a/v3", "http://u:p@a/v3", "http://[fd00::1/v3", "http://a b/v3",
            "http://a/v3?x=1", "http://a/v3#x", "http://a/\nv3", "http://a/" + "v" * 255, *NOT_TEXTS,
        ],
    ),
    (
        fields.PlainText(TEXT, shortest=1, longest=5),
        [("a", "a"), ("Ærø å", "Ærø å"), ("a/b*", "a/b*")],
        ["", "a" * 6, *NOT_TEXTS, *UNCLEAN],
    ),
    (
        fields.Boolean(TEXT),
        [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)],
        ["", "yes", "1", 1, 0, " true", [], {}, b"true"],
    ),
    (fields.FileOrText(TEXT), [(b"x", b"x"), ("x", "x")], [1, True, [], {}]),
]  # fmt: skip

TAKEN = [(field, given, loaded) for field, taken, _ in TABLE for given, loaded in taken]
REFUSED = [(field, given) for field, _, refused in TABLE for given in refused]


def _label(value: Any) -> str:
    return type(value).__name__ if isinstance(value, fields.Checked) else ascii(value)[:30]


@pytest.mark.parametrize(("field", "given", "loaded"), TAKEN, ids=_label)
def test_a_field_takes_what_fits_in_its_final_form(field: fields.Checked, given: Any, loaded: Any) -> None:
    result = field.deserialize(given)
    assert result == loaded
    assert type(result) is type(loaded)


@pytest.mark.parametrize(("field", "given"), REFUSED, ids=_label)
def test_a_field_refuses_what_does_not_fit_with_its_text(field: fields.Checked, given: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        field.deserialize(given)
    assert raised.value.messages == [TEXT]


def test_a_name_of_digits_has_its_own_text() -> None:
    field = fields.SubcloudName(TEXT, digits_text="must contain letters")
    with pytest.raises(ValidationError, match="must contain letters"):
        field.deserialize("123")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("pier\n", "pier"),
        (" north side\nof the quay \n", "north side of the quay"),
        ("a\r\nb\rc\x85d\u2028e\u2029f", "a b c d e f"),
        ("a\n\nb", "a  b"),
        ("\n \t\n", ""),
        ("x" * 255 + "\n", "x" * 255),
    ],
)
def test_a_text_on_several_lines_becomes_one_line(given: str, kept: str) -> None:
    assert fields.OneLine(TEXT).deserialize(given) == kept


@pytest.mark.parametrize("given", ["x" * 256, "a\tb", "a\0", "\x1fa", ["a"], b"a"])
def test_a_text_that_does_not_fit_on_one_line_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match=TEXT):
        fields.OneLine(TEXT).deserialize(given)


def test_missing_field_has_its_text_even_with_braces_in_it() -> None:
    field = fields.Name("Invalid {name}", required=True)
    with pytest.raises(ValidationError) as raised:
        field.deserialize(None)
    assert raised.value.messages == ["Invalid {name}"]
