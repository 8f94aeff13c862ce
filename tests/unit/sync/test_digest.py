"""The digest of what is sent: the same for what only looks different, another one for each change."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dcapi.sync.values.compare import Place
from dcapi.sync.values.digest import outline, read_digest, same
from tests.unit.sync.builders import member

PASSWORD = base64.b64encode(b"Bollard*7").decode()


def digest(**values: Any) -> str:
    return member(bootstrap_values={"admin_password": PASSWORD, **values}).digest


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("FD01:0::0001", "fd01::1"),
        ("FD01:0015:0::/64", "fd01:15::/64"),
        (1, 1.0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ],
)
def test_the_spelling_of_a_value_makes_no_other_digest(left: Any, right: Any) -> None:
    assert digest(key=left) == digest(key=right)


@pytest.mark.parametrize(
    "changed",
    [
        {"admin_password": base64.b64encode(PASSWORD.encode()).decode()},
        {"admin_password": "Bollard*7"},
        {"registry": {"password": "q"}},
        {"registry": {}},
        {"flag": True},
        {"flag": "1"},
        {"proxy": "http://u:q@proxy:1"},
        {"hosts": ["fd01::1"]},
        {"hosts": []},
    ],
)
def test_each_change_makes_another_digest(changed: dict[str, Any]) -> None:
    before = {"registry": {"password": "p"}, "flag": 1, "proxy": "http://u:p@proxy:1", "hosts": ["fd01::2"]}
    assert digest(**before) != digest(**{**before, **changed})


# What ledgers hold since the first version, but for what became a secret with migration 0012: with other
# hashes an upgrade would let every pair differ.
@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("key", None, "7376b2cbfa0ad26e"),
        ("key", True, "f56975c80364f63f"),
        ("key", False, "8cb95ad818059778"),
        ("key", 0, "842b7d9d43cddf75"),
        ("key", -0.0, "842b7d9d43cddf75"),
        ("key", 1, "f6fc42039fba3776"),
        ("key", 1.0, "f6fc42039fba3776"),
        ("key", 2.5, "57fe50b6764844b4"),
        ("key", 1e22, "8f77116594cd915a"),
        ("key", "", "fbcad3b4d0be6c48"),
        ("key", "1", "1d4e85c3574a3933"),
        ("key", "True", "67096db77be40c25"),
        ("key", "FD01:0::1", "5d7be7ef70c41732"),
        ("key", "10.0.0.0/255.0.0.0", "d899e2c17e4fc08e"),
        ("key", "rack.4 " * 10, "f789118438866003"),
        ("key", "\u00e9", "eb3e65575ac0e515"),
        ("key", "http://user:word@proxy", "*b084ee5dbe936f6a"),
        ("password", "fd01::1", "*5d7be7ef70c41732"),
        ("admin_password", 7, "*e75017cace788f82"),
        ("key", ["fd01:0::2", {"rack": "p"}, []], ["f385bc4549fd7f14", {"rack": "3972a881b65d9e6a"}, []]),
        ("key", {"url": "r.io"}, {"url": "babf3d64b64b60e2"}),
    ],
)
def test_outlines_are_those_that_older_versions_stored(key: str, value: Any, kept: Any) -> None:
    assert outline(value, key) == kept


@pytest.mark.parametrize("field", ["name", "description", "location", "release", "bootstrap_address"])
def test_each_field_counts(field: str) -> None:
    assert member(**{field: "else"}).digest != member().digest


def test_no_value_can_be_read_in_a_digest() -> None:
    sent = member(bootstrap_values={"admin_password": PASSWORD, "site": "lighthouse"})
    assert not any(text in sent.digest for text in (PASSWORD, "lighthouse", "rack 4", "c2VjcmV0"))


@pytest.mark.parametrize("text", [None, "", "b5d4045c", "[1]", "{"])
def test_a_digest_of_another_kind_says_nothing(text: str | None) -> None:
    assert read_digest(text) == {}


def test_half_a_surrogate_pair_has_a_digest_too() -> None:
    assert digest(text="\ud800") != digest(text="\ud801")


def test_a_secret_is_shown_when_it_is_hidden_or_encoded_once_more_or_less() -> None:
    again = base64.b64encode(PASSWORD.encode()).decode()
    sent = outline({"admin_password": PASSWORD, "luks_password": PASSWORD})
    for there in (PASSWORD, again, "Bollard*7", "***", None):
        assert Place("", None, sent, {"admin_password": there}).is_as_sent()
    assert not Place("", None, sent, {"admin_password": "\ud800"}).is_as_sent()
    assert not Place("", None, sent, {"luks_password": again}).is_as_sent()


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("FD01:0::1", "fd01::1", True),
        ("fd01:0::/64", "fd01::/64", True),
        ({"a": ["FD01:0::1"]}, {"a": ["fd01::1"]}, True),
        ({"a_password": "FD01:0::1"}, {"a_password": "fd01::1"}, False),
        ({"a": ["FD01:0::1"]}, {"a": ["fd01::2"]}, False),
        ({"a_password": [1]}, {"a_password": [True]}, False),
        (1, True, False),
        (1, 1.0, True),
        ("1", 1, False),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
        (None, {}, False),
    ],
)
def test_values_are_compared_by_what_they_mean(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal
