"""The sync statuses of a subcloud's endpoints: who looks after them, and when nobody does."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Target
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.states import ENDPOINT_TYPES, EndpointSync
from dcapi.parts import Parts

# Its status is told by the certificate audit of the subcloud, whoever manages it.
SELF_REPORTED = "dc-cert"


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


def target_of(row: Subcloud) -> Target:
    """A subcloud as its deployer knows it, without the values of a deployment."""
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
    )
