"""Gives the copy of a group another priority: at the peer first, then here."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.orm import Session

from dcapi.errors import Conflict, Unprocessable
from dcapi.jobs.hold import Hold
from dcapi.models import PeerGroupAssociation
from dcapi.parts import Parts
from dcapi.peers.errors import PeerError
from dcapi.services.answers import ASSOCIATION, Answer
from dcapi.services.association_lookup import hold_patiently, lock
from dcapi.services.peer_groups import BEING_CHANGED
from dcapi.services.saving import TOO_MANY_CALLS
from dcapi.sync import attributes, changes
from dcapi.sync.remote_group import AnotherLeads, CannotSync
from dcapi.sync.snapshot import Target, target_of


class _Holds(NamedTuple):
    """What a change of a priority works under: nobody else changes the group, or syncs the association."""

    group: Hold
    association: Hold

    def confirm(self, session: Session) -> None:
        """Raises LeaseLost unless both are ours until the transaction of this session ends."""
        for hold in self:
            hold.confirm(session)


def change_priority(parts: Parts, association_id: int, group_id: int, priority: int) -> Answer:
    """Send a new priority and keep it when the peer took it; no transaction of the caller may be open.

    Raises Unprocessable when the peer refuses or is away, Conflict while the group is changed or synced,
    LeaseLost when it took too long: then whoever has the lease now notes what the peer may hold.
    """
    try:
        with parts.peer_callers.require(TOO_MANY_CALLS):
            return _change(parts, association_id, group_id, priority)
    finally:
        # What came up meanwhile found the lease taken.
        changes.hint(parts, [association_id])


def _change(parts: Parts, association_id: int, group_id: int, priority: int) -> Answer:
    group_hold = attributes.hold_group(parts, group_id)
    if group_hold is None:
        raise Conflict(BEING_CHANGED)
    with group_hold, hold_patiently(parts, association_id) as hold:
        holds = _Holds(group_hold, hold)
        target = _begin(parts, holds, association_id, priority)
        try:
            attributes.send_attributes(parts, hold, target, {"group-priority": priority})
        except PeerError as error:
            _give_up(parts, holds, association_id, uncertain=error.maybe_sent)
            raise Unprocessable(f"The new priority could not be sent: {error.message}") from error
        except (AnotherLeads, CannotSync) as error:
            _give_up(parts, holds, association_id, uncertain=False)
            raise Unprocessable(f"The new priority could not be sent: {error}") from error
        return _keep(parts, holds, association_id, priority)


def _begin(parts: Parts, holds: _Holds, association_id: int, priority: int) -> Target:
    with parts.unit_of_work() as session:
        holds.confirm(session)
        association = lock(session, association_id)
        attributes.begin_change(session, parts, association.peer_group_id, {"group-priority": priority})
        target = target_of(association)
        session.commit()
        return target


def _give_up(parts: Parts, holds: _Holds, association_id: int, *, uncertain: bool) -> None:
    """The old priority stays. A peer that may hold the new one is made sure of only by a sync."""
    with parts.unit_of_work() as session:
        association = _confirmed(session, holds, association_id)
        if uncertain:
            changes.association_changed(association)
        session.commit()


def _keep(parts: Parts, holds: _Holds, association_id: int, priority: int) -> Answer:
    with parts.unit_of_work() as session:
        association = _confirmed(session, holds, association_id)
        association.peer_group_priority = priority
        session.flush()
        answer = ASSOCIATION.of(association)
        session.commit()
        return answer


def _confirmed(session: Session, holds: _Holds, association_id: int) -> PeerGroupAssociation:
    holds.confirm(session)
    association = lock(session, association_id)
    attributes.end_change(session, association.peer_group_id)
    return association
