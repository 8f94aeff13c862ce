"""Which of the groups that a peer lists have to be audited, told from the list alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation
from dcapi.models.states import Migration
from dcapi.peers.remote import RemoteGroup
from dcapi.runtime import Runtime
from dcapi.sync.changes import ask_for_audits, hint, lock_associations
from dcapi.sync.peer_copy import is_copy, leader_name, pick_group
from dcapi.sync.snapshot import destination_of
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

# In these a peer is taking the group over, or has done so and not been heard yet.
TELLING_STATUSES = frozenset({Migration.MIGRATING, Migration.COMPLETE})


class Listing(NamedTuple):
    """What a peer said of a group, and when it had changed there."""

    status: str | None
    leader_id: str
    changed_at: str | None


# Association id → the listing for which an audit was asked. Some sites say ``complete`` for ever: only what
# is said anew is a reason for another audit.
Heard = dict[int, Listing]


def ask_where_needed(
    runtime: Runtime, hold: Hold, peer_id: int, groups: Sequence[RemoteGroup], heard: Heard
) -> None:
    """Ask for an audit of each association whose listed group says something new. Raises LeaseLost.

    ``heard`` is kept by who watches the peer; an empty one asks once more for what was asked for already.
    """
    with runtime.unit_of_work() as session:
        found = _suspicious(session, peer_id, groups)
    for association_id in set(heard) - set(found):
        del heard[association_id]
    news = {key: listing for key, listing in found.items() if heard.get(key) != listing}
    if not news:
        return
    with transaction(runtime, hold) as session:
        ids = [one.id for one in lock_associations(session, PeerGroupAssociation.id.in_(news))]
        ask_for_audits(session, ids)
    heard.update(news)
    hint(runtime, ids)


def _suspicious(session: Session, peer_id: int, groups: Sequence[RemoteGroup]) -> dict[int, Listing]:
    query = select(PeerGroupAssociation).where(
        PeerGroupAssociation.system_peer_id == peer_id, PeerGroupAssociation.deleting.is_(False)
    )
    found = {}
    for association in session.scalars(query):
        target = destination_of(association)
        there = pick_group(groups, target)
        if there is not None and is_copy(there, target) and needs_audit(association, there):
            found[association.id] = Listing(there.migration_status, there.leader_id, there.changed_at)
    return found


def needs_audit(association: PeerGroupAssociation, there: RemoteGroup) -> bool:
    """Whether a listed group says that something happened at the peer which this site does not know."""
    group = association.group
    if there.migration_status == Migration.COMPLETE and there.version == association.complete_heard:
        return False
    if there.migration_status in TELLING_STATUSES or not there.is_led_by(group.system_leader_id):
        return True
    if _is_called_otherwise(association, there):
        return True
    # A migration was told here, or carried out, and the peer has come to terms with that.
    return association.unfollowed or (group.migration_status is not None and not group.migrating_here)


def _is_called_otherwise(association: PeerGroupAssociation, there: RemoteGroup) -> bool:
    """Whether the peer, which leads the group away from home, has another name now: no sync brings that."""
    peer = association.peer
    is_leader = association.is_primary and there.is_led_by(peer.peer_uuid)
    return is_leader and leader_name(there, peer.peer_name) != association.group.system_leader_name
