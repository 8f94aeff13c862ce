"""Taking over a node that runs already: what that asks for, and what is kept until it is enrolled.

Source: "Enroll" in the contract of deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dcapi.deploy.port import NamedFile, Phase
from dcapi.errors import BadRequest
from dcapi.models import CloudInitConfig, Subcloud
from dcapi.models.engine import read_only
from dcapi.models.network_values import is_given, is_simplex
from dcapi.runtime import Runtime
from dcapi.services.inventory.inputs import Enrolment
from dcapi.services.inventory.stored_values import BMC_PASSWORD

PART = "cloud_init_config"
# It knows nothing of such an archive.
RELEASE_WITHOUT_ARCHIVE = "24.09"
NODE_ADDRESSES = ("external_oam_node_0_address", "external_oam_node_1_address")


def check(enrolment: Enrolment, install: Mapping[str, Any] | None, release: str) -> None:
    """Judge what is asked for beside the install values; raises BadRequest."""
    if enrolment.on_site_error is not None:
        raise BadRequest(enrolment.on_site_error)
    if install is None:
        raise BadRequest("Install values is necessary for subcloud enrollment")
    if not enrolment.on_site and not install.get(BMC_PASSWORD):
        raise BadRequest("bmc_password is necessary for subcloud enrollment")
    given = enrolment.archive is not None or enrolment.archive_error is not None
    if given and release == RELEASE_WITHOUT_ARCHIVE:
        raise BadRequest(f"Cloud-init config is not accepted for {release} software version")
    if enrolment.archive_error is not None:
        raise BadRequest(enrolment.archive_error)


def check_nodes(values: Mapping[str, Any]) -> None:
    """Raises BadRequest unless both nodes of a duplex system have an address of their own."""
    if not is_simplex(values):
        for key in NODE_ADDRESSES:
            if not is_given(values, key):
                raise BadRequest(f"{key} required")


def phases_of(enrolment: Enrolment) -> tuple[str, ...]:
    """What an enrolment goes through, up to its end."""
    return (Phase.ENROLL,) if enrolment.on_site else (Phase.ENROLL_INIT, Phase.ENROLL)


def keep(session: Session, row: Subcloud, enrolment: Enrolment) -> None:
    """Keep the archive, in the place of an earlier one, and mark the row; the caller commits."""
    if enrolment.archive is not None:
        forget(session, row.id)
        kept = {"file_name": enrolment.archive.file_name, "content": enrolment.archive.content}
        session.add(CloudInitConfig(subcloud_id=row.id, **kept))
    if enrolment.on_site or enrolment.archive is not None:
        row.vcsr = True


def forget(session: Session, subcloud_id: int) -> None:
    """Forget the archive of a subcloud, if there is one; the caller commits."""
    session.execute(delete(CloudInitConfig).where(CloudInitConfig.subcloud_id == subcloud_id))


def archive_of(runtime: Runtime, subcloud_id: int) -> Callable[[], NamedFile | None]:
    """Reads, when it is called, the archive that is kept for a subcloud; None when there is none."""
    return partial(_read, runtime, subcloud_id)


def _read(runtime: Runtime, subcloud_id: int) -> NamedFile | None:
    query = select(CloudInitConfig.file_name, CloudInitConfig.content)
    with runtime.unit_of_work() as session:
        found = read_only(session).execute(query.where(CloudInitConfig.subcloud_id == subcloud_id)).first()
    return None if found is None else NamedFile(PART, *found)
