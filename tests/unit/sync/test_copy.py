"""Whether a copy shows what was sent: peers add keys, write addresses anew, mask and encode."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dcapi.peers.remote import remote_subcloud
from dcapi.sync.values.compare import shows
from dcapi.sync.values.member import ADDRESS_KEY
from tests.unit.sync.builders import copy_of, member


def saved(**values: Any) -> dict[str, Any]:
    return {**(member().payload.bootstrap_values or {}), ADDRESS_KEY: "10.10.10.12", **values}


def test_more_keys_than_were_sent_do_not_matter() -> None:
    assert shows(copy_of(member(), saved_payload=saved(region_name="x", extra=[1])), member())


@pytest.mark.parametrize("key", ["name", "management_subnet", ADDRESS_KEY])
def test_each_key_that_was_sent_matters(key: str) -> None:
    assert not shows(copy_of(member(), saved_payload=saved(**{key: "else"})), member())
    without = {name: value for name, value in saved().items() if name != key}
    assert not shows(copy_of(member(), saved_payload=without), member())


@pytest.mark.parametrize("field", ["description", "location", "release"])
def test_each_plain_field_matters(field: str) -> None:
    assert not shows(copy_of(member(), **{field: "else"}), member())


def test_addresses_are_compared_in_their_canonical_form() -> None:
    wanted = member(bootstrap_values={"external_oam_subnet": "FD01:0015:0::/64", "dns": ["fd01:0::0001"]})
    there = {"external_oam_subnet": "fd01:15::/64", "dns": ["fd01::1"], ADDRESS_KEY: "10.10.10.12"}
    assert shows(copy_of(wanted, saved_payload=there), wanted)


def test_nested_values_and_lists_matter() -> None:
    wanted = member(bootstrap_values={"registries": {"defaults": {"url": "a", "ports": [1, 2]}}})
    for there in ({"defaults": {"url": "b", "ports": [1, 2]}}, {"defaults": {"url": "a", "ports": [1]}}, {}):
        copy = copy_of(wanted, saved_payload={"registries": there, ADDRESS_KEY: "10.10.10.12"})
        assert not shows(copy, wanted)


@pytest.mark.parametrize("there", [1, "True", "true", False, [True]])
def test_true_is_like_no_other_value(there: Any) -> None:
    wanted = member(bootstrap_values={"flag": True})
    assert not shows(copy_of(wanted, saved_payload={"flag": there, ADDRESS_KEY: "10.10.10.12"}), wanted)


@pytest.mark.parametrize("there", [None, "****", "U2VjcmV0*", "secret-again"])
def test_a_masked_or_hidden_password_is_for_the_digest_to_tell(there: str | None) -> None:
    wanted = member(bootstrap_values={"registry": {"password": "U2VjcmV0*"}})
    copy = copy_of(wanted, saved_payload={"registry": {"password": there}, ADDRESS_KEY: "10.10.10.12"})
    assert shows(copy, wanted) is (there != "secret-again")


def test_an_admin_password_may_come_back_encoded_once_more_or_once_less() -> None:
    once = base64.b64encode(b"Li69nux*").decode()
    twice = base64.b64encode(once.encode()).decode()
    wanted = member(bootstrap_values={"admin_password": once})
    for there, equal in ((once, True), (twice, True), ("Li69nux*", True), ("other", False)):
        copy = copy_of(wanted, saved_payload={"admin_password": there, ADDRESS_KEY: "10.10.10.12"})
        assert shows(copy, wanted) is equal


def test_install_values_matter_when_there_are_some() -> None:
    assert not shows(copy_of(member(), install_values=None), member())
    assert shows(copy_of(member(), install_values={"any": 1}), member(install_values=None))


@pytest.mark.parametrize("rehome", [None, "", "{", "[1]", '{"saved_payload": 7}', "[" * 100_000])
def test_rehome_data_that_makes_no_sense_counts_as_different(rehome: str | None) -> None:
    answer = {
        "name": "edge-1",
        "region-name": "r",
        "deploy-status": "secondary",
        "rehome_data": rehome,
        "data_install": json.dumps({"bmc_address": "fd01::1"}),
    }
    copy = remote_subcloud(answer)
    assert (copy.saved_payload, copy.install_values) == ({}, {"bmc_address": "fd01::1"})
    assert not shows(copy, member())


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        (None, False),
        ("", False),
        ("null", False),
        ("{}", False),
        ("{", True),
        ("[1]", True),
        ('{"a": ' + "1" * 5000 + "}", True),
        ("[" * 100_000, True),
    ],
)
def test_what_is_there_and_makes_no_sense_is_told_from_what_is_not_there(
    text: str | None, unreadable: bool
) -> None:
    answer = {
        "name": "edge-1",
        "region-name": "r",
        "deploy-status": "secondary",
        "rehome_data": text,
        "data_install": text,
    }
    found = {"saved_payload", "install_values"} if unreadable else set()
    assert remote_subcloud(answer).unreadable == found
    inside = {**answer, "rehome_data": '{"saved_payload": 7}', "data_install": None}
    assert remote_subcloud(inside).unreadable == {"saved_payload"}


def test_text_that_an_original_keeps_among_the_values_is_the_forms() -> None:
    values = {"name": "edge-1", "description": "of the file", "location": "Ottawa"}
    wanted = member(description="of the form", bootstrap_values=values)
    kept = {**values, "description": "of the form", ADDRESS_KEY: "10.10.10.12"}
    assert shows(copy_of(wanted, saved_payload=kept), wanted)
    assert not shows(copy_of(wanted, saved_payload=kept, description="of the file"), wanted)
