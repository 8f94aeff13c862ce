"""A subcloud goes to another site, or comes from one, outside of a migration of its group and within."""

from __future__ import annotations

from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import patch
from tests.subcloud_forms import form, new_form


def test_migrate_marks_an_unmanaged_subcloud_as_one_to_be_rehomed(fleet: Fleet) -> None:
    fleet.managed()
    refused(
        patch(fleet, migrate="true"),
        400,
        "Subcloud quay-1 is managed: migrate takes one that is, or is being, unmanaged",
    )
    answer = done(patch(fleet, migrate="true", management__state="unmanaged")).json
    assert (answer["management-state"], answer["deploy-status"]) == ("unmanaged", "rehome-pending")
    again = patch(fleet, migrate="true")
    text = "Subcloud quay-1 is rehome-pending: migrate takes one whose deploy status is complete"
    refused(again, 400, text)
    back = done(patch(fleet, management__state="managed")).json
    assert (back["management-state"], back["deploy-status"]) == ("managed", "complete")


def test_a_subcloud_that_runs_elsewhere_is_brought_over(fleet: Fleet) -> None:
    created = done(fleet.operator.post("/subclouds", **new_form(migrate="true"))).json
    assert created["deploy-status"] == "pre-rehome"
    fleet.run_jobs()
    shown = fleet.show(created["id"])
    assert (shown["deploy-status"], shown["availability-status"]) == ("complete", "online")


def test_a_site_that_migrates_the_group_is_given_its_members(fleet: Fleet) -> None:
    group = fleet.group()
    member = fleet.member("harbour")
    ceding = form(management__state="unmanaged", migrate="true")
    call = f"/subclouds/{member['region-name']}"
    assert fleet.other_site.patch(call, **ceding).status_code == 400
    fleet.set_group(group["id"], migration_status="migrating")
    for more in ({"location": "x"}, {"management__state": "managed"}):
        asked = {"management__state": "unmanaged", "migrate": "true", **more}
        assert fleet.other_site.patch(call, **form(**asked)).status_code == 400
    for _ in range(2):  # an answer may be lost, and the call comes again
        answer = done(fleet.other_site.patch(call, **ceding)).json
        assert (answer["management-state"], answer["deploy-status"]) == ("unmanaged", "rehome-pending")


def test_a_subcloud_that_is_being_rehomed_is_left_alone(fleet: Fleet) -> None:
    secondary = fleet.secondary()
    fleet.set_subcloud(secondary["id"], rehome_step="waiting")
    text = "The subcloud is being rehomed to this site: wait until that has come to its end"
    refused(patch(fleet, location="x"), 409, text)
    refused(fleet.operator.delete("/subclouds/1"), 409, text)
    refused(fleet.other_site.patch(f"/subclouds/{secondary['region-name']}", **form(location="x")), 409, text)
