"""A peer asks this site to audit a peer group: a hint, which the peer's own rows have to bear out."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation as Association
from dcapi.models import SystemPeer
from dcapi.parts import Parts
from dcapi.services.peer_groups import find_group
from dcapi.sync.audit_requests import ask_for_audits
from dcapi.sync.changes import hint, lock_associations


def ask_for_audit(session: Session, parts: Parts, reference: int | str, peer_uuid: str) -> str | None:
    """Note that a peer's copy of a group has to be read; jobs do it.

    Returns why that is not done, None when it is; raises NotFound for a group that there is not.
    """
    group = find_group(session, reference)
    name = group.peer_group_name
    peer_id = session.scalar(select(SystemPeer.id).where(SystemPeer.peer_uuid == peer_uuid))
    if peer_id is None:
        return f"Subcloud peer group {name} is not audited: no system peer here has the UUID {peer_uuid}."
    of_peer = (Association.peer_group_id == group.id, Association.system_peer_id == peer_id)
    if not _look_at(session, parts, *of_peer):
        return f"Subcloud peer group {name} is not audited: it is not associated with peer {peer_uuid}."
    return None


def look_who_migrates(session: Session, parts: Parts, group_id: int | None) -> None:
    """Have the peers of a group read, because one asks for a member and none is known to migrate it.

    A site that runs the original tells nobody before it takes a member over, and tries again when refused.
    """
    _look_at(session, parts, Association.peer_group_id == group_id)


def _look_at(session: Session, parts: Parts, *which: ColumnElement[bool]) -> bool:
    """Note that the peers of these associations have to be read; returns whether there is one."""
    associations = lock_associations(session, *which, Association.deleting.is_(False))
    ids = [association.id for association in associations]
    if ids:
        ask_for_audits(session, ids)
        session.commit()
        parts.monitor_bell.ring()
        hint(parts, ids)
    return bool(ids)
