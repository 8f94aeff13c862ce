"""Which of the groups that a peer lists have to be audited, told from the list alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.jobs.hold import Hold
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.models.states import AssociationType, Migration
from dcapi.parts import Parts
from dcapi.sync.audit_requests import ask_for_audits
from dcapi.sync.changes import hint, lock_associations

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


@dataclass(frozen=True)
class Known:
    """One association and its group as this site has them."""

    association_id: int
    is_primary: bool
    remote_group_id: int | None
    name: str
    leader_id: str
    status: str | None
    migrating_here: bool

    def is_copy(self, group: Mapping[str, Any]) -> bool:
        """Whether a listed group is the other copy of this one: one of both is primary."""
        return (group["group_priority"] > 0) is self.is_primary


def ask_where_needed(
    parts: Parts, hold: Hold, peer_id: int, groups: Mapping[int, dict[str, Any]], heard: Heard
) -> None:
    """Ask for an audit of each association whose listed group says something new. Raises LeaseLost.

    ``heard`` is kept by who watches the peer; an empty one asks once more for what was asked for already.
    """
    with parts.unit_of_work() as session:
        found = _suspicious(_known(session, peer_id), groups)
    for association_id in set(heard) - set(found):
        del heard[association_id]
    news = {key: listing for key, listing in found.items() if heard.get(key) != listing}
    if not news:
        return
    with parts.unit_of_work() as session:
        hold.confirm(session)
        ids = [one.id for one in lock_associations(session, PeerGroupAssociation.id.in_(news))]
        ask_for_audits(session, ids)
        session.commit()
    heard.update(news)
    hint(parts, ids)


def _known(session: Session, peer_id: int) -> list[Known]:
    query = (
        select(
            PeerGroupAssociation.id,
            PeerGroupAssociation.association_type == AssociationType.PRIMARY,
            PeerGroupAssociation.remote_group_id,
            SubcloudPeerGroup.peer_group_name,
            SubcloudPeerGroup.system_leader_id,
            SubcloudPeerGroup.migration_status,
            SubcloudPeerGroup.migrating_here,
        )
        .join(SubcloudPeerGroup, SubcloudPeerGroup.id == PeerGroupAssociation.peer_group_id)
        .where(PeerGroupAssociation.system_peer_id == peer_id, PeerGroupAssociation.deleting.is_(False))
    )
    return [Known(*row) for row in session.execute(query)]


def _suspicious(known: list[Known], groups: Mapping[int, dict[str, Any]]) -> dict[int, Listing]:
    by_name = {group["peer_group_name"]: group for group in groups.values()}
    found = {}
    for one in known:
        group = groups.get(one.remote_group_id or 0) or by_name.get(one.name)
        if group is not None and one.is_copy(group) and needs_audit(one, group):
            found[one.association_id] = Listing(
                group["migration_status"], str(group["system_leader_id"]), group.get("updated-at")
            )
    return found


def needs_audit(known: Known, group: Mapping[str, Any]) -> bool:
    """Whether a listed group says that something happened at the peer which this site does not know."""
    if group["migration_status"] in TELLING_STATUSES:
        return True
    if str(group["system_leader_id"]).lower() != known.leader_id.lower():
        return True
    # A migration was told here, or carried out, and the peer has come to terms with that.
    return known.status is not None and not known.migrating_here
