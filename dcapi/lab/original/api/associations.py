"""Peer group associations over HTTP."""

from __future__ import annotations

from dcapi.lab.operator import Json
from dcapi.lab.original.api.answers import association_answer, listed_association
from dcapi.lab.original.api.errors import RefusedError, not_found
from dcapi.lab.original.api.incoming import Incoming
from dcapi.lab.original.rows import Association, PeerGroup, Rows

STATUSES = frozenset({"syncing", "in-sync", "out-of-sync", "failed", "unknown"})
MESSAGES = {"failed": "Primary association sync to current site failed."}

WRONG_PRIORITY = (
    "Peer Group Association create is not allowed when the subcloud peer group priority is greater than 0 "
    "and it is required when the subcloud peer group priority is 0."
)
NOT_OF_PRIMARY = (
    "Peer Group Association sync_status is not allowed to update when the association type is primary."
)
PRIMARY_ALONE = (
    "Peer Group Association sync is not allowed when the association type is non-primary. But the peer "
    "monitor notify was triggered."
)
LEADER_ALONE = (
    "Peer Group Association sync is not allowed when the subcloud peer group system_leader_id is not the "
    "current system controller UUID."
)


def list_associations(incoming: Incoming) -> Json:
    with incoming.life.rows() as rows:
        return {"peer_group_associations": [listed_association(row) for row in rows.associations]}


def show_association(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return association_answer(_find(rows, ref))


def create_association(incoming: Incoming) -> Json:
    with incoming.life.rows() as rows:
        row = rows.associations.add(**_values(rows, incoming.document))
    if row.is_primary:
        incoming.site.syncer.begin(row.id)
    incoming.site.monitor.refresh()
    return _shown(incoming, row)


def update_association(incoming: Incoming, ref: str) -> Json:
    """Take the status that the primary site tells; every one told has the watches read anew."""
    with incoming.life.rows() as rows:
        row = _find(rows, ref)
        status = incoming.document.get("sync_status")
        if status not in STATUSES:
            raise RefusedError(400, "Invalid sync_status")
        if row.is_primary:
            raise RefusedError(400, NOT_OF_PRIMARY)
        row.change(sync_status=status, sync_message=MESSAGES.get(status, "None"))
    incoming.site.monitor.refresh()
    return _shown(incoming, row)


def sync_association(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        row = _find(rows, ref)
        leads = rows.group_of(row).leader_id == incoming.life.identity.uuid
    if not row.is_primary or not leads:
        incoming.site.monitor.refresh()
        raise RefusedError(400, LEADER_ALONE if row.is_primary else PRIMARY_ALONE)
    incoming.site.syncer.begin(row.id)
    return _shown(incoming, row)


def delete_association(incoming: Incoming, ref: str) -> None:
    with incoming.life.rows() as rows:
        rows.associations.remove(_find(rows, ref))
    incoming.site.monitor.refresh()


def _shown(incoming: Incoming, row: Association) -> Json:
    with incoming.life.rows():
        return association_answer(row)


def _find(rows: Rows, ref: str) -> Association:
    if not ref.isdigit():
        raise RefusedError(400, "Peer Group Association ID must be an integer")
    row = rows.associations.get(int(ref))
    if row is None:
        raise not_found("Peer Group Association")
    return row


def _values(rows: Rows, document: Json) -> Json:
    group, peer = rows.groups.get(_id(document, "peer_group_id")), _id(document, "system_peer_id")
    if group is None:
        raise RefusedError(400, "Invalid peer_group_id")
    if rows.peers.get(peer) is None:
        raise RefusedError(400, "Invalid system_peer_id")
    if rows.associations.find(group_id=group.id, peer_id=peer) is not None:
        text = "A Peer group association with same peer_group_id, system_peer_id already exists"
        raise RefusedError(400, text)
    values = {"group_id": group.id, "peer_id": peer, "type": "primary" if group.is_primary else "non-primary"}
    return values | {"peer_group_priority": _priority(group, document)}


def _priority(group: PeerGroup, document: Json) -> int | None:
    given = document.get("peer_group_priority")
    if (given is not None) != group.is_primary:
        raise RefusedError(400, WRONG_PRIORITY)
    return None if given is None else int(given)


def _id(document: Json, field: str) -> int:
    given = str(document.get(field, ""))
    if not given.isdigit():
        raise RefusedError(400, f"Invalid {field}")
    return int(given)
