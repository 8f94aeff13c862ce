"""What a heartbeat makes of an original that says ``migrating``: it reads whether anything bears that out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup
from dcapi.runtime import Runtime
from dcapi.sync import leftover, stale_status
from dcapi.sync.changes import ask_for_audits, hint, lock_association
from dcapi.sync.leftover import Leftover, Reading
from dcapi.sync.peer_copy import is_copy, pick_group
from dcapi.sync.peer_kind import known_kind
from dcapi.sync.snapshot import destination_of
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

logger = logging.getLogger(__name__)

# What a copy shows that is gone, or is one of ours by now: that it migrates nothing.
NOTHING = Reading(migrating=False, changed_at="")


@dataclass(frozen=True)
class Listed:
    """A group that an original lists as ``migrating``; None: what was noted of one has to go."""

    association_id: int
    group: RemoteGroup | None


def look(runtime: Runtime, hold: Hold, client: PeerPort, peer_id: int, groups: Sequence[RemoteGroup]) -> None:
    """Note what the members of such groups show, and have a group audited when its status may be reset.

    One request for each such group, none for others. Raises LeaseLost.
    """
    with runtime.unit_of_work() as session:
        found = _find(session, peer_id, groups)
    due = [one.association_id for one in found if _note(runtime, hold, client, one)]
    hint(runtime, due)


def _find(session: Session, peer_id: int, groups: Sequence[RemoteGroup]) -> list[Listed]:
    query = select(PeerGroupAssociation).where(
        PeerGroupAssociation.system_peer_id == peer_id, PeerGroupAssociation.deleting.is_(False)
    )
    found = []
    for association in session.scalars(query):
        target = destination_of(association)
        group = pick_group(groups, target)
        says_so = group is not None and group.is_migrating and is_copy(group, target)
        if says_so and known_kind(association.peer) is PeerKind.ORIGINAL:
            found.append(Listed(association.id, group))
        elif association.leftover_seen_at is not None:
            found.append(Listed(association.id, None))
    return found


def _note(runtime: Runtime, hold: Hold, client: PeerPort, listed: Listed) -> bool:
    """Note one reading; returns whether an audit was asked for, which decides."""
    reading = _read(client, listed.group)
    if reading is None:
        return False
    with transaction(runtime, hold) as session:
        association = lock_association(session, listed.association_id)
        if association is None:
            return False
        found = stale_status.take_reading(session, runtime, association, reading)
        asked = association.audit_asked != association.audit_served
        if found is not Leftover.STALE or asked:
            return False
        if not stale_status.concerns_this_site(session, association, runtime.site):
            return False
        ask_for_audits(session, [association.id])
        return True


def _read(client: PeerPort, group: RemoteGroup | None) -> Reading | None:
    """The members of a group show whether it is migrated; None when they cannot be read."""
    if group is None:
        return NOTHING
    try:
        return leftover.reading_of(group, client.group_subclouds(group.id))
    except PeerError as error:
        logger.info("the members of group %s could not be read: %s", group.name, error.message)
        return None
