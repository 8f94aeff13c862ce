"""Networks of a subcloud: the rows of the contract's table, their order, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.models.bootstrap_forms import check_required, objection
from dcapi.models.network_values import ShownNetwork, Span, shown_network
from dcapi.services.inventory.networks import check_networks
from tests.networks.case import ADMIN, DUAL, FLOATING, IPV6, RIGHT, TAKEN, NetworkCase
from tests.networks.form_cases import REQUIRED
from tests.networks.table import CASES, ROWS
from tests.subcloud_forms import Values, bootstrap_values

COPIED = [case for case in CASES if case.copies]
KEPT_OF_COPIES = [case for case in CASES if not case.copies]


class Neighbours:
    """What other subclouds show, by their numbers."""

    def __init__(self, values: Mapping[int, Values]) -> None:
        self._shown = {f"quay-{number}": shown_network(one) for number, one in values.items()}

    def owner_of(self, span: Span) -> str | None:
        found = (name for name, one in self._shown.items() if any(map(span.overlaps, one.ranges)))
        return next(found, None)

    def has_subnet(self, span: Span) -> bool:
        return any(span.overlaps(subnet) for one in self._shown.values() for subnet in one.subnets)


def refusal(values: Values, *, in_full: bool = True) -> str | None:
    """What is said of values; None when they are taken."""
    try:
        check_required(values)
        check_networks(values, Neighbours(TAKEN), in_full=in_full)
    except BadRequest as error:
        return error.message
    return None


def test_each_row_has_two_wrong_inputs() -> None:
    assert all(len({str(case.wrong) for case in cases}) >= 2 for cases in ROWS.values())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_wrong_has_its_text_and_its_neighbour_is_right(case: NetworkCase) -> None:
    assert refusal(case.values(case.wrong, 1)) == case.text
    assert refusal(case.values(case.right, 1)) is None


@pytest.mark.parametrize("case", COPIED, ids=str)
def test_the_form_of_another_sites_values_is_judged(case: NetworkCase) -> None:
    assert refusal(case.values(case.wrong, 1), in_full=False) == case.text
    assert refusal(case.values(case.right, 1), in_full=False) is None


@pytest.mark.parametrize("case", KEPT_OF_COPIES, ids=str)
def test_how_another_sites_values_fit_is_not_judged(case: NetworkCase) -> None:
    assert refusal(case.values(case.wrong, 1), in_full=False) is None


@pytest.mark.parametrize("changes", RIGHT, ids=str)
def test_networks_that_fit_are_taken(changes: Values) -> None:
    values = bootstrap_values(**changes)
    assert refusal(values) is None
    assert objection(values) is None
    assert shown_network(values).ranges


# -- the order of the rows: what is wrong in two ways has the text of the upper one --


def _fault(subnet: str | None = None, start: str | None = None, **more: Any) -> Values:
    given = {"management_subnet": subnet, "management_start_address": start, **more}
    return {key: value for key, value in given.items() if value is not None}


# (base, values that break the row and those below it, the text of the upper one)
ORDER: list[tuple[Values, Values, str]] = [
    ({}, _fault("a,b,c", "1,2,3"), "management_subnet invalid: Invalid subnet - more than two IP subnets"),
    (
        {},
        _fault("10.1.0.0/24,10.2.0.0/24", "1,2,3"),
        "management_start_address invalid: Invalid address - more than two IP addresses",
    ),
    (
        {},
        _fault("x", "10.70.1.2,10.70.1.3"),
        "management_start_address invalid: Invalid address - dual-stack of same IP family",
    ),
    ({}, _fault("x", "y"), "management_subnet invalid: Invalid subnet - not a valid IP subnet"),
    (
        {},
        _fault(start="y", external_oam_subnet="x"),
        "external_oam_subnet invalid: Invalid subnet - not a valid IP subnet",
    ),
    (
        {},
        _fault(start="y", management_end_address="fd70::1"),
        "management_start_address invalid: Invalid address - not a valid IP address",
    ),
    (
        {},
        _fault("10.70.1.0/31", "fd70::1"),
        "management_start_address invalid: Invalid IP version - must match network version IPv4",
    ),
    (
        {},
        _fault("10.70.1.0/31", "10.70.9.2"),
        "management_subnet invalid: Subnet too small - must have at least 4 addresses",
    ),
    (
        {},
        _fault(start="10.70.2.2"),
        "management_start_address invalid: Address must be in subnet 10.70.1.0/24",
    ),
    (
        {"system_mode": "duplex"},
        _fault(start="10.70.1.91", management_gateway_address="10.70.1.91"),
        "management_start_address greater than management_end_address",
    ),
    (
        {"system_mode": "duplex"},
        {
            "management_subnet": "10.70.40.0/24",
            "management_start_address": "10.70.40.2",
            "management_end_address": "10.70.40.3",
            "management_gateway_address": "10.70.40.3",
        },
        "management address range must contain at least 3 addresses",
    ),
    (
        {},
        {
            "management_subnet": "10.70.40.0/24",
            "management_start_address": "10.70.40.2",
            "management_end_address": "10.70.40.9",
            "management_gateway_address": "10.70.40.3",
        },
        "Management address range overlaps with that of subcloud quay-40",
    ),
    (
        {},
        {
            "management_gateway_address": "10.70.1.5",
            "external_oam_subnet": "10.70.1.0/24",
            "external_oam_gateway_address": "10.70.1.91",
            "external_oam_floating_address": "10.70.1.92",
        },
        "management_gateway_address invalid, is within management pool: 10.70.1.2 - 10.70.1.90",
    ),
    (
        {},
        {
            "external_oam_subnet": "10.70.1.0/24",
            "external_oam_gateway_address": "10.70.1.91",
            "external_oam_floating_address": "10.70.1.92",
            "systemcontroller_gateway_address": "fd69::1",
        },
        "external_oam_subnet invalid: Subnet overlaps with another configured subnet",
    ),
    (
        {},
        {"systemcontroller_gateway_address": "fd69::1", "management_floating_address": "10.70.1.7"},
        "systemcontroller_gateway_address invalid: Expected IPv4",
    ),
]


@pytest.mark.parametrize(("base", "changes", "text"), ORDER, ids=lambda value: ascii(value)[-60:])
def test_the_first_row_that_does_not_hold_gives_the_text(base: Values, changes: Values, text: str) -> None:
    assert refusal(bootstrap_values(**{**base, **changes})) == text


# -- what must be there --


@pytest.mark.parametrize("case", REQUIRED, ids=str)
def test_what_is_empty_is_missing_and_a_member_without_it_is_not_sent(case: NetworkCase) -> None:
    values = {**case.values(case.base, 1), **case.wrong}
    assert refusal(values) == objection(values) == case.text
    assert refusal({key: value if value is not None else "" for key, value in values.items()}) == case.text


@pytest.mark.parametrize("mode", ["SIMPLEX", 1, ["simplex"]])
def test_a_system_mode_is_one_of_three(mode: Any) -> None:
    text = "system_mode invalid: must be one of simplex, duplex, duplex-direct"
    assert refusal(bootstrap_values(system_mode=mode)) == text


def test_both_gateways_together_are_refused() -> None:
    values = bootstrap_values(**{**ADMIN, "management_gateway_address": "10.70.1.1"})
    assert "cannot be given at the same time" in str(refusal(values))


# -- what is quoted --


@pytest.mark.parametrize(
    ("wrong", "quoted"),
    [
        ("10.69.0.1\x1b[2J", "10.69.0.1 [2J"),
        ("x" * 300, "x" * 99 + "…"),
        ({"admin_password": "Bollard*7"}, "{'admin_password': '******'}"),
    ],
)
def test_what_is_no_address_is_quoted_on_one_line_without_secrets(wrong: Any, quoted: str) -> None:
    values = bootstrap_values(systemcontroller_gateway_address=wrong)
    text = "systemcontroller_gateway_address invalid: failed to detect a valid IP address from"
    assert refusal(values) == f"{text} '{quoted}'"


# -- what is shown --


def test_the_admin_network_is_shown_where_there_is_one() -> None:
    assert shown_network(bootstrap_values()).subnet == "10.70.1.0/24"
    shown = shown_network(bootstrap_values(**ADMIN))
    assert (shown.subnet, shown.start, shown.end) == ("fd70:1::/64", "fd70:1::2", "fd70:1::90")
    assert (shown.gateway, shown.controller_gateway) == ("fd70:1::1", "fd69::1")
    assert shown.oam_floating == "10.71.9.20"
    assert {span.version for span in (*shown.subnets, *shown.ranges)} == {6}


def test_of_two_families_the_primary_is_shown_and_both_are_taken() -> None:
    shown = shown_network(bootstrap_values(**DUAL))
    assert (shown.subnet, shown.start, shown.end) == ("10.70.1.0/24", "10.70.1.2", "10.70.1.90")
    assert [span.version for span in shown.subnets] == [4, 6]
    first, second = shown.ranges
    assert (first.last - first.first, second.last - second.first) == (88, 0x8E)


def test_a_floating_address_is_shown_as_start_and_end() -> None:
    shown = shown_network(bootstrap_values(**FLOATING))
    assert (shown.start, shown.end) == ("10.70.1.5", "10.70.1.5")
    assert shown.ranges == (Span(4, 0x0A460105, 0x0A460105),)


def test_what_is_shown_is_in_canonical_form() -> None:
    values = {**IPV6, "management_subnet": "FD70:1:0::5/64", "management_start_address": "FD70:1:0::0002"}
    shown = shown_network(bootstrap_values(**values))
    assert (shown.subnet, shown.start) == ("fd70:1::/64", "fd70:1::2")


@pytest.mark.parametrize("key", ["systemcontroller_gateway_address", "external_oam_floating_address"])
@pytest.mark.parametrize("value", [None, "quay"])
def test_a_network_is_shown_without_what_stands_beside_it(key: str, value: str | None) -> None:
    whole = shown_network(bootstrap_values())
    shown = shown_network({**bootstrap_values(), key: value})
    beside = {"systemcontroller_gateway_address": "controller_gateway"}.get(key, "oam_floating")
    assert shown == ShownNetwork(**{**vars(whole), beside: None})
