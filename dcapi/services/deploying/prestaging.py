"""Bringing a release to a subcloud before it is installed there."""

from __future__ import annotations

import logging
import re

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install
from dcapi.models.states import COPY_STATES, Availability, Management, Prestage, TaskName
from dcapi.runtime import Runtime
from dcapi.services.deploying.deploy_files import for_prestaging
from dcapi.services.deploying.phase_task import Details, PhaseTask, Values
from dcapi.services.inventory.activity import why_busy
from dcapi.services.inventory.inputs import Prestaging
from dcapi.services.inventory.lookup import Reference, find
from dcapi.services.inventory.management import IS_SECONDARY
from dcapi.services.inventory.member_request import CallerKind
from dcapi.services.inventory.stored_values import stored_payload
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.sync.values.member import bootstrap_address
from dcapi.tasks.leases import prestage_lease

logger = logging.getLogger(__name__)

# Characters that the column holds; of more versions than fit the oldest are forgotten.
LONGEST_VERSIONS = 255

MAJOR_AND_MINOR = re.compile(r"[0-9]{2}\.[0-9]{2}")
# What stands for releases of another form: they are neither older nor newer.
OLDEST, NEWEST = (0, 0), (100, 0)


def begin(session: Session, runtime: Runtime, reference: Reference, wanted: Prestaging) -> Answer:
    """Accept a prestaging; raises NotFound and BadRequest. Source: ``prestage`` in the wire contract."""
    row = find(session, reference, CallerKind.OPERATOR, lock=True)
    _check_state(row, force=wanted.force)
    release = _checked_release(row, wanted, runtime.settings.SOFTWARE_VERSION)
    options = {
        "release": release,
        "for_install": wanted.for_install or not wanted.for_sw_deploy,
        "for_sw_deploy": wanted.for_sw_deploy,
    }
    payload = {
        "bootstrap_address": bootstrap_address(stored_payload(row), data_install.read(row)),
        "sysadmin_password": wanted.sysadmin_password,
    }
    TASK.start(session, runtime, row.id, details={"options": options}, payload=payload)
    row.prestage_status = Prestage.PRESTAGING
    session.flush()
    answer = {**subcloud_answer(row), "prestage-software-version": release}
    session.commit()
    TASK.hint(runtime, answer["id"])
    return answer


def _check_state(row: Subcloud, *, force: bool) -> None:
    if row.deploy_status in COPY_STATES:
        raise BadRequest(IS_SECONDARY)
    reason = None if force else _why_not_ready(row)
    reason = reason or why_busy(row)
    if reason is not None:
        raise BadRequest(f"Prestage skipped '{row.name}': {reason}")


def _why_not_ready(row: Subcloud) -> str | None:
    """What ``force`` makes of no account."""
    if row.availability_status != Availability.ONLINE:
        return "Subcloud is offline."
    return None if row.management_state == Management.MANAGED else "Subcloud is not managed."


def _checked_release(row: Subcloud, wanted: Prestaging, default: str) -> str:
    """The release that is prestaged; raises BadRequest for one that is none, or that cannot be deployed."""
    release = default if wanted.release is None else wanted.release
    if wanted.release is not None and _version(release) is None:
        reason = "Specified release format is not supported. Version format must be MM.mm."
        raise BadRequest(f"Prestage failed '{row.name}': {reason}")
    is_lower = (_version(release) or NEWEST) < (_version(row.software_version) or OLDEST)
    if wanted.for_sw_deploy and is_lower:
        raise BadRequest(
            f"Prestage failed '{row.name}': The requested software version ({release}) is lower than the "
            f"current subcloud software version ({row.software_version})."
        )
    return str(release)


def _version(release: object) -> tuple[int, ...] | None:
    """The numbers of a release MM.mm, by which one is older than another; None for another form."""
    if not isinstance(release, str) or not MAJOR_AND_MINOR.fullmatch(release):
        return None
    return tuple(int(number) for number in release.split("."))


class PrestageTask(PhaseTask):
    name = TaskName.PRESTAGE
    phase = Phase.PRESTAGE

    def lease(self, subject_id: int) -> str:
        return prestage_lease(subject_id)

    def files(self, runtime: Runtime, options: Details) -> Values:
        # A task that an older version began keeps its options in its payload: no files were kept then.
        release = options.get("release")
        return {} if release is None else {"files": for_prestaging(runtime, release)}

    def is_under_way(self) -> ColumnElement[bool]:
        return Subcloud.prestage_status == Prestage.PRESTAGING

    def finish(self, session: Session, row: Subcloud, details: Details) -> list[int]:  # noqa: ARG002
        row.prestage_status = Prestage.COMPLETE
        row.prestage_versions = joined(row.prestage_versions, details["options"]["release"])
        return []

    def fail(self, row: Subcloud, details: Details, reason: str) -> None:  # noqa: ARG002
        row.prestage_status = Prestage.FAILED
        logger.warning("subcloud %s could not be prestaged: %s", row.name, reason)


def joined(versions: str | None, release: str) -> str:
    """The versions, comma-separated, with a release as the latest of them."""
    kept = [version for version in (versions or "").split(",") if version and version != release]
    kept.append(release)
    while len(",".join(kept)) > LONGEST_VERSIONS and len(kept) > 1:
        kept.pop(0)
    return ",".join(kept)


TASK = PrestageTask()
