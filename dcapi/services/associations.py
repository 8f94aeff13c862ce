"""Peer group associations: which group goes to which peer, asked to sync, told, and taken apart again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, NotFound, Unprocessable
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.locks import locked
from dcapi.models.states import AssociationType, SyncStatus
from dcapi.runtime import Runtime
from dcapi.services.association_lookup import BEING_DELETED, NOT_FOUND, hold_patiently, lock
from dcapi.services.association_priority import change_priority
from dcapi.services.conflicts import TOO_MANY_CALLS, flush
from dcapi.services.peer_groups import check_not_migrating
from dcapi.services.row_answers import ASSOCIATION, ASSOCIATION_IN_LIST, Answer
from dcapi.sync import changes, status
from dcapi.sync.peer_copy import AnotherLeads
from dcapi.sync.run import cleaning, order
from dcapi.sync.run.cleaning import CleaningFailed
from dcapi.sync.status import Event
from dcapi.sync.watch.recheck import request_recheck
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

logger = logging.getLogger(__name__)

EXISTS = "A Peer group association with same peer_group_id, system_peer_id already exists"
PRIORITY_RULE = (
    "Peer Group Association create is not allowed when the subcloud peer group priority is greater than 0 "
    "and it is required when the subcloud peer group priority is 0."
)
BOTH_FIELDS = "peer_group_priority and sync_status cannot be updated at the same time."
PRIORITY_OF_NON_PRIMARY = (
    "Peer Group Association peer_group_priority is not allowed to update when the association type is "
    "non-primary."
)
STATUS_OF_PRIMARY = (
    "Peer Group Association sync_status is not allowed to update when the association type is primary."
)
SYNC_OF_NON_PRIMARY = (
    "Peer Group Association sync is not allowed when the association type is non-primary. "
    "But the peer monitor notify was triggered."
)
SYNC_OF_FOLLOWER = (
    "Peer Group Association sync is not allowed when the subcloud peer group system_leader_id is not the "
    "current system controller UUID."
)


def list_associations(session: Session) -> list[Answer]:
    """All associations, without their messages."""
    return ASSOCIATION_IN_LIST.all(session)


def show_association(session: Session, association_id: int) -> Answer:
    """One association with its message, and the progress of its sync; raises NotFound."""
    found = find_association(session, association_id)
    return {**ASSOCIATION.of(found), "sync-progress": _progress(session, found)}


def reread(session: Session, association_id: int) -> Answer:
    """One association as it is by now; raises NotFound."""
    return ASSOCIATION.of(find_association(session, association_id))


def find_association(session: Session, association_id: int) -> PeerGroupAssociation:
    """The row of an association; raises NotFound."""
    found = session.get(PeerGroupAssociation, association_id)
    if found is None:
        raise NotFound(NOT_FOUND)
    return found


def _progress(session: Session, association: PeerGroupAssociation) -> dict[str, int] | None:
    """How many subclouds the run that goes on has done of those that it touches; None between runs."""
    if not association.members_total or not order.is_attended(session, association.id):
        return None
    return {"done": association.members_done, "total": association.members_total}


def is_settled(session: Session, association_id: int) -> bool:
    """Whether an association waits for no outcome of a sync: it is there, and the peer knows it or cannot.

    One that is gone waits for none, nor does one whose sync is another site's matter.
    """
    association = session.get(PeerGroupAssociation, association_id)
    if association is None or not association.is_primary:
        return True
    return association.sync_status != SyncStatus.SYNCING and not order.is_attended(session, association_id)


def create_association(session: Session, runtime: Runtime, values: Mapping[str, Any]) -> Answer:
    """Associate a group with a peer; a primary association begins to sync at once.

    Raises BadRequest for unknown ids, a priority that does not fit, or a pair that exists.
    """
    group = _locked(session, SubcloudPeerGroup, values["peer_group_id"], "Invalid peer_group_id")
    peer = _locked(session, SystemPeer, values["system_peer_id"], "Invalid system_peer_id")
    priority = values.get("peer_group_priority")
    if group.is_primary == (priority is None):
        raise BadRequest(PRIORITY_RULE)
    _check_new(session, values)
    check_not_migrating(group)
    kind = AssociationType.PRIMARY if group.is_primary else AssociationType.NON_PRIMARY
    association = PeerGroupAssociation(
        group=group, peer=peer, peer_group_priority=priority, association_type=kind
    )
    status.start(association)
    session.add(association)
    flush(session, lambda: _check_new(session, values))
    return _commit(session, runtime, association)


def _locked(session: Session, model: type[Any], row_id: int, text: str) -> Any:
    """A row that must not change or go before the commit; raises BadRequest when there is none."""
    row = session.scalar(
        locked(select(model).where(model.id == row_id)).execution_options(populate_existing=True)
    )
    if row is None:
        raise BadRequest(text)
    return row


def _check_new(session: Session, values: Mapping[str, Any]) -> None:
    pair = select(PeerGroupAssociation.id).where(
        PeerGroupAssociation.peer_group_id == values["peer_group_id"],
        PeerGroupAssociation.system_peer_id == values["system_peer_id"],
    )
    if session.scalar(pair) is not None:
        raise BadRequest(EXISTS)


def _commit(session: Session, runtime: Runtime, association: PeerGroupAssociation) -> Answer:
    answer, is_primary = ASSOCIATION.of(association), association.is_primary
    _commit_news(session, runtime)
    if is_primary:
        changes.hint(runtime, [answer["id"]])
    return answer


def _commit_news(session: Session, runtime: Runtime) -> None:
    """Commit, and have the watchers of all peers look at everything again."""
    request_recheck(session)
    session.commit()
    runtime.monitor_wakeup.set()


def ask_for_sync(session: Session, runtime: Runtime, association_id: int) -> Answer:
    """Ask for a sync of a primary association; it runs as soon as a job is free.

    Raises BadRequest at a non-primary site or one that does not lead the group.
    """
    association = lock(session, association_id)
    if not association.is_primary:
        _commit_news(session, runtime)
        raise BadRequest(SYNC_OF_NON_PRIMARY)
    if association.group.system_leader_id != runtime.site.uuid:
        _commit_news(session, runtime)
        raise BadRequest(SYNC_OF_FOLLOWER)
    check_not_migrating(association.group)
    association.sync_asked += 1
    status.move(association, Event.SYNC_ASKED)
    return _commit(session, runtime, association)


def update_association(
    session: Session, runtime: Runtime, association_id: int, values: Mapping[str, Any]
) -> Answer:
    """Give a primary association another priority, or tell a non-primary one its status.

    A new priority reaches the peer before it counts here. Raises BadRequest for the wrong kind of
    association, Unprocessable when the peer refuses or is away: then the old priority stays.
    """
    association = lock(session, association_id)
    if len(values) > 1:
        raise BadRequest(BOTH_FIELDS)
    if "sync_status" in values:
        return _take_status(session, runtime, association, SyncStatus(values["sync_status"]))
    if not association.is_primary:
        raise BadRequest(PRIORITY_OF_NON_PRIMARY)
    if association.peer_group_priority == values["peer_group_priority"]:
        return ASSOCIATION.of(association)
    check_not_migrating(association.group)
    group_id = association.peer_group_id
    session.rollback()  # no transaction stays open while the peer is called
    return change_priority(runtime, association_id, group_id, values["peer_group_priority"])


def _take_status(
    session: Session, runtime: Runtime, association: PeerGroupAssociation, told: SyncStatus
) -> Answer:
    if association.is_primary:
        raise BadRequest(STATUS_OF_PRIMARY)
    status.accept_told(association, told)
    session.flush()
    answer = ASSOCIATION.of(association)
    _commit_news(session, runtime)
    return answer


def delete_association(session: Session, runtime: Runtime, association_id: int, *, force: bool) -> str | None:
    """Delete an association; a primary one cleans its peer first. Returns what stays there, when forced.

    Raises BadRequest when the peer leads the group, Conflict while a run goes on, Unprocessable when the peer
    cannot be cleaned: the association stays if nothing was sent, else the deletion goes on in the background.
    """
    association = changes.lock_association(session, association_id)
    if association is None:
        raise NotFound(NOT_FOUND)
    check_not_migrating(association.group)
    if force or not association.is_primary:
        left = (
            f"The copies at peer {association.peer.peer_name} stay there.\n"
            if association.is_primary
            else None
        )
        cleaning.delete_association_row(session, association_id)
        _commit_news(session, runtime)
        return left
    if association.deleting:
        raise Conflict(BEING_DELETED)
    if association.group.system_leader_id != runtime.site.uuid:
        raise BadRequest(_leader_text(f"led by {association.group.system_leader_name}"))
    session.rollback()  # no transaction stays open while the peer is called
    _delete_with_peer(runtime, association_id)
    _commit_news(session, runtime)
    return None


def _leader_text(why: str) -> str:
    return f"Cannot delete a peer group association whose peer group is {why}."


def _delete_with_peer(runtime: Runtime, association_id: int) -> None:
    try:
        with runtime.peer_callers.require(TOO_MANY_CALLS), hold_patiently(runtime, association_id) as hold:
            cleaner = _mark_deleting(runtime, hold, association_id)
            try:
                cleaner.clean()
            except CleaningFailed as error:
                _take_mark_back(runtime, hold, association_id, unless=error.begun)
                raise Unprocessable(_cleaning_text(error)) from error
            except AnotherLeads as error:
                _take_mark_back(runtime, hold, association_id, unless=False)
                raise BadRequest(f"{_leader_text('not led from here')} {error}") from error
            cleaning.delete_row(runtime, hold, association_id)
    finally:
        # What came up meanwhile found the lease taken.
        changes.hint(runtime, [association_id])


def _mark_deleting(runtime: Runtime, hold: Hold, association_id: int) -> cleaning.Cleaner:
    with transaction(runtime, hold) as session:
        association = lock(session, association_id)
        association.deleting = True
        return cleaning.cleaner_of(runtime, hold, session, association)


def _take_mark_back(runtime: Runtime, hold: Hold, association_id: int, *, unless: bool) -> None:
    if unless:
        return
    with transaction(runtime, hold) as session:
        association = changes.lock_association(session, association_id)
        if association is not None:
            association.deleting = False


def _cleaning_text(error: CleaningFailed) -> str:
    if error.begun:
        return f"The peer site could not be cleaned, this is tried again in the background: {error}"
    return f"The peer site could not be cleaned, nothing was deleted (force=true deletes only here): {error}"
