"""The digest of what is sent: the same for what only looks different, another one for each change."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dcapi.sync.digest import outline, read, shows_leaf
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


@pytest.mark.parametrize("field", ["name", "description", "location", "release", "bootstrap_address"])
def test_each_field_counts(field: str) -> None:
    assert member(**{field: "else"}).digest != member().digest


def test_no_value_can_be_read_in_a_digest() -> None:
    sent = member(bootstrap_values={"admin_password": PASSWORD, "site": "lighthouse"})
    assert not any(text in sent.digest for text in (PASSWORD, "lighthouse", "rack 4", "c2VjcmV0"))


@pytest.mark.parametrize("text", [None, "", "b5d4045c", "[1]", "{"])
def test_a_digest_of_another_kind_says_nothing(text: str | None) -> None:
    assert read(text) == {}


def test_half_a_surrogate_pair_has_a_digest_too() -> None:
    assert digest(text="\ud800") != digest(text="\ud801")


def test_a_secret_is_shown_when_it_is_hidden_or_encoded_once_more_or_less() -> None:
    sent = outline(PASSWORD, "admin_password")
    again = base64.b64encode(PASSWORD.encode()).decode()
    for there in (PASSWORD, again, "Bollard*7", "***", None):
        assert shows_leaf("admin_password", sent, there)
    assert not shows_leaf("admin_password", sent, "\ud800")
    assert not shows_leaf("luks_password", outline(PASSWORD, "luks_password"), again)
