"""Peer groups over PATCH, and DELETE: the rules as an operator and another site meet them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.subclouds.fleet import ELSEWHERE, Fleet, done, refused
from tests.subcloud_forms import ADDRESS, bootstrap_values, form, new_form

VALUES = {"bootstrap_values": bootstrap_values(), "bootstrap_address": ADDRESS}


def join(fleet: Fleet, group: str, **parts: Any) -> Any:
    return fleet.operator.patch("/subclouds/quay-1", **form(peer_group=group, **parts))


@pytest.mark.parametrize("reference", ["harbour", "1"])
def test_a_subcloud_joins_by_name_or_id_and_leaves(fleet: Fleet, reference: str) -> None:
    fleet.group("harbour")
    fleet.managed()
    assert done(join(fleet, reference, **VALUES)).json["peer_group_id"] == 1
    assert done(join(fleet, "none")).json["peer_group_id"] is None
    # Its rehome data are there from the first time.
    assert done(join(fleet, reference)).json["peer_group_id"] == 1


def test_who_is_not_managed_and_online_does_not_join(fleet: Fleet) -> None:
    fleet.group("harbour")
    fleet.deployed()
    text = "Only subclouds that are managed and online can be added to a peer group."
    refused(join(fleet, "harbour", **VALUES), 400, text)


@pytest.mark.parametrize(
    "given", [{}, {"bootstrap_address": ADDRESS}, {"bootstrap_values": bootstrap_values()}]
)
def test_joining_takes_rehome_data(fleet: Fleet, given: dict[str, Any]) -> None:
    fleet.group("harbour")
    fleet.managed()
    text = (
        "Cannot update the subcloud peer group: must provide both the bootstrap-values and bootstrap-address."
    )
    refused(join(fleet, "harbour", **given), 400, text)


def test_a_group_that_is_at_home_elsewhere_is_not_joined(fleet: Fleet) -> None:
    fleet.secondary_group("harbour")
    fleet.group("basin", **{"system-leader-id": ELSEWHERE})
    fleet.managed()
    text = "Cannot set the subcloud to a peer group with non-zero priority."
    refused(join(fleet, "harbour", **VALUES), 400, text)
    text = "Update subcloud to a peer group that is not led by the current site is prohibited."
    refused(join(fleet, "basin", **VALUES), 400, text)


def test_a_member_of_a_group_led_elsewhere_stays_as_it_is(fleet: Fleet) -> None:
    group = fleet.group("harbour")
    fleet.member("harbour")
    fleet.set_group(group["id"], system_leader_id=ELSEWHERE)
    text = "Removing subcloud from a peer group not led by the current site is prohibited."
    refused(join(fleet, "none"), 400, text)
    text = "Updating subcloud from a peer group not led by the current site is prohibited."
    refused(fleet.operator.patch("/subclouds/quay-1", **form(location="x")), 400, text)


def test_a_member_is_not_managed_by_hand(fleet: Fleet) -> None:
    fleet.group("harbour")
    fleet.member("harbour")
    text = "Cannot update the management state of a subcloud that is associated with a peer group."
    refused(fleet.operator.patch("/subclouds/quay-1", **form(management__state="unmanaged")), 400, text)


def test_a_member_of_a_secondary_group_is_not_changed_here(fleet: Fleet) -> None:
    fleet.secondary_group("harbour")
    fleet.group("basin")
    fleet.secondary(group="harbour")
    patch = fleet.operator.patch
    text = "Subcloud update is only allowed when its peer group priority value is 0."
    refused(patch("/subclouds/quay-1", **form(description="x")), 400, text)
    text = "Only bootstrap values and address can be updated in the non-primary site"
    refused(patch("/subclouds/quay-1", **form(description="x", bootstrap_address=ADDRESS)), 400, text)
    text = (
        "Subcloud bootstrap values or address update in the non-primary site is only allowed when rehome "
        "failed and the primary site is unavailable."
    )
    refused(patch("/subclouds/quay-1", **form(bootstrap_address=ADDRESS)), 400, text)
    text = (
        "Cannot move subcloud to a new peer group if the original peer group is not primary "
        "(non-zero priority)."
    )
    refused(join(fleet, "basin"), 400, text)


def test_a_group_is_left_only_when_its_primary_is_gone(fleet: Fleet) -> None:
    group = fleet.secondary_group("harbour", leader=fleet.runtime.site.uuid)
    fleet.secondary(group="harbour")
    fleet.association(group["id"], kind="non-primary", availability="available")
    text = "Removing subcloud from a peer group associated with an available system peer is prohibited."
    refused(join(fleet, "none"), 400, text)


def test_values_corrected_after_a_failed_rehome_reach_the_primary(fleet: Fleet) -> None:
    group = fleet.secondary_group("harbour", leader=fleet.runtime.site.uuid)
    subcloud = fleet.secondary(group="harbour")
    association = fleet.association(group["id"], kind="non-primary", availability="unavailable")
    fleet.set_subcloud(subcloud["id"], deploy_status="rehome-failed")
    unchanged = done(fleet.operator.patch("/subclouds/quay-1", **form(bootstrap_address=ADDRESS))).json
    assert "info_message" not in unchanged
    assert fleet.standing(association) == ("in-sync", 0)
    changed = done(fleet.operator.patch("/subclouds/quay-1", **form(bootstrap_address="10.71.9.77"))).json
    assert str(association) in changed["info_message"]
    assert changed["info_message"].endswith("\n")
    assert fleet.standing(association)[0] == "out-of-sync"
    # It is the primary that would sync, so nothing is to be done about it here.
    assert fleet.run_jobs() == 0
    assert done(join(fleet, "none")).json["peer_group_id"] is None


# -- deletion --


def test_only_what_is_unmanaged_and_off_the_air_is_deleted(fleet: Fleet) -> None:
    fleet.managed()
    refused(fleet.operator.delete("/subclouds/1"), 400, 'Cannot delete a subcloud that is "managed" status')
    done(fleet.operator.patch("/subclouds/1", **form(management__state="unmanaged")))
    assert fleet.operator.delete("/subclouds/1").status_code == 422
    fleet.set_subcloud(1, availability_status="offline")
    answer = done(fleet.operator.delete("/subclouds/quay-1/"))
    assert answer.json is None
    refused(fleet.operator.delete("/subclouds/1"), 404, "Subcloud not found")
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}


def test_an_operator_does_not_delete_a_member(fleet: Fleet) -> None:
    fleet.secondary_group("harbour")
    fleet.secondary(group="harbour")
    text = "Cannot delete a subcloud that is part of a peer group on this site"
    refused(fleet.operator.delete("/subclouds/1"), 400, text)


def test_a_subcloud_that_is_being_deployed_can_be_deleted_by_force(fleet: Fleet) -> None:
    done(fleet.operator.post("/subclouds", **new_form()))
    done(fleet.operator.delete("/subclouds/1?force=true"))
    assert fleet.run_jobs() == 2  # the deployment finds nothing to do, and what was deployed is torn down
    assert fleet.operator.get("/subclouds").json == {"subclouds": []}
    assert fleet.deployed()["deploy-status"] == "complete"


# -- another site --


def test_another_site_names_what_it_deletes_by_name_or_region(fleet: Fleet) -> None:
    fleet.secondary_group("harbour")
    by_name = fleet.secondary(1, group="harbour")
    by_region = fleet.secondary(2, group="harbour")
    assert done(fleet.other_site.delete(f"/subclouds/{by_name['name']}")).json is None
    assert done(fleet.other_site.delete(f"/subclouds/{by_region['region-name']}")).json is None
    refused(fleet.other_site.delete("/subclouds/quay-1"), 404, "Subcloud not found")


def test_a_name_is_looked_up_before_a_region(fleet: Fleet) -> None:
    named = fleet.secondary(1)
    region = fleet.secondary(2, region_name="pier-2")
    fleet.set_subcloud(named["id"], name="pier-2")
    done(fleet.other_site.delete("/subclouds/pier-2"))
    assert [one["id"] for one in done(fleet.operator.get("/subclouds")).json["subclouds"]] == [region["id"]]


@pytest.mark.parametrize("make", ["deployed", "managed"])
def test_another_site_touches_nothing_that_lives_here(fleet: Fleet, make: str) -> None:
    subcloud = getattr(fleet, make)()
    fleet.set_subcloud(subcloud["id"], availability_status="offline")
    before = fleet.show(subcloud["id"])
    region = subcloud["region-name"]
    for parts in ({"description": "x"}, {"peer_group": "none", **VALUES}, VALUES):
        assert fleet.other_site.patch(f"/subclouds/{region}", **form(**parts)).status_code == 400
    assert fleet.other_site.delete(f"/subclouds/{region}").status_code == 400
    assert fleet.show(subcloud["id"]) == before


def test_another_site_changes_its_copy_by_region_name(fleet: Fleet) -> None:
    fleet.secondary_group("harbour")
    region = fleet.secondary()["region-name"]
    values = bootstrap_values(admin_password="c2VhbA==", systemcontroller_gateway_address="10.68.0.1")
    parts = {
        "bootstrap_values": values,
        "bootstrap__address": "10.71.9.50",
        "install_values": {"odd": 1},
        "peer_group": "harbour",
        "region_name": "0" * 32,
        "release": "22.12",
        "description": "",
    }
    answer = done(fleet.other_site.patch(f"/subclouds/{region}", **form(**parts))).json
    assert answer["peer_group_id"] == 1
    assert answer["region-name"] == region
    assert answer["software-version"] == "22.12"
    assert answer["systemcontroller-gateway-ip"] == "10.68.0.1"
    assert answer["description"] == ""
    assert answer["location"] == "Turku"
    shown = fleet.show(1)
    assert '"admin_password": "c2VhbA=="' in shown["rehome_data"]
    assert '"bootstrap-address": "10.71.9.50"' in shown["rehome_data"]
    assert shown["data_install"] == '{"odd": 1}'


def test_another_site_may_say_the_name_and_not_change_it(fleet: Fleet) -> None:
    region = fleet.secondary()["region-name"]
    done(fleet.other_site.patch(f"/subclouds/{region}", **form(name="quay-1", location="x")))
    answer = fleet.other_site.patch(f"/subclouds/{region}", **form(name="quay-2", location="x"))
    text = "Subcloud quay-1 must be deployed and unmanaged for the subcloud rename operation."
    refused(answer, 400, text)


@pytest.mark.parametrize("status", ["secondary-failed", "rehome-failed", "rehome-prep-failed"])
@pytest.mark.parametrize("more", [{}, {"force": "true"}])
def test_another_site_has_no_copy_managed_whatever_failed(
    fleet: Fleet, status: str, more: dict[str, str]
) -> None:
    subcloud = fleet.secondary()
    fleet.set_subcloud(subcloud["id"], deploy_status=status, availability_status="online")
    wanted = form(management__state="managed", **more)
    answer = fleet.other_site.patch(f"/subclouds/{subcloud['region-name']}", **wanted)
    refused(answer, 400, "Cannot perform on secondary state subcloud")
    assert fleet.show(subcloud["id"])["management-state"] == "unmanaged"


@pytest.mark.parametrize("status", ["secondary-failed", "rehome-failed", "rehome-prep-failed"])
def test_another_site_takes_care_of_copies_that_failed(fleet: Fleet, status: str) -> None:
    subcloud = fleet.secondary()
    fleet.set_subcloud(subcloud["id"], deploy_status=status)
    region = subcloud["region-name"]
    done(fleet.other_site.patch(f"/subclouds/{region}", **form(location="x")))
    done(fleet.other_site.delete(f"/subclouds/{region}"))
