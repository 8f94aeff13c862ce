"""Migrates a peer group to this site: what may be asked for, and how it begins."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, NotFound
from dcapi.models import Subcloud, SubcloudPeerGroup
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.models.states import MIGRATABLE_STATES, REHOMING_STATES
from dcapi.runtime import Runtime, Site
from dcapi.services.conflicts import TOO_MANY_CALLS
from dcapi.services.inventory.subcloud_answers import subcloud_answer
from dcapi.services.peer_groups import NOT_FOUND, find_group
from dcapi.services.row_answers import Answer
from dcapi.sync.takeover import claim, coordination, group_rows
from dcapi.sync.values.member import ADDRESS_KEY, SAVED_PAYLOAD, bootstrap_address
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost
from dcapi.tasks.leases import transaction

IN_PROGRESS = "The peer group is being migrated to this site already: try again when it has finished."

# Seconds that a request waits for a job that looks whether a migration of the group goes on.
LOOK_PATIENCE = 1.0


class NothingToMigrate(BadRequest):
    """No member is in a state from which it can be taken over."""


def migrate_group(
    session: Session, runtime: Runtime, reference: int | str, password: str | None
) -> tuple[int, list[Answer]]:
    """Take a group over; returns its id and the members that will move, which jobs do.

    ``password`` is that of the system administrator, in base64. Raises NotFound, BadRequest without it and
    for members that cannot be moved, Conflict when this site is at it already, or another site migrates or
    keeps the group.
    """
    group = find_group(session, reference)
    group_id, name = group.id, group.peer_group_name
    if password is None:
        raise BadRequest(f"Unable to migrate subcloud peer group: {group_id} need sysadmin_password")
    session.rollback()  # no transaction stays open while other sites are called
    with ExitStack() as held:
        held.enter_context(runtime.peer_callers.require(TOO_MANY_CALLS))
        hold = _hold(runtime, group_id)
        held.enter_context(hold)
        answers = _begin_or_explain(runtime, hold, group_id, password)
        lost = _claim(runtime, hold, group_id)
    if lost is not None:
        raise Conflict(f"Peer group {name} is not migrated. {lost}")
    coordination.TASK.hint(runtime, group_id)
    return group_id, answers


def _hold(runtime: Runtime, group_id: int) -> Hold:
    deadline = time.monotonic() + LOOK_PATIENCE
    hold = leases.take_by(runtime, leases.migration_lease(group_id), deadline)
    if hold is None:
        raise Conflict(IN_PROGRESS)
    return hold


def _claim(runtime: Runtime, hold: Hold, group_id: int) -> str | None:
    """Tell the other sites; what this request does not come to, the reconciler does."""
    try:
        return claim.claim(runtime, hold, group_id)
    except LeaseLost:
        return None


def _begin_or_explain(runtime: Runtime, hold: Hold, group_id: int, password: str) -> list[Answer]:
    """Begin; a group without a member to move may wait for another site, and that is the better answer."""
    try:
        return _begin(runtime, hold, group_id, password)
    except NothingToMigrate:
        kept = None
        with suppress(LeaseLost):
            kept = claim.why_kept(runtime, hold, group_id)
        if kept is not None:
            raise Conflict(kept) from None
        raise


def _begin(runtime: Runtime, hold: Hold, group_id: int, password: str) -> list[Answer]:
    with transaction(runtime, hold) as session:
        members = group_rows.lock_members(session, group_id)
        group = group_rows.lock_group(session, group_id)
        if group is None:
            raise NotFound(NOT_FOUND)
        if group.migrating_here:
            raise Conflict(IN_PROGRESS)
        movers = movers_of(group, members, runtime.site)
        group_rows.begin(session, runtime, group, movers, password)
        session.flush()
        return [subcloud_answer(row) for row in movers]


def movers_of(group: SubcloudPeerGroup, members: Iterable[Subcloud], site: Site) -> list[Subcloud]:
    """The members that a migration moves; raises BadRequest that names every one that stands in the way.

    A primary group comes home without any, too: the site that leads it may have failed to take over a single
    one, and what is led elsewhere can be changed at neither site.
    """
    movers, faults = [], []
    for row in members:
        if row.deploy_status in MIGRATABLE_STATES:
            movers.append(row)
        fault = _fault(row)
        if fault is not None:
            faults.append(f"{row.name} {fault}")
    if faults:
        raise BadRequest(f"Cannot migrate peer group {group.peer_group_name}: subcloud {'; '.join(faults)}")
    comes_home = group.is_primary and group.system_leader_id != site.uuid
    if not movers and not comes_home:
        raise NothingToMigrate(
            "Nothing to migrate, no secondary, rehome-failed or rehome-prep-failed subcloud in peer group "
            f"{group.peer_group_name}"
        )
    return movers


def _fault(row: Subcloud) -> str | None:
    """Why a member cannot be migrated; None when it can, or needs not."""
    if row.deploy_status in REHOMING_STATES:
        return f"is {row.deploy_status} already"
    if row.deploy_status not in MIGRATABLE_STATES:
        return None
    data: Any = rehome_data.read(row)
    if not data:
        return "has no rehome data"
    if SAVED_PAYLOAD not in data:
        return "has no saved_payload in its rehome data"
    saved = data[SAVED_PAYLOAD]
    if not saved:
        return "has an empty saved_payload in its rehome data"
    if bootstrap_address(saved, data_install.read(row)) is None:
        return f"has no {ADDRESS_KEY} in its rehome data"
    return None


def is_over(session: Session, group_id: int) -> bool:
    """Whether no migration of a group goes on at this site."""
    group = session.get(SubcloudPeerGroup, group_id, populate_existing=True)
    return group is None or not group.migrating_here


def reread(session: Session, movers: Iterable[Answer]) -> list[Answer]:
    """The members that moved as they are by now, without those that were deleted meanwhile."""
    query = select(Subcloud).where(Subcloud.id.in_([answer["id"] for answer in movers]))
    rows = session.scalars(query.order_by(Subcloud.id).execution_options(populate_existing=True))
    return [subcloud_answer(row) for row in rows]
