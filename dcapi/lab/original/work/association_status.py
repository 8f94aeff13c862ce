"""The status of a primary association, on both sites."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dcapi.lab.operator import Json
from dcapi.lab.original.client import CALL_ERRORS, CallError, Client, connect
from dcapi.lab.original.life import Life
from dcapi.lab.original.rows import Rows, SystemPeer

log = logging.getLogger(__name__)

# Says which group there is meant, by asking the peer if need be.
_FindGroup = Callable[[Client], int | None]

# Status of a primary association → the one that it gets when its peer goes, and when its peer is back.
PEER_GONE = {"in-sync": "unknown", "syncing": "unknown", "out-of-sync": "failed"}
PEER_BACK = {"unknown": "in-sync", "failed": "out-of-sync"}


def set_status(life: Life, association_id: int, status: str, remote_group_id: int | None) -> None:
    """Make a primary association have a status on both sites; when the peer cannot be told, it has failed.

    ``remote_group_id`` is the id of the group there, as the peer named it. Of an association that is not
    primary nothing changes and nobody is told.
    """
    _set(life, association_id, status, lambda _: remote_group_id)


def set_statuses_of_returned(life: Life, peer_id: int) -> None:
    """Move the primary associations of a peer that answers again."""
    with life.rows() as rows:
        found = rows.associations.where(peer_id=peer_id, type="primary")
        due = [(each.id, rows.group_of(each).name, PEER_BACK.get(each.sync_status)) for each in found]
    for association_id, name, status in due:
        if status is not None:
            _set(life, association_id, status, _id_by_name(name))


def set_statuses_of_gone(rows: Rows, peer: SystemPeer) -> None:
    """Move the primary associations of a peer that does not answer, here alone."""
    for association in rows.associations.where(peer_id=peer.id, type="primary"):
        if association.sync_status in PEER_GONE:
            status, message = PEER_GONE[association.sync_status], f"Peer site ({peer.name}) is unreachable."
            association.change(sync_status=status, sync_message=message)


def set_status_of_changed(life: Life, group_ids: set[int]) -> None:
    """Note that an operator changed a member of these groups; a primary site tells its peer."""
    with life.rows() as rows:
        found = [each for each in rows.associations if each.group_id in group_ids]
        due = [(each.id, rows.group_of(each).name) for each in found if each.is_primary]
        for association in found:
            if not association.is_primary:
                association.change(sync_status="out-of-sync")
    for association_id, name in due:
        _set(life, association_id, "out-of-sync", _id_by_name(name))


def find_status(life: Life, client: Client, remote_group_id: int | None) -> str | None:
    """The status at the peer of the association that stands for this site's; None when there is none."""
    try:
        found = _association_there(life, client, remote_group_id)
    except CALL_ERRORS as error:
        log.info("no sync status of the peer: %s", error)
        return None
    return None if found is None else str(found["sync-status"])


def _id_by_name(name: str) -> _FindGroup:
    def find(client: Client) -> int | None:
        group = client.group(name)
        return None if group is None else int(group["id"])

    return find


def _set(life: Life, association_id: int, status: str, find_group: _FindGroup) -> None:
    with life.rows() as rows:
        association = rows.associations.get(association_id)
        if association is None or not association.is_primary:
            return
        peer = rows.peers[association.peer_id]
        name, peer_id = peer.name, peer.id
    values = {"sync_status": status, "sync_message": "None"}
    try:
        client = connect(life, peer_id)
        _tell(life, client, find_group(client), status)
    except CALL_ERRORS:
        text = f"Failed to update peer site '{name}' association sync_status to '{status}'"
        values = {"sync_status": "failed", "sync_message": text}
    with life.rows():
        association.change(**values)


def _tell(life: Life, client: Client, remote_group_id: int | None, status: str) -> None:
    there = _association_there(life, client, remote_group_id)
    if there is None:
        raise CallError("the peer has no such association")
    if there["sync-status"] != status:
        client.tell_association(there["id"], status)


def _association_there(life: Life, client: Client, remote_group_id: int | None) -> Json | None:
    own_id = client.system_peer_id(life.identity.uuid)
    return None if own_id is None else client.association(remote_group_id, own_id)
