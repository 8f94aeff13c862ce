"""Carries a migration of a group from step to step: who may begin, and when it is over.

The coordinating job of a group tells the other sites of it, lets members begin as others come to their end,
and ends it. What a member goes through is ``migrate_member``'s. Both are found by the reconciler: losing a
job, or a process, loses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dcapi.jobs.hold import LeaseLost, take_hold
from dcapi.models import Subcloud, SubcloudPeerGroup
from dcapi.models.states import RehomeStep
from dcapi.parts import Parts
from dcapi.sync import changes, migrate_claim, migrate_rows
from dcapi.sync.migrate_member import GROUP_JOB, MEMBER_JOB, hint_group, hint_member, subcloud_lease
from dcapi.sync.reconcile import Due

logger = logging.getLogger(__name__)

__all__ = ["GROUP_JOB", "MEMBER_JOB", "coordinate", "hint_group", "migrations_due"]

# Members that one sweep names: the others are overdue at the next one too.
DUE_LIMIT = 1000


def coordinate(parts: Parts, group_id: int) -> None:
    """The job: let the migration of a group go on as far as it can now."""
    if not _go_on(parts, group_id) and _claim(parts, group_id):
        _go_on(parts, group_id)


def _claim(parts: Parts, group_id: int) -> bool:
    """Tell the other sites; returns whether this site may go on."""
    name = migrate_rows.migration_lease(group_id)
    hold = take_hold(parts.unit_of_work, name, parts.owner, parts.settings.LEASE_SECONDS)
    if hold is None:
        return False
    try:
        with hold:
            return migrate_claim.claim(parts, hold, group_id) is None
    except LeaseLost:
        logger.warning("group %d: the lease of its migration was lost, nothing more is written", group_id)
        return False


def _go_on(parts: Parts, group_id: int) -> bool:
    """Let waiting members begin where there is room; returns False when the others have to be told first."""
    with parts.unit_of_work() as session:
        ttl = parts.settings.OPERATION_SECRET_TTL
        admission = migrate_rows.admit(session, group_id, time.time(), ttl)
        session.commit()
    for subcloud_id in admission.admitted:
        hint_member(parts, subcloud_id)
    if admission.idle:
        _end(parts, group_id)
    return admission.claimed


def _end(parts: Parts, group_id: int) -> None:
    """End a migration, unless somebody is at a step still."""
    with parts.unit_of_work() as session:
        associations = migrate_rows.end_if_done(session, parts.site, group_id)
        session.commit()
    if associations is not None:
        logger.info("group %d: its migration is complete", group_id)
        changes.hint(parts, associations)


def migrations_due(session: Session) -> Iterable[Due]:
    """Groups that are migrated here, and members whose next step is due, as jobs for the reconciler."""
    for group_id in session.scalars(select(SubcloudPeerGroup.id).where(SubcloudPeerGroup.migrating_here)):
        yield Due(GROUP_JOB, migrate_rows.migration_lease(group_id), {"group_id": group_id})
    is_due = or_(
        Subcloud.deploy_due_at.is_(None),
        Subcloud.deploy_due_at <= time.time(),
        # Its time is the end of its patience.
        Subcloud.rehome_step == RehomeStep.COMING_ONLINE,
    )
    query = select(Subcloud.id).where(Subcloud.rehome_step != RehomeStep.WAITING, is_due)
    for subcloud_id in session.scalars(query.order_by(Subcloud.id).limit(DUE_LIMIT)):
        yield Due(MEMBER_JOB, subcloud_lease(subcloud_id), {"subcloud_id": subcloud_id})
