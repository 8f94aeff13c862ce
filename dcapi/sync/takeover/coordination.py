"""Carries a migration of a group, as a kind of task: who may begin, and when it is over.

It tells the other sites, lets members begin as others come to their end, and ends the migration. What a
member goes through is a task of its own (``rehoming``).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from dcapi.models import SubcloudPeerGroup, Task
from dcapi.models.states import TaskName
from dcapi.runtime import Runtime
from dcapi.sync import changes
from dcapi.sync.takeover import claim, group_rows, rehoming
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import migration_lease
from dcapi.tasks.runner import Step, TaskKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GroupView:
    """A group that this site migrates; ``claimed``: the other sites know of it."""

    group_id: int
    claimed: bool


class GroupMigration(TaskKind[GroupView, None]):
    name = TaskName.MIGRATE
    # A member that came to its end leaves room for the next one.
    is_always_due = True

    def lease(self, subject_id: int) -> str:
        return migration_lease(subject_id)

    def look(self, session: Session, runtime: Runtime, found: Task) -> GroupView | None:  # noqa: ARG002
        group = session.get(SubcloudPeerGroup, found.subject_id)
        if group is None or not group.migrating_here:
            return None
        return GroupView(group.id, found.details["claimed"])

    def ask(self, runtime: Runtime, hold: Hold, view: GroupView) -> None:
        """Tell the other sites, unless they were told; where one keeps the group, the migration ends."""
        if not view.claimed:
            claim.claim(runtime, hold, view.group_id)

    def write(self, session: Session, runtime: Runtime, view: GroupView, answer: None) -> Step | None:  # noqa: ARG002
        """Let waiting members begin where there is room, and end the migration when nobody is at a step."""
        settings = runtime.settings
        admission = group_rows.admit(session, view.group_id, time.time(), settings.OPERATION_SECRET_TTL)
        session.flush()
        ended = None
        if admission.idle:
            ended = group_rows.end_if_done(session, runtime.site, view.group_id)
        if ended is None:
            begun = (partial(rehoming.TASK.hint, runtime, one) for one in admission.admitted)
            # To look whether members are at it keeps no password: members that begin, or go on, do.
            unkept = {"secret_until": Task.secret_until}
            return Step(settings.RECONCILE_SECONDS, unkept, then=tuple(begun))
        logger.info("group %d: its migration is complete", view.group_id)
        return Step(None, then=(partial(changes.hint, runtime, ended),))


TASK = GroupMigration()
