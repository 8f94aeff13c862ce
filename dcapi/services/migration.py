"""Migrates a peer group to this site: what may be asked for, and how it begins."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, NotFound
from dcapi.jobs.hold import Hold, LeaseLost, take_hold
from dcapi.models import Subcloud, SubcloudPeerGroup
from dcapi.models.secret_values import rehome_data
from dcapi.models.states import MIGRATABLE_STATES, REHOMING_STATES
from dcapi.parts import Parts, Site
from dcapi.services.answers import Answer
from dcapi.services.peer_groups import NOT_FOUND, find_group
from dcapi.services.saving import TOO_MANY_CALLS
from dcapi.services.subcloud_answers import subcloud_answer
from dcapi.sync import migrate, migrate_claim, migrate_rows
from dcapi.sync.member import ADDRESS_KEY, SAVED_PAYLOAD

IN_PROGRESS = "The peer group is being migrated to this site already: try again when that has ended."


def migrate_group(
    session: Session, parts: Parts, reference: int | str, password: str
) -> tuple[int, list[Answer]]:
    """Take a group over; returns its id and the members that will move, which jobs do.

    ``password`` is that of the system administrator, in base64. Raises NotFound, BadRequest for members that
    cannot be moved, Conflict when this site is at it already, or another site migrates or keeps the group.
    """
    group = find_group(session, reference)
    group_id, name = group.id, group.peer_group_name
    session.rollback()  # no transaction stays open while other sites are called
    with ExitStack() as held:
        held.enter_context(parts.peer_callers.require(TOO_MANY_CALLS))
        hold = _hold(parts, group_id)
        held.enter_context(hold)
        answers = _begin(parts, hold, group_id, password)
        lost = _claim(parts, hold, group_id)
    if lost is not None:
        raise Conflict(f"Peer group {name} is not migrated. {lost}")
    migrate.hint_group(parts, group_id)
    return group_id, answers


def _hold(parts: Parts, group_id: int) -> Hold:
    name = migrate_rows.migration_lease(group_id)
    hold = take_hold(parts.unit_of_work, name, parts.owner, parts.settings.LEASE_SECONDS)
    if hold is None:
        raise Conflict(IN_PROGRESS)
    return hold


def _claim(parts: Parts, hold: Hold, group_id: int) -> str | None:
    """Tell the other sites; what this request does not come to, the reconciler does."""
    try:
        return migrate_claim.claim(parts, hold, group_id)
    except LeaseLost:
        return None


def _begin(parts: Parts, hold: Hold, group_id: int, password: str) -> list[Answer]:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        members = migrate_rows.lock_members(session, group_id)
        group = migrate_rows.lock_group(session, group_id)
        if group is None:
            raise NotFound(NOT_FOUND)
        if group.migrating_here:
            raise Conflict(IN_PROGRESS)
        movers = movers_of(group, members, parts.site)
        migrate_rows.begin(session, parts, group, movers, password)
        session.flush()
        answers = [subcloud_answer(row) for row in movers]
        session.commit()
        return answers


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
        raise BadRequest(
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
    if not saved.get(ADDRESS_KEY):
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
