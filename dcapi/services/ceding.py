"""Another site takes a group over and asks for its members, one by one.

Whoever is known to migrate the group gets them. A site that runs the original tells nobody, and a member
that is refused to it once stays out of its migration: so when nobody is known, the peers are read first.
"""

from __future__ import annotations

import logging

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.runtime import Runtime
from dcapi.services.inventory import management
from dcapi.services.inventory.inputs import SubcloudChange
from dcapi.services.inventory.lookup import Reference, find
from dcapi.services.inventory.member_request import CallerKind, Situation
from dcapi.services.inventory.membership import NO_COPY, Ceding, judge_ceding
from dcapi.services.inventory.situations import groups_of, situation_of
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.sync.changes import hint
from dcapi.sync.takeover import group_rows
from dcapi.sync.takeover.who_migrates import who_migrates

logger = logging.getLogger(__name__)


def cede(session: Session, runtime: Runtime, reference: Reference, change: SubcloudChange) -> Answer:
    """Let a member go to the site that asks for it, if a peer migrates its group.

    Raises NotFound, Conflict while this site migrates it, BadRequest when no peer says that it migrates the
    group. Waits for peers, but for no longer than two patiences.
    """
    row, situation = _lock(session, runtime, reference, change)
    group_id = _group_id(situation)
    # Whoever asks is at it, whatever it is answered.
    if group_rows.forget_leftovers(session, group_id):
        session.commit()
        row, situation = _lock(session, runtime, reference, change)
    if judge_ceding(situation) is Ceding.LOOK:
        session.rollback()  # no transaction stays open while peers are called
        found = who_migrates(runtime, group_id)
        row, situation = _lock(session, runtime, reference, change)
        return _let_go(session, runtime, row, situation, found)
    return _let_go(session, runtime, row, situation, None)


def _lock(
    session: Session, runtime: Runtime, reference: Reference, change: SubcloudChange
) -> tuple[Subcloud, Situation]:
    row = find(session, reference, CallerKind.PEER, lock=True)
    groups = groups_of(session, runtime, row, change)
    situation = situation_of(row, CallerKind.PEER, groups, change)
    if not situation.is_asked_for:
        raise BadRequest(NO_COPY)  # it has left its group, or is managed by now
    return row, situation


def _group_id(situation: Situation) -> int:
    assert situation.group is not None
    return situation.group.id


def _let_go(
    session: Session, runtime: Runtime, row: Subcloud, situation: Situation, migrated_by: int | None
) -> Answer:
    """Judge a locked member once more, and write what follows; ``migrated_by`` is an association, if any."""
    ceding = judge_ceding(situation)
    asked: list[int] = []
    if ceding is Ceding.LOOK:
        asked = _note(session, _group_id(situation), migrated_by)
    if ceding is not Ceding.DONE:
        management.cede(session, row)
        # Somebody may have read the peer, and noted it anew, while this request waited.
        group_rows.forget_leftovers(session, _group_id(situation))
        logger.info("subcloud %s is let go: a site that migrates its group asks for it", row.name)
    session.flush()
    answer = subcloud_answer(row)
    session.commit()
    if asked:
        runtime.monitor_wakeup.set()
        hint(runtime, asked)
    return answer


def _note(session: Session, group_id: int, migrated_by: int | None) -> list[int]:
    """Note who migrates the group, for the next members too; returns the associations to be read for it."""
    if migrated_by is None:
        raise BadRequest(NO_COPY)
    asked = group_rows.note_peer_migrates(session, group_id, migrated_by)
    if not asked:
        raise BadRequest(NO_COPY)
    found = session.get_one(PeerGroupAssociation, migrated_by)
    name, group = found.peer.peer_name, found.group.peer_group_name
    logger.warning("peer %s migrates group %s: its members are let go as they are asked for", name, group)
    return asked
