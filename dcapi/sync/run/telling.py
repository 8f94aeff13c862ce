"""Tells a peer's non-primary association the status that the primary one here has."""

from __future__ import annotations

import logging

from dcapi.models import PeerGroupAssociation
from dcapi.models.states import FailureCause, SyncStatus
from dcapi.peers.errors import ASSOCIATION, PeerError, PeerRefused
from dcapi.runtime import Runtime
from dcapi.sync import status
from dcapi.sync.changes import lock_association
from dcapi.sync.snapshot import destination_of
from dcapi.sync.status import Event
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of, transaction

logger = logging.getLogger(__name__)


def tell(runtime: Runtime, hold: Hold, association_id: int) -> bool:
    """Tell the peer once, if it has to be told; returns whether it answered. Raises LeaseLost.

    What came up meanwhile is told next. A peer that cannot be told moves the association, and the reconciler
    comes back to it.
    """
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        if association is None or association.deleting or not status.is_untold(association):
            return True
        target, telling = destination_of(association), status.status_to_tell(association)
        association.told_status = None
    if runtime.jobs.stopping or not target.peer.enabled or target.remote_association_id is None:
        return False
    client = client_of(runtime, target.peer, hold)
    try:
        client.tell_association(target.remote_association_id, telling)
    except PeerError as error:
        is_news = _note_failure(runtime, hold, association_id, error)
        # A peer that stays away is no news at every sweep.
        level = logging.WARNING if is_news else logging.DEBUG
        logger.log(level, "association %d could not be told %s: %s", association_id, telling, error.message)
        return False
    return _note_told(runtime, hold, association_id, telling)


def _note_told(runtime: Runtime, hold: Hold, association_id: int, told: SyncStatus) -> bool:
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        if association is None:
            return True
        association.told_status = told
        if association.sync_cause == FailureCause.UNTOLD:
            status.move(association, Event.TOLD_AT_LAST)
        return True


def _note_failure(runtime: Runtime, hold: Hold, association_id: int, error: PeerError) -> bool:
    """Move the association; returns whether that changed anything."""
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        if association is None:
            return False
        before = (association.sync_status, association.sync_cause, association.sync_message)
        if isinstance(error, PeerRefused) and error.not_found(ASSOCIATION):
            _lose_copy(association)
        else:
            status.move(association, Event.TELLING_UNANSWERED, _why_untold(error))
        return before != (association.sync_status, association.sync_cause, association.sync_message)


def _lose_copy(association: PeerGroupAssociation) -> None:
    """The peer lost its side: there is nothing to tell until a sync makes it anew."""
    association.remote_association_id = None
    association.told_status = None
    reason = f"Peer {association.peer.peer_name} has no association for this group any more: sync it again."
    status.move(association, Event.TELLING_NOT_FOUND, reason)


def _why_untold(error: PeerError) -> str:
    return f"The peer could not be told the status: {error.message}"
