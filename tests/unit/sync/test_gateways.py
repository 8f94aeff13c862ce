"""What a member takes for its way to a peer's system controller, and which one cannot be sent at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dcapi.models import Subcloud
from dcapi.models.secret_values import rehome_data
from dcapi.sync.values.member import GATEWAY_KEY, gateway_for, member_of
from dcapi.sync.values.plan import make_plan
from tests.networks.case import ADMIN, DUAL, FLOATING, IPV6
from tests.networks.fit_cases import LARGE_ENOUGH, LONG_ENOUGH
from tests.subcloud_forms import bootstrap_values
from tests.unit.sync.builders import copy_of, member, pushed

V4, V6 = "10.61.0.1", "fd61::1"
DUAL_IPV6_FIRST = {key: ",".join(reversed(str(value).split(","))) for key, value in DUAL.items()}


@pytest.mark.parametrize(
    ("changes", "gateways", "taken"),
    [
        ({}, V4, V4),
        ({}, V6, None),
        ({}, f"{V6},{V4}", V4),
        (IPV6, f"{V4},{V6}", V6),
        (IPV6, V4, None),
        (ADMIN, f"{V4},{V6}", V6),
        (ADMIN, V4, None),
        (DUAL, f"{V6},{V4}", f"{V4},{V6}"),
        (DUAL, V4, V4),
        (DUAL, V6, None),
        (DUAL_IPV6_FIRST, f"{V4},{V6}", f"{V6},{V4}"),
        (DUAL_IPV6_FIRST, V6, V6),
    ],
)
def test_a_member_takes_the_gateways_of_its_network(
    changes: dict[str, Any], gateways: str, taken: str | None
) -> None:
    values = bootstrap_values(**changes)
    assert gateway_for(values, gateways) == taken
    row = Subcloud(name="quay-1", region_name="r", software_version="24.09")
    rehome_data.write(row, {"saved_payload": values})
    made = member_of(row, gateways)
    assert (made.payload.bootstrap_values or {})[GATEWAY_KEY] == (taken or values[GATEWAY_KEY])
    assert (made.problem is None) is (taken is not None)


def test_a_member_of_a_version_that_the_peer_has_not_says_what_to_do() -> None:
    one = replace(member(bootstrap_values=bootstrap_values(**IPV6)), gateways=V4)
    assert one.problem == (
        "the peer's gateway (10.61.0.1) is none for IPv6: give the system peer one of IPv6"
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, "system_mode required"),
        ({"note": "wrong file"}, "system_mode required"),
        (
            bootstrap_values(system_mode="triplex"),
            "system_mode invalid: must be one of simplex, duplex, duplex-direct",
        ),
        (
            bootstrap_values(management_subnet="10.70.1.0"),
            "management_subnet invalid: Invalid subnet - not a valid IP subnet",
        ),
        (bootstrap_values(external_oam_subnet=""), "external_oam_subnet required"),
    ],
)
def test_values_that_could_make_no_system_are_not_sent(values: dict[str, Any] | None, reason: str) -> None:
    bad, good = member("edge-1", bootstrap_values=values), member("edge-2")
    plan = make_plan([bad, good], [], {})
    assert plan.problems == {"edge-1": f"its bootstrap values cannot be sent: {reason}"}
    assert plan.create == [good]


def test_a_member_that_cannot_be_sent_is_neither_changed_nor_replaced_there() -> None:
    bad = member(bootstrap_values={"note": "wrong file"})
    for there in (copy_of(bad, description="old"), copy_of(bad, name="before-the-rename")):
        plan = make_plan([bad], [there], pushed(bad))
        assert (list(plan.problems), plan.changes) == (["edge-1"], 0)


def test_what_arrived_long_ago_is_no_problem_until_it_changes() -> None:
    old = member(bootstrap_values={"note": "taken by an older version"})
    assert make_plan([old], [copy_of(old)], pushed(old)).is_empty


@pytest.mark.parametrize("case", [*LARGE_ENOUGH, *LONG_ENOUGH], ids=str)
def test_sizes_that_an_older_version_took_go_on_being_sent(case: Any) -> None:
    values = case.values(case.wrong, 1)
    one = replace(member(bootstrap_values=values), gateways=f"{V4},{V6}")
    assert one.problem is None
    assert make_plan([one], [], {}).create == [one]


def test_a_name_and_a_range_may_be_missing_from_what_is_sent() -> None:
    """The row has the name; a floating address stands for the range."""
    dropped: dict[str, Any] = {"name": None, **FLOATING}
    assert member(bootstrap_values=bootstrap_values(**dropped)).problem is None
