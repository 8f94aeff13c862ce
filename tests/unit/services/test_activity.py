"""Whether a subcloud is busy."""

from __future__ import annotations

import pytest

from dcapi.errors import Conflict
from dcapi.models import Subcloud
from dcapi.services.inventory.activity import refuse_while_busy, why_busy
from tests.integration.subclouds.verbs import busy_text

BUSY = {
    "deploy_status": (
        "pre-deploy",
        "creating",
        "pre-install",
        "installing",
        "pre-bootstrap",
        "bootstrapping",
        "pre-config",
        "configuring",
        "reconfiguring-network",
        "pre-rehome",
        "rehoming",
    ),
    "backup_status": ("validating", "pre-backup", "backing-up", "deleting-backup"),
    "prestage_status": ("prestaging",),
}
SETTLED = {
    "deploy_status": (
        "not-deployed",
        "complete",
        "create-failed",
        "install-failed",
        "bootstrap-failed",
        "config-failed",
        "network-reconfiguration-failed",
        "rehome-failed",
        "rehome-pending",
        "secondary",
    ),
    "backup_status": (None, "complete-local", "complete-central", "failed", "unknown"),
    "prestage_status": (None, "complete", "failed"),
}


def subcloud(**statuses: str | None) -> Subcloud:
    return Subcloud(name="quay-1", **{"deploy_status": "complete", **statuses})


@pytest.mark.parametrize(("column", "status"), [(key, one) for key in BUSY for one in BUSY[key]])
def test_a_passing_status_says_what_goes_on(column: str, status: str) -> None:
    row = subcloud(**{column: status})
    assert why_busy(row) == busy_text(column, status)
    with pytest.raises(Conflict) as refusal:
        refuse_while_busy(row)
    assert refusal.value.message == busy_text(column, status)


@pytest.mark.parametrize(("column", "status"), [(key, one) for key in SETTLED for one in SETTLED[key]])
def test_any_other_status_keeps_nobody_waiting(column: str, status: str | None) -> None:
    row = subcloud(**{column: status})
    assert why_busy(row) is None
    refuse_while_busy(row)


def test_of_several_things_the_prestaging_is_told_first_then_the_backup() -> None:
    row = subcloud(prestage_status="prestaging", backup_status="backing-up", deploy_status="installing")
    assert why_busy(row) == busy_text("prestage_status", "prestaging")
    row.prestage_status = None
    assert why_busy(row) == busy_text("backup_status", "backing-up")
