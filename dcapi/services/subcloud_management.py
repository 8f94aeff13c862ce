"""Taking a subcloud under management and letting it go, and what that does to its endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcapi.deploy.port import Target
from dcapi.errors import BadRequest, Unprocessable
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.states import ENDPOINT_TYPES, Availability, Deploy, EndpointSync, Management
from dcapi.parts import Parts

# Its status is told by the certificate audit of the subcloud, whoever manages it.
SELF_REPORTED = "dc-cert"

DEPLOYED_STATES = frozenset({Deploy.COMPLETE, Deploy.REHOME_PENDING})


def set_management_state(session: Session, parts: Parts, row: Subcloud, wanted: str, *, force: bool) -> None:
    """Manage or unmanage a locked subcloud; raises Unprocessable that says what is missing."""
    if row.management_state == wanted:
        raise Unprocessable(f"Subcloud {row.name} is {wanted} already")
    if wanted == Management.MANAGED:
        _manage(session, parts, row, force=force)
    else:
        row.management_state = Management.UNMANAGED
        forget_endpoint_statuses(session, row.id)


def _manage(session: Session, parts: Parts, row: Subcloud, *, force: bool) -> None:
    missing = _missing_to_manage(row)
    if missing and not force:
        raise Unprocessable(f"Subcloud {row.name} cannot be managed: {', and '.join(missing)}")
    if row.deploy_status == Deploy.REHOME_PENDING:
        row.deploy_status = Deploy.COMPLETE
    row.management_state = Management.MANAGED
    if row.availability_status == Availability.ONLINE:
        take_endpoint_statuses(session, parts, row)


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


def take_endpoint_statuses(session: Session, parts: Parts, row: Subcloud) -> None:
    """Enter what the deployer says of the endpoints of a managed subcloud that is online."""
    _write_endpoints(session, row.id, parts.deployer.endpoint_statuses(target_of(row)))


def forget_endpoint_statuses(session: Session, subcloud_id: int) -> None:
    """Nobody looks after the endpoints any more."""
    unknown = dict.fromkeys(ENDPOINT_TYPES, EndpointSync.UNKNOWN.value)
    del unknown[SELF_REPORTED]
    _write_endpoints(session, subcloud_id, unknown)


def _write_endpoints(session: Session, subcloud_id: int, statuses: Mapping[str, str]) -> None:
    rows = session.scalars(select(SubcloudEndpoint).where(SubcloudEndpoint.subcloud_id == subcloud_id))
    for row in rows:
        row.sync_status = statuses.get(row.endpoint_type, row.sync_status)


def set_endpoint_status(session: Session, row: Subcloud, endpoint: str, status: str) -> None:
    """Enter what a subcloud itself told of one of its endpoints."""
    session.execute(
        update(SubcloudEndpoint)
        .where(SubcloudEndpoint.subcloud_id == row.id, SubcloudEndpoint.endpoint_type == endpoint)
        .values(sync_status=status),
        execution_options={"synchronize_session": False},
    )


def simulate_availability(session: Session, parts: Parts, row: Subcloud, availability: str) -> None:
    """Take a locked subcloud off the air or put it on again, as an audit of a real one would find it.

    Raises BadRequest for one that is not deployed: nothing is there that could answer.
    """
    if row.deploy_status not in DEPLOYED_STATES and availability == Availability.ONLINE:
        raise BadRequest(f"Subcloud {row.name} is {row.deploy_status}: it cannot be online")
    row.availability_status = availability
    if row.management_state != Management.MANAGED:
        return
    if availability == Availability.ONLINE:
        take_endpoint_statuses(session, parts, row)
    else:
        forget_endpoint_statuses(session, row.id)


def target_of(row: Subcloud) -> Target:
    """A subcloud as its deployer knows it, without the values of a deployment."""
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
    )
