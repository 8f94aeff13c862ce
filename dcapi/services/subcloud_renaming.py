"""Another name for a subcloud: what it takes, and what follows the name."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Unprocessable
from dcapi.models import Subcloud
from dcapi.models.secret_values import deploy_values, rehome_data
from dcapi.models.states import Deploy, Management
from dcapi.services.saving import flush
from dcapi.sync.member import SAVED_PAYLOAD


def rename(session: Session, row: Subcloud, name: str) -> None:
    """Give a locked subcloud another name, which the stored values follow.

    Raises BadRequest unless it is deployed and unmanaged, and for its own name; Unprocessable for a name that
    is taken. Source: "Rename" in the wire contract.
    """
    if row.deploy_status != Deploy.COMPLETE or row.management_state == Management.MANAGED:
        raise BadRequest(
            f"Subcloud {row.name} must be deployed and unmanaged for the subcloud rename operation."
        )
    if name == row.name:
        raise BadRequest(
            f"Provided subcloud name {name} is the same as the current subcloud {row.name}. "
            "A different name is required to rename the subcloud"
        )
    check_free(session, row, name)
    row.name = name
    for values in (rehome_data, deploy_values):
        stored = values.read(row)
        if stored is not None and stored.get(SAVED_PAYLOAD):
            values.write(row, {**stored, SAVED_PAYLOAD: {**stored[SAVED_PAYLOAD], "name": name}})
    flush(session, lambda: check_free(session, row, name))


def check_free(session: Session, row: Subcloud, name: str) -> None:
    """Raises Unprocessable when another subcloud is found by this name, or by it as its region name."""
    found_by = or_(Subcloud.name == name, Subcloud.region_name == name)
    with session.no_autoflush:
        taken = session.scalar(select(Subcloud.id).where(found_by, Subcloud.id != row.id))
    if taken is not None:
        raise Unprocessable(f"Subcloud name {name} is already in use by another subcloud")
