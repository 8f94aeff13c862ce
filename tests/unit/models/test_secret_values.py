"""What counts as a secret, how it is masked, and what a mask that comes back means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcapi.models.secret_values import (
    MASK,
    MaskedSecret,
    is_masked,
    is_secret,
    put_back,
    secret_texts,
    shown,
    take_out,
    unmasked,
)

PROXY = "http://porter:Crow-bar5@proxy.example:3128"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "x"),
        ("bmc_password", "x"),
        ("admin_password", "x"),
        ("ADMIN_PASSWORD", "x"),
        ("password ", "x"),
        ("adminPassword", 5),
        ("ansible_become_pass", "x"),
        ("passphrase", "x"),
        ("password", {"inside": "x"}),
        ("password", ["x"]),
        ("docker_http_proxy", PROXY),
        ("", PROXY),
    ],
)
def test_it_is_a_secret(key: str, value: Any) -> None:
    assert is_secret(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", None),
        ("username", "x"),
        ("password_file", "/x"),
        ("bypass", "x"),
        ("docker_http_proxy", "http://proxy.example:3128/a b@c"),
        ("docker_http_proxy", "http://porter@proxy.example"),
        ("contact", "mate@example"),
    ],
)
def test_it_is_no_secret(key: str, value: Any) -> None:
    assert not is_secret(key, value)


def test_a_long_text_without_a_url_is_judged_at_once() -> None:
    # Were the time to grow with the square of the length, this would not end before the test is given up.
    long = 1024 * 1024
    for text in ("a", "//", "://", "pass", "pw ", "= ", "api ", "-----BEGIN "):
        assert not is_secret("comment", text * (long // len(text)) + " @")
    assert is_secret("comment", "a://" * (long // 4) + "@")
    assert is_secret("comment", "a" * long + PROXY)


def test_masks_stand_where_secrets_stood() -> None:
    value = {"a": 1, "password": "x", "list": [{"url": "u", "password": {"deep": "y"}}, PROXY], "z": None}
    shown, secrets = take_out(value)
    assert shown == {"a": 1, "password": MASK, "list": [{"url": "u", "password": MASK}, MASK], "z": None}
    assert list(shown) == list(value)
    assert put_back(shown, secrets) == value


def test_texts_of_secrets_are_found_however_deep() -> None:
    value = {"password": {"deep": ["y", 7, None, True]}, "list": [{"passwd": "z"}], "plain": "p"}
    assert list(secret_texts(value)) == ["y", "7", "z"]


@pytest.mark.parametrize(
    ("url", "passwords"),
    [
        (PROXY, ["Crow-bar5"]),
        ("socks5://porter:Crow%2Fbar5@proxy.example", ["Crow%2Fbar5", "Crow/bar5"]),
        ("http://porter:Crow@bar5@proxy.example/a@b", ["Crow@bar5"]),
        ("http://a:Crow@x,http://b:Bar@y", ["Crow", "Bar"]),
        ("http://porter:Crow/bar5@proxy.example", ["Crow/bar5"]),
    ],
)
def test_the_password_in_a_url_is_a_secret_by_itself_too(url: str, passwords: list[str]) -> None:
    assert {url, *passwords} <= set(secret_texts({"docker_http_proxy": url}))


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("console=ttyS0 rootpw=Crow-bar5 quiet", ["Crow-bar5"]),
        ('{"api_key": "Crow-bar5", "token" : Bar%2F6}', ["Crow-bar5", "Bar%2F6}", "Bar/6}"]),
    ],
)
def test_what_a_text_gives_under_a_name_is_a_secret_by_itself_too(text: str, inside: list[str]) -> None:
    assert list(secret_texts({"extra_boot_params": text})) == [text, *inside]


@pytest.mark.parametrize("text", ["*", MASK, "********"])
def test_asterisks_alone_are_a_mask(text: str) -> None:
    assert is_masked(text)


@pytest.mark.parametrize("value", ["", "***a", "* *", None, 5, ["*"]])
def test_anything_else_is_no_mask(value: Any) -> None:
    assert not is_masked(value)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["url", "name", "password", "bmc_password"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_was_masked_and_comes_back_is_what_was_stored(value: Any) -> None:
    shown, secrets = take_out(value)
    assert unmasked(shown, value) == value
    assert put_back(shown, secrets) == value


def registry(url: str, password: str) -> dict[str, str]:
    return {"url": url, "password": password}


def test_other_values_may_change_around_a_mask() -> None:
    stored = {"name": "a", "password": "x", "inner": {"bmc_password": "y", "address": 1}}
    sent = {"name": "b", "password": MASK, "inner": {"bmc_password": MASK, "address": 2}, "more": 3}
    expected = {"name": "b", "password": "x", "inner": {"bmc_password": "y", "address": 2}, "more": 3}
    assert unmasked(sent, stored) == expected


def test_a_new_secret_takes_the_place_of_the_stored_one() -> None:
    assert unmasked({"password": "new"}, {"password": "old"}) == {"password": "new"}


def test_an_item_of_a_list_is_known_by_its_other_values() -> None:
    stored = [registry("a", "1"), registry("b", "2")]
    assert unmasked([registry("b", MASK)], stored) == [registry("b", "2")]
    assert unmasked([registry("b", MASK), registry("a", MASK)], stored) == stored[::-1]


def test_an_item_that_could_be_either_of_two_is_refused() -> None:
    stored = [registry("a", "1"), registry("a", "2")]
    assert unmasked([registry("a", MASK)] * 2, stored) == stored
    with pytest.raises(MaskedSecret):
        unmasked([registry("a", MASK)], stored)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"password": MASK}, None),
        ({"password": MASK}, {}),
        ({"password": MASK}, {"password": None}),
        ({"inner": {"bmc_password": "***"}}, {"inner": "text"}),
        ([registry("c", MASK)], [registry("a", "1")]),
    ],
)
def test_a_mask_that_stands_for_nothing_is_refused(sent: Any, stored: Any) -> None:
    with pytest.raises(MaskedSecret, match="password"):
        unmasked(sent, stored)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"docker_http_proxy": MASK}, None),
        ({"docker_http_proxy": MASK}, {"docker_http_proxy": "http://proxy.example:3128"}),
        ({"docker_no_proxy": [MASK]}, {"docker_no_proxy": ["host.example"]}),
    ],
)
def test_a_mask_of_a_url_that_is_not_stored_is_no_value(sent: Any, stored: Any) -> None:
    with pytest.raises(MaskedSecret, match="proxy"):
        unmasked(sent, stored)


def test_asterisks_are_text_where_no_secret_stood() -> None:
    assert unmasked({"title": "*"}, {"title": "x"}) == {"title": "*"}
    assert unmasked({"title": MASK}, {"title": MASK}) == {"title": MASK}
    assert unmasked({"proxy": MASK, "proxies": [MASK]}, {"proxy": PROXY, "proxies": [PROXY]}) == {
        "proxy": PROXY,
        "proxies": [PROXY],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.71.9", "10.71.9"),
        (10, "10"),
        (None, "None"),
        (["a", 1], "['a', 1]"),
        ({"bmc_password": "Bollard*7"}, "{'bmc_password': '******'}"),
        ("http://mate:Bollard*7@quay.example", MASK),
        (b"admin_password: Bollard*7", "a file"),
        ("a\nb\0c", "a b c"),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_a_wrong_value_is_quoted_without_its_secrets(value: Any, text: str) -> None:
    assert shown(value) == text
