"""What a subcloud shows of its networks, and is judged by, follows its values, whoever changes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from dcapi.models import ShownSpan, Subcloud
from dcapi.models.network_values import shown_network
from dcapi.models.secret_values import rehome_data
from dcapi.models.shown_span import bounds_of
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.test_samples import sample
from tests.subcloud_forms import (
    ADDRESS,
    PASSWORD,
    Values,
    bootstrap_values,
    dual_stack,
    form,
    install_values,
    secondary_form,
)

MOVED: Values = {
    "management_subnet": "10.99.10.0/24",
    "management_start_address": "10.99.10.2",
    "management_end_address": "10.99.10.40",
    "management_gateway_address": "10.99.10.1",
    "external_oam_floating_address": "10.71.9.33",
    "systemcontroller_gateway_address": "10.61.0.1",
}
SHOWN = {
    "management-subnet": "10.99.10.0/24",
    "management-start-ip": "10.99.10.2",
    "management-end-ip": "10.99.10.40",
    "management-gateway-ip": "10.99.10.1",
    "systemcontroller-gateway-ip": "10.61.0.1",
}


def shown(answer: Values) -> Values:
    return {key: answer[key] for key in SHOWN}


def expect_moved(fleet: Fleet, answer: Values) -> None:
    """The answer, every call and the table of spans show the new network; the old one is free."""
    detail = done(fleet.operator.get(f"/subclouds/{answer['id']}/detail")).json
    assert shown(answer) == shown(fleet.show(answer["id"])) == shown(detail) == SHOWN
    assert detail["oam_floating_ip"] == "10.71.9.33"
    refused(
        create(fleet, 8, **{key: value for key, value in MOVED.items() if "management" in key}),
        400,
        f"Management address range overlaps with that of subcloud {answer['name']}",
    )
    old = {key: value for key, value in bootstrap_values(1).items() if key.startswith("management")}
    done(create(fleet, 8, **old))


def create(fleet: Fleet, number: int, **changes: Any) -> Any:
    parts = secondary_form(number, bootstrap_values=bootstrap_values(number, **changes))
    return fleet.operator.post("/subclouds", **parts)


def patched(fleet: Fleet) -> Any:
    fleet.deployed()
    parts = form(bootstrap_values=bootstrap_values(**MOVED))
    return done(fleet.operator.patch("/subclouds/quay-1", **parts)).json


def patched_member(fleet: Fleet) -> Any:
    """As its file says it (the sample has its own OAM address)."""
    group = fleet.group()
    fleet.member("harbour")
    association = fleet.association(group["id"])
    moved = sample("10-member-moved").replace(b"%(name)s", b"quay-1").replace(b"10.71.9.20", b"10.71.9.33")
    answer = done(fleet.operator.patch("/subclouds/quay-1", **form(bootstrap_values=moved))).json
    assert str(association) in answer["info_message"]
    assert fleet.standing(association) == ("out-of-sync", 1)
    return answer


def patched_copy(fleet: Fleet) -> Any:
    fleet.secondary_group()
    copy = fleet.secondary(1, "harbour")
    parts = form(bootstrap_values=bootstrap_values(**MOVED), bootstrap__address=ADDRESS, peer_group="harbour")
    return done(fleet.other_site.patch(f"/subclouds/{copy['region-name']}", **parts)).json


def redeployed(fleet: Fleet) -> Any:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    fleet.set_subcloud(1, availability_status="offline")
    parts = form(bootstrap_values=bootstrap_values(**MOVED), sysadmin_password=PASSWORD)
    return done(fleet.operator.patch("/subclouds/quay-1/redeploy", **parts)).json


@pytest.mark.parametrize("change", [patched, patched_member, patched_copy, redeployed])
def test_a_new_set_of_values_is_shown_and_guarded_at_once(
    fleet: Fleet, change: Callable[[Fleet], Values]
) -> None:
    expect_moved(fleet, change(fleet))


def test_both_families_and_the_gateway_of_another_site_are_shown_of_a_copy(fleet: Fleet) -> None:
    copy = fleet.secondary()
    values = bootstrap_values(**dual_stack(), systemcontroller_gateway_address="10.61.0.1,fd61::1")
    parts = form(bootstrap_values=values)
    answer = done(fleet.other_site.patch(f"/subclouds/{copy['region-name']}", **parts)).json
    assert answer["systemcontroller-gateway-ip"] == "10.61.0.1"
    network = shown_network(values)
    with fleet.runtime.unit_of_work() as session:
        stored = {
            (span.kind, bytes(span.first), bytes(span.last)) for span in session.scalars(select(ShownSpan))
        }
    kinds = {"subnet": network.subnets, "range": network.ranges}
    assert stored == {(kind, *bounds_of(span)) for kind, spans in kinds.items() for span in spans}


# -- what a change may not bring --


def patch(fleet: Fleet, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/quay-1", **form(**parts))


def test_the_values_of_another_subcloud_are_refused_before_all_else(fleet: Fleet) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    fleet.set_subcloud(1, availability_status="offline")
    text = "name invalid: the bootstrap values are of quay-2, not of quay-1"
    for values in (bootstrap_values(2), {"name": "quay-2", "note": "wrong file"}):
        refused(patch(fleet, bootstrap_values=values), 400, text)
        again = form(bootstrap_values=values, sysadmin_password=PASSWORD)
        refused(fleet.operator.patch("/subclouds/quay-1/redeploy", **again), 400, text)
    assert fleet.show(1)["rehome_data"] is None


def test_a_name_in_the_values_need_not_be_there_or_is_the_new_one(fleet: Fleet) -> None:
    fleet.deployed()
    dropped: Values = {"name": None}
    done(patch(fleet, bootstrap_values=bootstrap_values(**dropped)))
    assert "name" not in json.loads(fleet.show(1)["rehome_data"])["saved_payload"]
    answer = done(patch(fleet, name="pier-1", bootstrap_values=bootstrap_values(name="pier-1"))).json
    assert answer["name"] == "pier-1"
    assert json.loads(fleet.show(1)["rehome_data"])["saved_payload"]["name"] == "pier-1"


@pytest.mark.parametrize("values", [{}, {"note": "wrong file"}])
def test_values_that_could_deploy_nothing_take_the_place_of_none(fleet: Fleet, values: Values) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    fleet.set_subcloud(1, availability_status="offline")
    before = fleet.show(1)
    refused(patch(fleet, bootstrap_values=values), 400, "system_mode required")
    again = form(bootstrap_values=values, sysadmin_password=PASSWORD)
    refused(fleet.operator.patch("/subclouds/quay-1/redeploy", **again), 400, "system_mode required")
    assert fleet.show(1) == before


OLD: list[tuple[Values, str]] = [
    ({"system_mode": None}, "system_mode required"),
    ({"external_oam_subnet": None}, "external_oam_subnet required"),
    (
        {"management_end_address": "10.70.1.300"},
        "management_end_address invalid: Invalid address - not a valid IP address",
    ),
]
TOO_SMALL: Values = {
    "management_subnet": "10.70.1.0/31",
    "management_start_address": "10.70.1.0",
    "management_end_address": "10.70.1.1",
}


def store(fleet: Fleet, subcloud_id: int, **changes: Any) -> None:
    """Let an older version have taken these values."""
    with fleet.runtime.unit_of_work() as session:
        row = session.get_one(Subcloud, subcloud_id)
        payload = {**bootstrap_values(**changes), "bootstrap-address": ADDRESS}
        rehome_data.write(row, {"saved_payload": payload})
        session.commit()


def test_nobody_joins_a_group_with_values_that_could_deploy_nothing(fleet: Fleet) -> None:
    fleet.group()
    fleet.managed()
    small = (TOO_SMALL, "management_subnet invalid: Subnet too small - must have at least 4 addresses")
    for changes, text in (*OLD, small):
        store(fleet, 1, **changes)
        refused(patch(fleet, peer_group="harbour"), 400, text)
    assert fleet.show(1)["peer_group_id"] is None
    done(patch(fleet, peer_group="harbour", bootstrap_values=bootstrap_values()))


def test_another_sites_copy_joins_with_values_of_the_right_form(fleet: Fleet) -> None:
    fleet.secondary_group()
    copy = fleet.secondary()
    for changes, text in OLD:
        store(fleet, copy["id"], **changes)
        answer = fleet.other_site.patch(f"/subclouds/{copy['region-name']}", **form(peer_group="harbour"))
        refused(answer, 400, text)
    store(fleet, copy["id"], **TOO_SMALL)
    done(fleet.other_site.patch(f"/subclouds/{copy['region-name']}", **form(peer_group="harbour")))


def test_stored_values_of_an_older_version_go_on_being_deployed(fleet: Fleet) -> None:
    fleet.deployed(install_values=install_values(), bmc_password=PASSWORD)
    fleet.set_subcloud(1, availability_status="offline")
    store(fleet, 1, **TOO_SMALL, name="a-name-of-long-ago")
    again = form(sysadmin_password=PASSWORD)
    done(fleet.operator.patch("/subclouds/quay-1/redeploy", **again))
    assert fleet.show(1)["management-subnet"] == "10.70.1.0/31"
