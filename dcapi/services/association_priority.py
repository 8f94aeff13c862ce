"""Gives the copy of a group another priority: at the peer first, then here."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.errors import Conflict, Unprocessable
from dcapi.models import PeerGroupAssociation
from dcapi.peers.errors import PeerError
from dcapi.runtime import Runtime
from dcapi.services.association_lookup import hold_patiently, lock
from dcapi.services.conflicts import TOO_MANY_CALLS
from dcapi.services.peer_groups import BEING_CHANGED
from dcapi.services.row_answers import ASSOCIATION, Answer
from dcapi.sync import attributes, changes
from dcapi.sync.peer_copy import AnotherLeads, CannotSync
from dcapi.sync.snapshot import Destination, destination_of
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold

# What a change of a priority works under: nobody else changes the group, or syncs the association.
Holds = tuple[Hold, Hold]


def change_priority(runtime: Runtime, association_id: int, group_id: int, priority: int) -> Answer:
    """Send a new priority and keep it when the peer took it; no transaction of the caller may be open.

    Raises Unprocessable when the peer refuses or is away, Conflict while the group is changed or synced,
    LeaseLost when it took too long: then whoever has the lease now notes what the peer may hold.
    """
    try:
        with runtime.peer_callers.require(TOO_MANY_CALLS):
            return _change(runtime, association_id, group_id, priority)
    finally:
        # What came up meanwhile found the lease taken.
        changes.hint(runtime, [association_id])


def _change(runtime: Runtime, association_id: int, group_id: int, priority: int) -> Answer:
    group_hold = leases.take(runtime, leases.group_lease(group_id))
    if group_hold is None:
        raise Conflict(BEING_CHANGED)
    with group_hold, hold_patiently(runtime, association_id) as hold:
        holds = (group_hold, hold)
        target = _begin(runtime, holds, association_id, priority)
        try:
            attributes.send_attributes(runtime, hold, target, {"priority": priority})
        except PeerError as error:
            _give_up(runtime, holds, association_id, uncertain=error.maybe_sent)
            raise Unprocessable(f"The new priority could not be sent: {error.message}") from error
        except (AnotherLeads, CannotSync) as error:
            _give_up(runtime, holds, association_id, uncertain=False)
            raise Unprocessable(f"The new priority could not be sent: {error}") from error
        return _keep(runtime, holds, association_id, priority)


def _begin(runtime: Runtime, holds: Holds, association_id: int, priority: int) -> Destination:
    with leases.transaction(runtime, *holds) as session:
        association = lock(session, association_id)
        attributes.begin_change(session, runtime, association.peer_group_id, {"priority": priority})
        return destination_of(association)


def _give_up(runtime: Runtime, holds: Holds, association_id: int, *, uncertain: bool) -> None:
    """The old priority stays. A peer that may hold the new one is made sure of only by a sync."""
    with leases.transaction(runtime, *holds) as session:
        association = _end(session, association_id)
        if uncertain:
            changes.association_changed(association)


def _keep(runtime: Runtime, holds: Holds, association_id: int, priority: int) -> Answer:
    with leases.transaction(runtime, *holds) as session:
        association = _end(session, association_id)
        association.peer_group_priority = priority
        session.flush()
        return ASSOCIATION.of(association)


def _end(session: Session, association_id: int) -> PeerGroupAssociation:
    association = lock(session, association_id)
    attributes.end_change(session, association.peer_group_id)
    return association
