"""Who changed a member since it was pushed."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values import digest, merge
from dcapi.sync.values.compare import shows
from dcapi.sync.values.member import ADDRESS_KEY, GATEWAY_KEY, Member
from dcapi.sync.values.merge import Values, unsynced_fields, with_additions
from tests.unit.sync.builders import LONGEST, copy_of, member

changed_there = partial(merge.changed_there, max_length=LONGEST)
taken_over = partial(merge.taken_over, max_length=LONGEST)

PASSWORD = base64.b64encode(b"Bollard*7").decode()
SAVED: dict[str, Any] = {
    "name": "edge-1",
    "management_subnet": "FD02:0::/64",
    "admin_password": PASSWORD,
    "registries": [{"url": "a", "password": "p"}],
    "nested": {"password": "q", "x": 1},
    "location": "of the file",
    GATEWAY_KEY: "192.168.204.102",
}
INSTALL = {"bmc_address": "fd01::1", "bmc_password": "c2VjcmV0"}


def sent(**values: Any) -> Member:
    return member(**{"bootstrap_values": SAVED, "install_values": INSTALL, **values})


def values_of(one: Member, **changed: Any) -> Values:
    payload = one.payload
    saved = {**(payload.bootstrap_values or {}), ADDRESS_KEY: payload.bootstrap_address}
    found = Values(
        "rack 4", "Ottawa", "24.09", {**saved, GATEWAY_KEY: "192.168.204.101"}, payload.install_values
    )
    return replace(found, **changed)


def outlines(one: Member) -> dict[str, Any]:
    return digest.read_digest(one.digest)


def copy(saved: dict[str, Any] | None = None, **more: Any) -> RemoteSubcloud:
    stored = {**SAVED, ADDRESS_KEY: "10.10.10.12", **(saved or {})}
    return copy_of(sent(), **{"saved_payload": stored, **more})


LOOKS: list[dict[str, Any]] = [
    {},
    {"secondary": "true", "added": 1},
    {"location": "of the form"},
    {"management_subnet": "fd02::/64"},
    {"admin_password": base64.b64encode(PASSWORD.encode()).decode()},
    {"admin_password": "***", "registries": [{"url": "a", "password": "***"}], "nested": {"x": 1}},
    {"nested": {"password": "q", "x": 1, "y": 2}},
    {GATEWAY_KEY: "192.168.204.109", "name": "another"},
]
CHANGES: list[dict[str, Any]] = [
    {"management_subnet": "fd03::/64"},
    {"management_subnet": None},
    {"admin_password": "b3RoZXI="},
    {"registries": [{"url": "b", "password": "***"}]},
    {"registries": []},
    {"nested": {"password": "r", "x": 1}},
    {"nested": 7},
    {ADDRESS_KEY: "10.10.10.99"},
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_copy_that_only_looks_different_is_not_changed(look: dict[str, Any]) -> None:
    assert not changed_there(values_of(sent()), copy(look), outlines(sent()))


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_there_is_seen(change: dict[str, Any]) -> None:
    assert changed_there(values_of(sent()), copy(change), outlines(sent()))


@pytest.mark.parametrize("field", ["name", "description", "location", "release"])
def test_each_text_there_counts(field: str) -> None:
    changed: dict[str, Any] = {field: "else"}
    assert changed_there(values_of(sent()), copy(**changed), outlines(sent()))


@given(look=st.sampled_from(LOOKS), change=st.sampled_from(CHANGES))
def test_what_changed_here_does_not_hide_who_changed_it(look: dict[str, Any], change: dict[str, Any]) -> None:
    mine = values_of(sent(bootstrap_values={**SAVED, **change}), description="another")
    assert not changed_there(mine, copy(look), outlines(sent()))


leaves = st.sampled_from(
    [
        *(None, True, False, 0, 1, 1.0, 1.5, "True", "true", "1", "", "fd01::1", "FD01:0::0001"),
        *(PASSWORD, base64.b64encode(PASSWORD.encode()).decode(), "Bollard*7", "***", "http://u:p@proxy:1"),
    ]
)
keys = st.sampled_from(["flag", "proxy", "admin_password", "luks_password"])
objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2)
    ),
    min_size=1,
)


@given(wanted=objects, there=objects, alike=st.booleans())
@example(wanted={"flag": True}, there={"flag": "True"}, alike=False)
@example(wanted={"luks_password": 1}, there={"luks_password": True}, alike=False)
@example(wanted={"luks_password": 1}, there={"luks_password": 1.0}, alike=False)
def test_a_run_and_an_audit_agree_on_what_is_equal(
    wanted: dict[str, Any], there: dict[str, Any], alike: bool
) -> None:
    pushed = sent(bootstrap_values=wanted)
    shown = {**there, **wanted} if alike else there
    one = copy_of(pushed, saved_payload={**shown, ADDRESS_KEY: "10.10.10.12"})
    assert shows(one, pushed) is not changed_there(values_of(pushed), one, outlines(pushed))


def test_what_the_copy_does_not_say_is_no_change() -> None:
    unread = copy(install_values=None, release="")
    assert not changed_there(values_of(sent()), replace(unread, saved_payload={}), outlines(sent()))


def test_another_value_for_what_was_added_here_is_a_change_there() -> None:
    mine = values_of(sent(bootstrap_values={**SAVED, "docker": "ours"}))
    assert changed_there(mine, copy({"docker": "theirs"}), outlines(sent()))
    assert not changed_there(mine, copy({"docker": "ours"}), outlines(sent()))


def test_what_was_added_to_an_item_here_is_not_compared_with_one_there() -> None:
    mine = values_of(sent(bootstrap_values={**SAVED, "registries": [{"url": "a", "password": "p", "x": 1}]}))
    theirs = copy({"registries": [{"url": "a", "password": "p", "x": 2}]})
    assert not changed_there(mine, theirs, outlines(sent()))


def test_only_what_was_never_sent_is_added() -> None:
    """A key that went here since stays away, however long the copy keeps it."""
    without = {key: value for key, value in SAVED.items() if key != "management_subnet"}
    mine = values_of(sent(bootstrap_values=without))
    there = copy(
        {"docker": "r", "nested": {"password": "q", "x": 1, "y": 2}}, install_values={**INSTALL, "image": 1}
    )
    found = with_additions(mine, taken_over(mine, there), outlines(sent()))
    assert "management_subnet" not in found.saved_payload
    assert (found.saved_payload["docker"], found.saved_payload["nested"]["y"]) == ("r", 2)
    assert found.install_values == {**INSTALL, "image": 1}


def left(changed: dict[str, Any], there: RemoteSubcloud, pushed: dict[str, Any] | None = None) -> set[str]:
    mine = values_of(sent(bootstrap_values={**SAVED, **changed}))
    return set(unsynced_fields(mine, there, outlines(sent()) if pushed is None else pushed))


@pytest.mark.parametrize("look", LOOKS)
def test_what_was_sent_is_there_whatever_it_looks_like(look: dict[str, Any]) -> None:
    assert left({}, copy(look)) == set()


@pytest.mark.parametrize("change", [one for one in CHANGES[:-1] if "***" not in str(one)])
def test_what_changed_here_is_not_there_until_it_is_shown(change: dict[str, Any]) -> None:
    assert left(change, copy()) == {"bootstrap values"}
    assert left(change, copy(change)) == set()


def test_a_hidden_secret_is_not_known_to_be_there_unless_it_was_sent() -> None:
    hidden = copy({"admin_password": "***"})
    assert left({"admin_password": "b3RoZXI="}, hidden) == {"bootstrap values"}
    assert left({}, hidden, pushed={}) == {"bootstrap values"}
    assert left({}, copy(), pushed={}) == set()


def test_each_field_that_is_not_there_is_named() -> None:
    mine = values_of(
        sent(bootstrap_address="10.10.10.99", install_values={**INSTALL, "bmc_address": "fd01::2"}),
        description="a",
        location="b",
        release="c",
    )
    assert list(unsynced_fields(mine, copy(), outlines(sent()))) == [
        "description",
        "location",
        "release",
        "bootstrap address",
        "install values",
    ]
