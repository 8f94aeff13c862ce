"""A subcloud goes to another site, or comes from one, outside of a migration of its group and within."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dcapi.deploy.port import Phase
from tests.integration.kept_tasks import make_due, one_step, tasks
from tests.integration.subclouds.fleet import Fleet, done, refused
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, failing, patch
from tests.subcloud_forms import PASSWORD, form, install_values, new_form


def test_migrate_marks_an_unmanaged_subcloud_as_one_to_be_rehomed(fleet: Fleet) -> None:
    fleet.managed()
    refused(
        patch(fleet, migrate="true"),
        400,
        "Subcloud quay-1 is managed: unmanage it before, or together with, migrate",
    )
    answer = done(patch(fleet, migrate="true", management__state="unmanaged")).json
    assert (answer["management-state"], answer["deploy-status"]) == ("unmanaged", "rehome-pending")
    again = patch(fleet, migrate="true")
    text = "Subcloud quay-1 is rehome-pending: migrate needs the deploy status complete"
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


def begin_redeployment(fleet: Fleet) -> str:
    fleet.set_subcloud(1, management_state="unmanaged", availability_status="offline")
    more = {"install_values": install_values(), "bmc_password": PASSWORD}
    done(fleet.operator.patch("/subclouds/1/redeploy", **form(sysadmin_password=PASSWORD, **more)))
    return "deploy"


def begin_reconfiguration(fleet: Fleet) -> str:
    fleet.set_subcloud(1, management_state="unmanaged")
    done(patch(fleet, **NETWORK, **WITH_ACCESS))
    return "reconfigure-network"


def begin_prestaging(fleet: Fleet) -> str:
    done(fleet.operator.patch("/subclouds/1/prestage", json={"sysadmin_password": PASSWORD}))
    return "prestage"


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("begin", [begin_redeployment, begin_reconfiguration, begin_prestaging])
def test_work_on_a_member_that_is_let_go_ends_without_a_deploy_status(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, begin: Callable[[Fleet], str], steps: int, fails: bool
) -> None:
    """What runs there goes on unseen; the site that asked for it reads nothing but that it was let go."""
    group = fleet.group()
    member = fleet.member("harbour")
    kind = begin(fleet)
    for _ in range(steps):
        one_step(fleet.runtime, kind)
        make_due(fleet.runtime)
    fleet.set_group(group["id"], migration_status="migrating")
    call = f"/subclouds/{member['region-name']}"
    done(fleet.other_site.patch(call, **form(management__state="unmanaged", migrate="true")))
    if fails:
        for phase in (Phase.INSTALL, Phase.RECONFIGURE, Phase.PRESTAGE):
            failing(monkeypatch, phase, "broken")
    for _ in range(3):
        make_due(fleet.runtime)
        fleet.run_sweep()
    shown = fleet.show(member["id"])
    assert (shown["management-state"], shown["deploy-status"]) == ("unmanaged", "rehome-pending")
    assert tasks(fleet.runtime) == []


def test_work_that_ends_while_a_member_is_let_go_writes_no_deploy_status(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployer was asked before, and answers after it."""
    group = fleet.group()
    member = fleet.member("harbour")
    kind = begin_reconfiguration(fleet)
    fleet.set_group(group["id"], migration_status="migrating")
    deployer, call = fleet.runtime.deployer, f"/subclouds/{member['region-name']}"
    ask = type(deployer).begin

    def let_go_first(self: object, phase: Phase, target: object) -> object:
        done(fleet.other_site.patch(call, **form(migrate="true")))
        return ask(deployer, phase, target)  # type: ignore[arg-type]

    monkeypatch.setattr(type(deployer), "begin", let_go_first)
    one_step(fleet.runtime, kind)
    assert fleet.show(member["id"])["deploy-status"] == "rehome-pending"


def test_a_subcloud_that_is_being_rehomed_is_left_alone(fleet: Fleet) -> None:
    secondary = fleet.secondary()
    fleet.set_subcloud(secondary["id"], rehome_step="waiting")
    text = "The subcloud is being rehomed to this site: try again when it has finished"
    refused(patch(fleet, location="x"), 409, text)
    active = "Cannot delete a subcloud during an active operation."
    refused(fleet.operator.delete("/subclouds/1"), 400, active)
    refused(fleet.other_site.patch(f"/subclouds/{secondary['region-name']}", **form(location="x")), 409, text)
