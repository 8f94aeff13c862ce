"""The rows of one audit: locked together, and judged only while they are those that the peer was asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup
from dcapi.models.locks import locked
from dcapi.models.states import Management
from dcapi.runtime import Runtime
from dcapi.sync.audit.decisions import MemberHere
from dcapi.sync.audit.reading import Beginning, There, version_of
from dcapi.sync.changes import lock_associations
from dcapi.sync.status import Event, show_finding
from dcapi.sync.values.ledger import read_ledger
from dcapi.sync.values.member import member_of
from dcapi.sync.values.merge import values_here
from dcapi.sync.values.plan import Pushed

SubcloudOrGroup = TypeVar("SubcloudOrGroup", Subcloud, SubcloudPeerGroup)


class Outdated(Exception):
    """The rows changed since the peer was asked: what it said has to be asked anew."""


@dataclass
class Here:
    """The locked rows of one audit."""

    runtime: Runtime
    session: Session
    association: PeerGroupAssociation
    # All associations of the group, the audited one among them.
    associations: list[PeerGroupAssociation]
    group: SubcloudPeerGroup
    rows: dict[int, Subcloud]
    members: list[MemberHere]
    ledger: dict[str, Pushed]
    # The revision of the association when the peer's copy was read.
    revision_read: int = 0

    @property
    def is_primary(self) -> bool:
        return self.association.is_primary

    def show(self, event: Event, message: str) -> None:
        """Show what the peer's copy was found to be. What a primary has told since it was read is newer."""
        if self.is_primary or self.association.revision == self.revision_read:
            show_finding(self.association, event, message)


def lock(session: Session, runtime: Runtime, beginning: Beginning, there: There | None) -> Here | None:
    """Lock subclouds, groups and associations, in the order that everybody keeps to.

    The regions of the copies ``there`` are concerned too, wherever their subclouds stand here. Returns None
    when the association is gone, or about to go; raises Outdated.
    """
    regions = [copy.region_name for copy in there.subclouds] if there else []
    concerned = or_(Subcloud.peer_group_id == beginning.group_id, Subcloud.region_name.in_(regions))
    rows = _lock_in_order(session, Subcloud, concerned)
    group_ids = {beginning.group_id, *(row.peer_group_id for row in rows if row.peer_group_id is not None)}
    groups = _lock_in_order(session, SubcloudPeerGroup, SubcloudPeerGroup.id.in_(group_ids))
    associations = lock_associations(session, PeerGroupAssociation.peer_group_id.in_(group_ids))
    of_group = [one for one in associations if one.peer_group_id == beginning.group_id]
    association = next((one for one in of_group if one.id == beginning.target.association_id), None)
    if association is None or association.deleting:
        return None
    group = next(one for one in groups if one.id == beginning.group_id)
    # Nobody joins or leaves a group that is locked; who did before was not locked here.
    now = set(session.scalars(select(Subcloud.id).where(concerned)))
    if now != {row.id for row in rows} or version_of(group) != beginning.version:
        raise Outdated
    ledger = read_ledger(session, association.id) if association.is_primary else {}
    members = [_member_here(row, association, ledger) for row in rows]
    by_id = {row.id: row for row in rows}
    revision = there.revision if there else 0
    return Here(runtime, session, association, of_group, group, by_id, members, ledger, revision)


def _lock_in_order(
    session: Session, table: type[SubcloudOrGroup], which: ColumnElement[bool]
) -> list[SubcloudOrGroup]:
    """The rows as they are now, locked in the order of their ids."""
    query = locked(select(table).where(which).order_by(table.id))
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _member_here(row: Subcloud, association: PeerGroupAssociation, ledger: dict[str, Pushed]) -> MemberHere:
    digest = None
    if association.is_primary:
        digest = member_of(row, association.peer.peer_controller_gateway_address).digest
    return MemberHere(
        id=row.id,
        name=row.name,
        region_name=row.region_name,
        in_group=row.peer_group_id == association.peer_group_id,
        managed=row.management_state == Management.MANAGED,
        deploy_status=row.deploy_status,
        values=values_here(row),
        error=row.error_description,
        digest=digest,
        pushed=ledger.get(row.region_name),
    )
