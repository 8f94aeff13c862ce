"""Every pair of what goes on with a subcloud and what is asked of it.

Source: "Busy" and "With other operations" in the contract of deployment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from dcapi.models import Task
from tests.integration.bad_input.world import digest
from tests.integration.kept_tasks import tasks
from tests.integration.phased.phases import CONFIG, Phased
from tests.integration.subclouds.fleet import Fleet, done
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS, busy_text
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)

Row = dict[str, Any]
# What is answered while a status of a column goes on: a code, and how the text begins; None: it is taken.
Answer = Callable[[str, str], tuple[int, str] | None]

BUSY: dict[str, tuple[str, ...]] = {
    "deploy_status": (
        "pre-deploy",
        "creating",
        "pre-install",
        "installing",
        "aborting-install",
        "pre-bootstrap",
        "bootstrapping",
        "aborting-bootstrap",
        "pre-config",
        "configuring",
        "aborting-config",
        "reconfiguring-network",
        "pre-init-enroll",
        "initiating-enroll",
        "init-enroll-complete",
        "pre-enroll",
        "enrolling",
        "pre-restore",
        "restoring",
        "onsite-restoring",
        "pre-rehome",
        "rehoming",
    ),
    "backup_status": ("validating", "pre-backup", "backing-up", "deleting-backup"),
    "prestage_status": ("prestaging",),
}
ABORTABLE = ("installing", "bootstrapping", "configuring")
REHOMING = ("pre-rehome", "rehoming")
ACTIVE = "Cannot delete a subcloud during an active operation."
OUT_OF_SERVICE = "Only subclouds that are managed and online can be added to a peer group."

ONLINE: Row = {"management_state": "unmanaged", "availability_status": "online"}
MANAGED: Row = {"management_state": "managed", "availability_status": "online"}
OFFLINE: Row = {"management_state": "unmanaged", "availability_status": "offline"}


def waits(column: str, status: str) -> tuple[int, str]:
    return 409, busy_text(column, status)


def skipped(column: str, status: str) -> tuple[int, str]:
    return 400, f"Prestage skipped 'quay-1': {busy_text(column, status)}"


def active(_column: str, _status: str) -> tuple[int, str]:
    return 400, ACTIVE


def kept_out(column: str, status: str) -> tuple[int, str]:
    """The list of a verb's statuses is judged before."""
    return (400, "Subcloud deploy ") if column == "deploy_status" else waits(column, status)


def redeployed(column: str, status: str) -> tuple[int, str]:
    return (409, "The subcloud is being rehomed") if status in REHOMING else waits(column, status)


def unless(column_of: str, code: int, text: str) -> Answer:
    """What goes on in this column alone stands in its way."""

    def answered(column: str, status: str) -> tuple[int, str] | None:
        if column != column_of:
            return None
        said = busy_text(column, status) if text == "B" else text.format(status)
        return (409, "The subcloud is being rehomed") if status in REHOMING else (code, said)

    return answered


def aborted(column: str, status: str) -> tuple[int, str] | None:
    if column != "deploy_status" or status in ABORTABLE:
        return None
    return 400, "Subcloud deploy status must be in one of the following states: "


@dataclass(frozen=True)
class Asked:
    """A request; ``row`` is what the subcloud is set to so that it is taken when nothing goes on."""

    name: str
    ask: Callable[[Phased], Any]
    answered: Answer
    row: Row = field(default_factory=dict)


def patched(**parts: Any) -> Callable[[Phased], Any]:
    return lambda phased: phased.fleet.operator.patch("/subclouds/quay-1", **form(**parts))


def phase(verb: str, status: str, answered: Answer = kept_out) -> Asked:
    return Asked(verb, lambda phased: phased.ask(verb, "quay-1"), answered, {"deploy_status": status})


def prestage(phased: Phased, *, force: bool) -> Any:
    body = {"sysadmin_password": PASSWORD, "force": force}
    return phased.fleet.operator.patch("/subclouds/quay-1/prestage", json=body)


def redeploy(phased: Phased) -> Any:
    return phased.fleet.operator.patch("/subclouds/quay-1/redeploy", **form(sysadmin_password=PASSWORD))


def deletion(phased: Phased, query: str = "") -> Any:
    return phased.fleet.operator.delete(f"/subclouds/quay-1{query}")


