"""Taking a subcloud under management and letting it go, and what that does to its endpoints."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, Unprocessable
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.states import (
    BUSY_STATES,
    ENDPOINT_TYPES,
    Availability,
    Deploy,
    EndpointSync,
    Management,
)
from dcapi.services.inventory.activity import refuse_while_busy
from dcapi.sync.endpoints import forget_endpoint_statuses, take_endpoint_statuses
from dcapi.sync.subcloud_alarms import clear_let_go

DEPLOYED_STATES = frozenset({Deploy.COMPLETE, Deploy.REHOME_PENDING})

# Why the deployer does nothing with a copy of another site's subcloud.
IS_SECONDARY = "Cannot perform on secondary state subcloud"


def set_management_state(session: Session, row: Subcloud, wanted: str, *, force: bool) -> None:
    """Manage or unmanage a locked subcloud; raises Unprocessable that says what is missing.

    Raises Conflict, forced or not, while it is being deployed: the deployment would go on under management.
    """
    if row.management_state == wanted:
        raise Unprocessable(f"Subcloud {row.name} is {wanted} already")
    if wanted == Management.MANAGED:
        _manage(session, row, force=force)
    else:
        row.management_state = Management.UNMANAGED
        forget_endpoint_statuses(session, row.id)


def await_rehoming(row: Subcloud) -> None:
    """Mark a locked subcloud as one that another site is to take over; raises BadRequest."""
    if row.management_state == Management.MANAGED:
        raise BadRequest(f"Subcloud {row.name} is managed: unmanage it before, or together with, migrate")
    if row.deploy_status != Deploy.COMPLETE:
        raise BadRequest(
            f"Subcloud {row.name} is {row.deploy_status}: migrate needs the deploy status {Deploy.COMPLETE}"
        )
    row.deploy_status = Deploy.REHOME_PENDING


def check_is_ours(row: Subcloud) -> None:
    """Raises Conflict for a member that another site is taking over: nobody else deploys it meanwhile."""
    if row.deploy_status == Deploy.REHOME_PENDING and row.peer_group_id is not None:
        raise Conflict(f"Subcloud {row.name} is {Deploy.REHOME_PENDING}: another site is taking it over")


def cede(session: Session, row: Subcloud) -> None:
    """Let a locked subcloud go to the site that migrates its group, from whatever state it is in.

    What the deployer does with it goes on unseen: a task writes only into a row that is as the task left it.
    """
    if row.management_state == Management.MANAGED:
        row.management_state = Management.UNMANAGED
        forget_endpoint_statuses(session, row.id)
    row.deploy_status = Deploy.REHOME_PENDING


def _manage(session: Session, row: Subcloud, *, force: bool) -> None:
    missing = _missing_to_manage(row)
    if missing and not force:
        raise Unprocessable(f"Subcloud {row.name} cannot be managed: {', and '.join(missing)}")
    if row.deploy_status in BUSY_STATES:
        refuse_while_busy(row)
    if row.deploy_status == Deploy.REHOME_PENDING:
        row.deploy_status = Deploy.COMPLETE
    row.management_state = Management.MANAGED
    clear_let_go(session, row)
    if row.availability_status == Availability.ONLINE:
        take_endpoint_statuses(session, row.id)


def _missing_to_manage(row: Subcloud) -> list[str]:
    missing = []
    if row.deploy_status not in DEPLOYED_STATES:
        missing.append(f"its deploy status is {row.deploy_status}, not {Deploy.COMPLETE}")
    if row.availability_status != Availability.ONLINE:
        missing.append("it is not online")
    return missing


def new_endpoints(subcloud_id: int) -> list[SubcloudEndpoint]:
    """The endpoint rows of a new subcloud, of which nothing is known yet."""
    return [
        SubcloudEndpoint(subcloud_id=subcloud_id, endpoint_type=kind, sync_status=EndpointSync.UNKNOWN)
        for kind in ENDPOINT_TYPES
    ]


def set_endpoint_status(session: Session, row: Subcloud, endpoint: str, status: str) -> None:
    """Enter what a subcloud itself told of one of its endpoints."""
    session.execute(
        update(SubcloudEndpoint)
        .where(SubcloudEndpoint.subcloud_id == row.id, SubcloudEndpoint.endpoint_type == endpoint)
        .values(sync_status=status),
        execution_options={"synchronize_session": False},
    )


def simulate_availability(session: Session, row: Subcloud, availability: str) -> None:
    """Take a locked subcloud off the air or put it on again, as an audit of a real one would find it.

    Raises BadRequest for one that is not deployed: nothing is there that could answer.
    """
    if row.deploy_status not in DEPLOYED_STATES and availability == Availability.ONLINE:
        raise BadRequest(f"Subcloud {row.name} is {row.deploy_status}: it cannot be online")
    if availability == Availability.ONLINE:
        put_online(session, row)
        return
    row.availability_status = availability
    if row.management_state == Management.MANAGED:
        forget_endpoint_statuses(session, row.id)


def put_online(session: Session, row: Subcloud) -> None:
    """Note that a locked subcloud answers."""
    row.availability_status = Availability.ONLINE
    if row.management_state == Management.MANAGED:
        take_endpoint_statuses(session, row.id)
