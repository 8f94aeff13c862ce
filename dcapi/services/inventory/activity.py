"""Whether a subcloud is busy: something is being done with it that must end before the next thing begins.

Source: "Busy" in the contract of deployment.
"""

from __future__ import annotations

from dcapi.errors import Conflict
from dcapi.models import Subcloud
from dcapi.models.states import BUSY_BACKUP_STATUSES, BUSY_STATES, Prestage

# Column → the statuses in it that pass by themselves, in the order in which they are told.
PASSING: dict[str, frozenset[str]] = {
    "prestage_status": frozenset({Prestage.PRESTAGING}),
    "backup_status": BUSY_BACKUP_STATUSES,
    "deploy_status": BUSY_STATES,
}


def why_busy(row: Subcloud) -> str | None:
    """What is being done with a subcloud, in the words that clients know; None when nothing is."""
    for column, statuses in PASSING.items():
        status = getattr(row, column)
        if status in statuses:
            return (
                f"Subcloud {row.name} current {column} is '{status}'. "
                "Please wait until it finishes before running this operation."
            )
    return None


def refuse_while_busy(row: Subcloud) -> None:
    """Raises Conflict while something is being done with a subcloud."""
    reason = why_busy(row)
    if reason is not None:
        raise Conflict(reason)