MANAGING = {"management__state": "managed"}
JOINING: Row = {"peer_group": "harbour", "bootstrap_values": bootstrap_values(), "bootstrap_address": ADDRESS}
NOT_COMPLETE = "Subcloud quay-1 cannot be managed: its deploy status is {}, not complete"
ASKED = (
    phase("install", "install-failed"),
    phase("bootstrap", "bootstrap-failed"),
    phase("configure", "config-failed"),
    phase("complete", "bootstrap-complete"),
    phase("resume", "create-complete"),
    phase("abort", "configuring", aborted),
    Asked("a rename", patched(name="pier-1"), waits, ONLINE),
    Asked("a network", patched(**NETWORK, **WITH_ACCESS), waits, ONLINE),
    Asked("a prestaging", lambda phased: prestage(phased, force=False), skipped, MANAGED),
    Asked("a prestaging by force", lambda phased: prestage(phased, force=True), skipped, OFFLINE),
    Asked("a redeployment", redeploy, redeployed, OFFLINE),
    Asked("managing", patched(**MANAGING), unless("deploy_status", 422, NOT_COMPLETE), ONLINE),
    Asked("managing by force", patched(**MANAGING, force="true"), unless("deploy_status", 409, "B"), ONLINE),
    Asked("joining", patched(**JOINING), unless("deploy_status", 400, OUT_OF_SERVICE), MANAGED),
    Asked("a deletion", deletion, active, OFFLINE),
)
IDLE: Row = {"deploy_status": "complete", "backup_status": None, "prestage_status": None}
IDLE |= {"peer_group_id": None, "name": "quay-1"}


def settle(phased: Phased, row: Row) -> None:
    """Let nothing go on with the subcloud, as if nothing had been asked."""
    with phased.runtime.unit_of_work() as session:
        session.execute(delete(Task))
        session.commit()
    phased.fleet.set_subcloud(1, **IDLE | row)


def deployed(phased: Phased) -> None:
    phased.fleet.group()
    phased.fleet.deployed(deploy_config=CONFIG, install_values=install_values(), bmc_password=PASSWORD)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_what_goes_on_is_waited_for(phased: Phased, app: Flask, asked: Asked) -> None:
    deployed(phased)
    pairs = [(column, status) for column, statuses in BUSY.items() for status in statuses]
    for column, status in pairs:
        settle(phased, {**asked.row, column: status})
        before = digest(app)
        answer, expected = asked.ask(phased), asked.answered(column, status)
        if expected is None:
            assert answer.status_code == 200, (status, answer.text)
            continue
        code, text = expected
        said = answer.json.get("description", "")
        assert (answer.status_code, said[: len(text)]) == (code, text), status
        assert digest(app) == before
    if asked.name != "a deletion":
        settle(phased, asked.row)
        done(asked.ask(phased))


@pytest.mark.parametrize(("column", "statuses"), BUSY.items())
def test_a_deletion_by_force_ends_whatever_goes_on(
    fleet: Fleet, phased: Phased, column: str, statuses: tuple[str, ...]
) -> None:
    for status in statuses:
        subcloud_id = fleet.deployed()["id"]
        fleet.set_subcloud(subcloud_id, **OFFLINE, **{column: status})
        done(deletion(phased, "?force=true"))
        assert {task.kind for task in tasks(fleet.runtime)} <= {"undeploy"}
        fleet.run_jobs()


def test_backups_and_prestagings_leave_the_unmanaging_free(phased: Phased) -> None:
    deployed(phased)
    for column in ("backup_status", "prestage_status"):
        for status in BUSY[column]:
            settle(phased, {**MANAGED, column: status})
            done(patched(management__state="unmanaged")(phased))


# Where nothing happens until somebody asks for it.
RESTING = (
    "create-complete",
    "install-complete",
    "bootstrap-complete",
    "enroll-complete",
    "factory-restore-complete",
    "create-failed",
    "pre-install-failed",
    "install-failed",
    "install-aborted",
    "pre-bootstrap-failed",
    "bootstrap-failed",
    "bootstrap-aborted",
    "pre-config-failed",
    "config-failed",
    "config-aborted",
    "pre-init-enroll-failed",
    "init-enroll-failed",
    "pre-enroll-failed",
    "enroll-failed",
    "restore-prep-failed",
    "restore-failed",
    "network-reconfiguration-failed",
)
FREE: dict[str, Callable[[Phased], Any]] = {
    "a redeployment": redeploy,
    "a prestaging": lambda phased: prestage(phased, force=True),
    "managing by force": patched(**MANAGING, force="true"),
}


@pytest.mark.parametrize("name", FREE)
def test_a_resting_place_or_a_failure_refuses_nothing(phased: Phased, name: str) -> None:
    deployed(phased)
    for status in RESTING:
        settle(phased, {**OFFLINE, "deploy_status": status})
        assert FREE[name](phased).status_code == 200, status


def test_what_rests_or_failed_is_deleted_without_force(fleet: Fleet, phased: Phased) -> None:
    for status in RESTING:
        subcloud_id = fleet.deployed()["id"]
        fleet.set_subcloud(subcloud_id, **OFFLINE, deploy_status=status)
        done(deletion(phased))
        fleet.run_jobs()
