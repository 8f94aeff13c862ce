"""Scenarios 5 and 6: attributes of a group that is associated change at both sites, or at none."""

from __future__ import annotations

from typing import Any

import requests

from dcapi.lab.expectations import UnmetError, expect_equal
from dcapi.lab.operator import RefusedError
from dcapi.lab.pair import Pair
from dcapi.lab.shared_group import GROUPS, SharedGroup, shared_group


def _new_values(shared: SharedGroup) -> tuple[tuple[str, str, Any], ...]:
    """Field in the request, field in the answer, new value."""
    return (
        ("max-subcloud-rehoming", "max_subcloud_rehoming", 25),
        ("group-state", "group_state", "disabled"),
        ("peer-group-name", "peer_group_name", f"{shared.name} of the belt"),
    )


def attributes_reach_the_peer(pair: Pair) -> None:
    """Scenario 5."""
    with pair.step("a group is in sync on both sites"):
        shared = shared_group(pair, "ferries", [pair.new_member("ferry")])
    id_at_b = shared.at_b()["id"]
    for request_field, field, value in _new_values(shared):
        with pair.step(f"{request_field} is changed: A accepts it, B shows it at once"):
            answer = pair.at_a.update(GROUPS, shared.id, {request_field: value})
            at_b = pair.at_b.one(GROUPS, id_at_b)
            seen = (answer[field], shared.at_a()[field], at_b[field])
            expect_equal(f"{field} in the answer, at A, at B", seen, (value, value, value))
    with pair.step("both sites are still in sync"):
        shared.name = shared.at_a()["peer_group_name"]
        shared.expect_status("in-sync")


def attributes_are_refused_without_the_peer(pair: Pair) -> None:
    """Scenario 6."""
    with pair.step("a group is in sync on both sites"):
        shared = shared_group(pair, "trains", [pair.new_member("train")])
    before = shared.at_a()
    try:
        with pair.step("B goes down"):
            pair.take_b_down()
        for request_field, _, value in _new_values(shared):
            with pair.step(f"{request_field} is changed: refused with 403, A is unchanged"):
                _expect_refused(shared, request_field, value)
                expect_equal("the group at A", shared.at_a(), before)
    finally:
        with pair.step("B comes back"):
            pair.bring_b_back()
            # What is synced before A sees that is looked at once more as it does.
            pair.wait_for_peer("available")


def _expect_refused(shared: SharedGroup, field: str, value: Any) -> None:
    try:
        shared.pair.at_a.update(GROUPS, shared.id, {field: value})
    except RefusedError as refused:
        expect_equal("code of the refusal", refused.code, requests.codes.forbidden)
        expect_equal("its text", refused.text, "Unable to sync the update to the peer site(s)")
    else:
        raise UnmetError(f"a change of {field} was accepted with B down")
