"""Bringing a release to a subcloud before it is installed there."""

from __future__ import annotations

import logging

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import BadRequest, Conflict
from dcapi.models import Subcloud
from dcapi.models.states import COPY_STATES, Availability, Management
from dcapi.parts import Parts
from dcapi.services.phase_work import Payload, PhaseWork
from dcapi.services.subcloud_answers import Answer, subcloud_answer
from dcapi.services.subcloud_lookup import Reference, find
from dcapi.services.subcloud_management import IS_SECONDARY
from dcapi.services.subcloud_requests import Prestaging
from dcapi.sync.members import Caller

logger = logging.getLogger(__name__)

PRESTAGING = "prestaging"
COMPLETE = "complete"
FAILED = "failed"

# Characters that the column holds; of more versions than fit the oldest are forgotten.
LONGEST_VERSIONS = 255


def begin(session: Session, parts: Parts, reference: Reference, wanted: Prestaging) -> Answer:
    """Accept a prestaging; raises NotFound, BadRequest, and Conflict while one is under way.

    Source: ``prestage`` in the wire contract.
    """
    row = find(session, reference, Caller.OPERATOR, lock=True)
    _check(row, force=wanted.force)
    release = wanted.release or parts.settings.SOFTWARE_VERSION
    payload = {
        "sysadmin_password": wanted.sysadmin_password,
        "options": {
            "release": release,
            "for_install": wanted.for_install or not wanted.for_sw_deploy,
            "for_sw_deploy": wanted.for_sw_deploy,
        },
    }
    WORK.start(session, parts, row, payload)
    row.prestage_status = PRESTAGING
    session.flush()
    answer = {**subcloud_answer(row), "prestage-software-version": release}
    session.commit()
    WORK.hint(parts, answer["id"])
    return answer


def _check(row: Subcloud, *, force: bool) -> None:
    if row.deploy_status in COPY_STATES:
        raise BadRequest(IS_SECONDARY)
    if row.prestage_status == PRESTAGING:
        raise Conflict(f"Subcloud {row.name} is being prestaged: wait until that has come to its end")
    ready = row.management_state == Management.MANAGED and row.availability_status == Availability.ONLINE
    if not ready and not force:
        raise BadRequest(f"Subcloud {row.name} must be managed and online to be prestaged, unless forced")


class PrestageWork(PhaseWork):
    name = "prestage"
    phase = Phase.PRESTAGE
    due_at = "prestage_due_at"

    def is_under_way(self) -> ColumnElement[bool]:
        return Subcloud.prestage_status == PRESTAGING

    def finish(self, session: Session, row: Subcloud, payload: Payload) -> list[int]:  # noqa: ARG002
        row.prestage_status = COMPLETE
        row.prestage_versions = joined(row.prestage_versions, payload["options"]["release"])
        return []

    def fail(self, row: Subcloud, payload: Payload | None, reason: str) -> None:  # noqa: ARG002
        row.prestage_status = FAILED
        logger.warning("subcloud %s could not be prestaged: %s", row.name, reason)


def joined(versions: str | None, release: str) -> str:
    """The versions, comma-separated, with a release as the latest of them."""
    kept = [version for version in (versions or "").split(",") if version and version != release]
    kept.append(release)
    while len(",".join(kept)) > LONGEST_VERSIONS and len(kept) > 1:
        kept.pop(0)
    return ",".join(kept)


WORK = PrestageWork()
