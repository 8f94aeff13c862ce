"""Secrets in a deployment configuration, whatever stands around them."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dcapi.deploy.playbooks import config_secrets as reading
from dcapi.deploy.playbooks.config_secrets import config_secrets
from dcapi.deploy.playbooks.values import secrets_of
from dcapi.deploy.port import Target
from dcapi.models.secret_values import secret_texts

SECRET = "spec: {password: Gull*1}\n"
UNREADABLE = [
    "8080: http",
    "on: true",
    "~: x",
    "built: 2024-13-01",
    "a: &a [*a]",
    "a: &a {a: *a}",
    "? [a, b]\n: c",
    "? {a: b}\n: c",
    "key: !vault secret",
    "a: *nothing",
    "n: 0b_",
    "n: =",
    "b: !!binary x",
    "1: &x {<<: *x}",
    "when: 2024-01-01 00:00:00 +99:99",
]


@pytest.mark.parametrize("beside", UNREADABLE)
def test_what_a_reader_makes_nothing_of_is_not_in_the_way(beside: str) -> None:
    assert config_secrets(f"{SECRET}{beside}\n") == {"Gull*1"}
    assert secrets_of(Target(1, "quay-1", "r", "24.09", deploy_config=f"{SECRET}{beside}\n")) == ["Gull*1"]


@pytest.mark.parametrize("rest", ["[", "{ not: [yaml", "\x01", "'", "[" * 3000, "%", "*", "\ud800"])
def test_what_cannot_be_read_holds_no_known_secrets_and_is_no_error(rest: str) -> None:
    assert config_secrets(rest) == set()


@pytest.mark.parametrize("rest", ["[", "[" * 3000])
def test_what_stands_before_a_mistake_is_known(rest: str) -> None:
    assert config_secrets(f"{SECRET}---\n{rest}") == {"Gull*1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("password: 1_000", {"1_000", "1000"}),
        ("password: 0123", {"0123", "83"}),
        ("password: '0123'", {"0123"}),
        ("password: 2024-13-01", {"2024-13-01"}),
        ("password: !vault abc", {"abc"}),
        ("password: yes", set()),
        ("password: ~", set()),
        ("password:", set()),
        ("password: ''", set()),
        ("password: 'yes'", {"yes"}),
        ("Password : {pin: [a, {b: c}], d: e}", {"a", "c", "e"}),
        ("key: &k {a: Gull}\npassword: *k", {"Gull"}),
        ("password: &k {a: Gull}\nkey: *k", {"Gull"}),
        ("key: &k Gull\n---\npassword: *k", set()),
        ("proxy: http://me:Gull@example:1", {"http://me:Gull@example:1", "Gull"}),
        ("? {password: Gull}\n: b", {"Gull"}),
        ("? [password]\n: b", set()),
    ],
)
def test_a_secret_is_found_as_it_is_written_and_as_it_is_read(text: str, found: set[str]) -> None:
    assert config_secrets(text) == found


def test_aliases_that_would_be_millions_of_values_take_no_time() -> None:
    lines = ["a0: &a0 {password: Gull}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    began = time.process_time()
    assert config_secrets("\n".join(lines)) == {"Gull"}
    assert time.process_time() - began < 2


def test_brackets_without_an_end_take_no_time() -> None:
    began = time.process_time()
    assert config_secrets("[" * 1_000_000) == set()
    assert time.process_time() - began < 5


def test_a_number_of_a_million_digits_takes_no_time() -> None:
    began = time.process_time()
    number = "1" + ":1" * 300_000
    assert config_secrets(f"password: {number}") == {number}
    assert time.process_time() - began < 2


KEYS = st.sampled_from(["password", "PASSWD", "key", "url", "bind_pass"])
LEAVES = st.one_of(st.text(alphabet="ab:@/ \n'\"", max_size=9), st.integers(), st.booleans(), st.none())
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_as_much_is_found_as_in_the_values_themselves(value: object, fast: bool) -> None:
    loader = yaml.SafeLoader
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(reading, "_SafeLoader", loader)
        assert config_secrets(yaml.safe_dump(value)) == set(secret_texts(value)) - {""}
