"""A peer asks this site to audit a peer group: a hint, which the peer's own rows have to bear out."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import PeerGroupAssociation as Association
from dcapi.models import SystemPeer
from dcapi.runtime import Runtime
from dcapi.services.peer_groups import find_group
from dcapi.sync.changes import ask_for_audits, hint, lock_associations


def refuse_incomplete(session: Session, reference: int | str, missing: str) -> NoReturn:
    """Raises BadRequest for a request without one of its keys, NotFound for an unknown group."""
    name = find_group(session, reference).peer_group_name
    raise BadRequest(f"Unable to audit peer group {name}, missing {missing}")


def ask_for_audit(session: Session, runtime: Runtime, reference: int | str, peer_uuid: str) -> str | None:
    """Note that a peer's copy of a group has to be read; jobs do it.

    Returns why that is not done, None when it is; raises NotFound for an unknown group.
    """
    group = find_group(session, reference)
    name = group.peer_group_name
    peer_id = session.scalar(select(SystemPeer.id).where(SystemPeer.peer_uuid == peer_uuid))
    if peer_id is None:
        return f"Subcloud peer group {name} is not audited: no system peer here has the UUID {peer_uuid}."
    of_peer = (Association.peer_group_id == group.id, Association.system_peer_id == peer_id)
    associations = lock_associations(session, *of_peer, Association.deleting.is_(False))
    ids = [association.id for association in associations]
    if not ids:
        return f"Subcloud peer group {name} is not audited: it is not associated with peer {peer_uuid}."
    ask_for_audits(session, ids)
    session.commit()
    runtime.monitor_wakeup.set()
    hint(runtime, ids)
    return None
