"""The sync statuses of a subcloud's endpoints: no deployer looks at them, so they follow from its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.deploy.port import Target
from dcapi.models import Subcloud, SubcloudEndpoint
from dcapi.models.states import ENDPOINT_TYPES, EndpointSync

# Its status is told by the certificate audit of the subcloud, whoever manages it.
SELF_REPORTED = "dc-cert"


def take_endpoint_statuses(session: Session, subcloud_id: int) -> None:
    """A managed subcloud that is online counts as in sync."""
    _write_endpoints(session, subcloud_id, dict.fromkeys(ENDPOINT_TYPES, EndpointSync.IN_SYNC.value))


def forget_endpoint_statuses(session: Session, subcloud_id: int) -> None:
    """Nobody looks after the endpoints any more."""
    unknown = dict.fromkeys(ENDPOINT_TYPES, EndpointSync.UNKNOWN.value)
    del unknown[SELF_REPORTED]
    _write_endpoints(session, subcloud_id, unknown)


def _write_endpoints(session: Session, subcloud_id: int, statuses: Mapping[str, str]) -> None:
    rows = session.scalars(select(SubcloudEndpoint).where(SubcloudEndpoint.subcloud_id == subcloud_id))
    for row in rows:
        row.sync_status = statuses.get(row.endpoint_type, row.sync_status)


def deploy_target(row: Subcloud, values: Mapping[str, Any] | None = None) -> Target:
    """A subcloud as its deployer knows it; ``values`` are other fields of the target."""
    return Target(
        subcloud_id=row.id,
        name=row.name,
        region_name=row.region_name,
        software_version=row.software_version,
        **(values or {}),
    )
