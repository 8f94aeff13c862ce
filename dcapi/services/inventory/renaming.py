"""Another name for a subcloud: what it takes, and what follows the name."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Unprocessable
from dcapi.models import Subcloud
from dcapi.models.limits import RESERVED, SUBCLOUD_NAME_RULE, is_name, is_reserved, is_subcloud_name
from dcapi.models.secret_values import deploy_values, rehome_data
from dcapi.models.states import Deploy, Management
from dcapi.services.conflicts import flush
from dcapi.services.inventory.activity import refuse_while_busy, why_busy
from dcapi.sync.subcloud_alarms import rename_let_go
from dcapi.sync.values.member import SAVED_PAYLOAD


def rename(session: Session, row: Subcloud, asked: str | bytes, *, foreign: bool) -> None:
    """Give a locked subcloud another name, which the stored values follow.

    ``foreign``: another site gives it, which may name subclouds by the general rule. Raises BadRequest unless
    it is deployed and unmanaged, and for a name that is wrong or its own; Conflict while something is being
    done with it; Unprocessable for a name that is taken. Source: "Rename" in the wire contract.
    """
    _check_state(row)
    name = _checked(row, asked, foreign=foreign)
    check_free(session, row, name)
    rename_let_go(session, row.name, name)
    row.name = name
    for values in (rehome_data, deploy_values):
        stored = values.read(row)
        if stored is not None and stored.get(SAVED_PAYLOAD):
            values.write(row, {**stored, SAVED_PAYLOAD: {**stored[SAVED_PAYLOAD], "name": name}})
    flush(session, lambda: check_free(session, row, name))


def _check_state(row: Subcloud) -> None:
    deployed = row.deploy_status == Deploy.COMPLETE or why_busy(row) is not None
    if row.management_state == Management.MANAGED or not deployed:
        raise BadRequest(
            f"Subcloud {row.name} must be deployed and unmanaged for the subcloud rename operation."
        )
    refuse_while_busy(row)


def _checked(row: Subcloud, name: str | bytes, *, foreign: bool) -> str:
    if isinstance(name, str) and is_reserved(name):
        raise BadRequest(f"name {RESERVED}")
    if not isinstance(name, str) or not (is_subcloud_name(name) or (foreign and is_name(name))):
        raise BadRequest(f"Invalid name: {SUBCLOUD_NAME_RULE}, and not of digits alone")
    if name == row.name:
        raise BadRequest(
            f"Provided subcloud name {name} is the same as the current subcloud {row.name}. "
            "A different name is required to rename the subcloud"
        )
    return name


def check_free(session: Session, row: Subcloud, name: str) -> None:
    """Raises Unprocessable when another subcloud is found by this name, or by it as its region name."""
    found_by = or_(Subcloud.name == name, Subcloud.region_name == name)
    with session.no_autoflush:
        taken = session.scalar(select(Subcloud.id).where(found_by, Subcloud.id != row.id))
    if taken is not None:
        raise Unprocessable(f"Subcloud name {name} is already in use by another subcloud")
