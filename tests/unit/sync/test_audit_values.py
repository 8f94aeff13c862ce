"""What of a leader's values comes over, and what stays."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from dcapi.models.limits import LARGEST_VALUES
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values import merge
from dcapi.sync.values.member import ADDRESS_KEY, GATEWAY_KEY
from dcapi.sync.values.merge import Values, differing_fields
from tests.unit.sync.builders import LONGEST, copy_of, member

taken_over = partial(merge.taken_over, max_length=LONGEST)
unfit_fields = partial(merge.unfit_fields, max_length=LONGEST)

PASSWORD = base64.b64encode(b"Bollard*7").decode()


def values(saved: dict[str, Any] | None = None, **more: Any) -> Values:
    stored = {
        "name": "edge-1",
        "management_subnet": "fd02::/64",
        "admin_password": PASSWORD,
        GATEWAY_KEY: "192.168.204.101",
        ADDRESS_KEY: "10.10.10.12",
    }
    install = {"bmc_address": "fd01::1", "bmc_password": "c2VjcmV0"}
    kept = Values("rack 4", "Ottawa", "24.09", {**stored, **(saved or {})}, install)
    return replace(kept, **more)


def copy(saved: dict[str, Any] | None = None, **more: Any) -> RemoteSubcloud:
    stored = {**values().saved_payload, GATEWAY_KEY: "192.168.204.102", **(saved or {})}
    return copy_of(member(), **{"saved_payload": stored, **more})


def test_an_equal_copy_changes_nothing() -> None:
    assert taken_over(values(), copy()) == values()


@pytest.mark.parametrize(
    ("key", "spelled"),
    [
        ("management_subnet", "fd02:0::/64"),
        ("admin_password", base64.b64encode(PASSWORD.encode()).decode()),
        ("admin_password", "******"),
        ("admin_password", None),
    ],
)
def test_what_only_looks_different_stays(key: str, spelled: str | None) -> None:
    assert taken_over(values(), copy({key: spelled})) == values()


def test_a_member_without_an_address_differs_in_the_one_that_it_gets() -> None:
    stored = {key: one for key, one in values().saved_payload.items() if key != ADDRESS_KEY}
    mine = replace(values(), saved_payload=stored)
    assert differing_fields(mine, mine) == ()
    assert differing_fields(mine, taken_over(mine, copy())) == ("bootstrap address",)


def test_form_fields_that_some_sites_keep_do_not_come_over() -> None:
    kept = {"secondary": "true", "region_name": "r", "sysadmin_password": "x", "bmc_password": "y"}
    assert taken_over(values(), copy(kept)) == values()


def test_new_and_changed_keys_come_over_and_the_gateway_does_not() -> None:
    taken = taken_over(values(), copy({"docker": {"url": "r"}, "management_subnet": "fd03::/64"}))
    assert taken.saved_payload["docker"] == {"url": "r"}
    assert taken.saved_payload["management_subnet"] == "fd03::/64"
    assert taken.saved_payload[GATEWAY_KEY] == "192.168.204.101"
    assert differing_fields(values(), taken) == ("bootstrap values",)


def test_removed_key_goes_and_an_omitted_secret_stays() -> None:
    there = copy()
    stored = {key: one for key, one in there.saved_payload.items() if key in ("name", ADDRESS_KEY)}
    taken = taken_over(values(), replace(there, saved_payload=stored))
    assert "management_subnet" not in taken.saved_payload
    assert taken.saved_payload["admin_password"] == PASSWORD


def test_masks_deep_inside_keep_what_they_stand_for() -> None:
    mine = values({"registries": [{"url": "a", "password": "p"}], "nested": {"password": "q", "x": 1}})
    there = copy({"registries": [{"url": "a", "password": "***"}], "nested": {"password": "***", "x": 2}})
    taken = taken_over(mine, there)
    assert taken.saved_payload["registries"] == [{"url": "a", "password": "p"}]
    assert taken.saved_payload["nested"] == {"password": "q", "x": 2}


@pytest.mark.parametrize("new", [{"luks_password": "***"}, {"note": "***"}, {"proxies": ["******"]}])
def test_a_mask_that_stands_for_nothing_here_is_no_value(new: dict[str, Any]) -> None:
    assert taken_over(values(), copy(new)) == values()


@pytest.mark.parametrize("broken", [{}, {"text": "half a pair \ud800"}])
def test_values_that_cannot_be_read_or_kept_leave_what_is_here(broken: dict[str, Any]) -> None:
    there = replace(copy(), saved_payload=broken)
    assert taken_over(values(), there).saved_payload == values().saved_payload


def test_install_values_are_never_taken_away() -> None:
    assert taken_over(values(), copy(install_values=None)).install_values == values().install_values


@pytest.mark.parametrize("text", ["x" * 256, "two\nlines", "\ud800", "\u202e"])
def test_a_text_that_an_operator_could_not_have_written_stays_there(text: str) -> None:
    assert taken_over(values(), copy(description=text)).description == "rack 4"


@pytest.mark.parametrize("text", ["Ä\u00a0ö", "灯台", "", "x" * 255])
def test_a_text_that_an_operator_could_have_written_comes_over(text: str) -> None:
    assert taken_over(values(), copy(description=text)).description == text
    assert list(unfit_fields(copy(description=text))) == []


def test_a_text_may_be_emptied_but_not_the_release() -> None:
    taken = taken_over(values(), copy(description="", release=""))
    assert (taken.description, taken.release) == ("", "24.09")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "saved",
    [
        {"text": "half a pair \ud800"},
        {"text": "a bell \x07"},
        {"number": float("nan")},
        {"number": 10**400},
        {"nested": [{"number": -float("inf")}]},
        {"nested": nested(450)},
        {"nested": nested(40)},
        {"k\0": 1},
        {"text": "turned \u2066 around"},
        {"long": ["x" * 1024] * 1025},
        {"many": [1] * 100_001},
        {"admin_subnet": 5},
        {"admin_subnet": ["x"]},
        {"management_start_address": "here"},
        {ADDRESS_KEY: None},
        {ADDRESS_KEY: 5},
        {ADDRESS_KEY: {"a": 1}},
        {ADDRESS_KEY: "***"},
    ],
    ids=str,
)
def test_bootstrap_values_that_cannot_be_stored_leave_all_that_are_here(saved: dict[str, Any]) -> None:
    there = copy({"docker": "new", **saved})
    assert taken_over(values(), there).saved_payload == values().saved_payload
    assert list(unfit_fields(there)) == ["bootstrap values"]


@pytest.mark.parametrize("saved", [{"nested": nested(39)}, {"admin_subnet": None}, {"text": "two\nlines"}])
def test_values_at_the_limit_come_over(saved: dict[str, Any]) -> None:
    [(key, value)] = saved.items()
    assert taken_over(values(), copy(saved)).saved_payload[key] == value
    assert list(unfit_fields(copy(saved))) == []


def test_the_longest_values_are_a_setting() -> None:
    there = copy({"long": ["x" * 1024] * 1025})
    longer = {"max_length": 2 * LONGEST}
    assert merge.taken_over(values(), there, **longer).saved_payload == there.saved_payload | {
        GATEWAY_KEY: values().saved_payload[GATEWAY_KEY]
    }
    assert list(merge.unfit_fields(there, **longer)) == []


def test_values_too_large_for_one_subcloud_stay_there() -> None:
    long = "x" * (LARGEST_VALUES // 2)
    there = copy({"long": long}, install_values={"long": long})
    limit = {"max_length": LARGEST_VALUES}
    assert merge.taken_over(values(), there, **limit) == values()
    assert list(merge.unfit_fields(there, **limit)) == ["bootstrap values", "install values"]
    fits = replace(there, install_values={"short": "x"})
    assert merge.taken_over(values(), fits, **limit).saved_payload["long"] == long


def test_what_never_comes_over_need_not_be_fit_for_it() -> None:
    there = copy({"secondary": float("nan"), GATEWAY_KEY: 5, "docker": "new"})
    assert taken_over(values(), there).saved_payload["docker"] == "new"
    assert list(unfit_fields(there)) == []


def test_the_address_is_never_taken_away() -> None:
    there = copy({"docker": "new"})
    stored = {key: one for key, one in there.saved_payload.items() if key != ADDRESS_KEY}
    taken = taken_over(values(), replace(there, saved_payload=stored)).saved_payload
    assert (taken[ADDRESS_KEY], taken["docker"]) == ("10.10.10.12", "new")


def test_each_field_that_cannot_be_stored_is_named() -> None:
    there = copy(
        {"number": 10**400},
        description="x" * 256,
        location="\n",
        release="24 09",
        install_values={"number": float("inf")},
    )
    fields = ["description", "location", "release", "bootstrap values", "install values"]
    assert list(unfit_fields(there)) == fields
    assert taken_over(values(), there) == values()


def test_what_cannot_be_read_is_named_and_what_is_not_there_is_not() -> None:
    unread = replace(copy(), saved_payload={}, install_values=None)
    assert list(unfit_fields(unread)) == []
    both = frozenset({"saved_payload", "install_values"})
    assert list(unfit_fields(replace(unread, unreadable=both))) == ["bootstrap values", "install values"]
