"""System peers over HTTP."""

from __future__ import annotations

import ipaddress

from dcapi.lab.operator import Json
from dcapi.lab.original.api.answers import group_answer, peer_answer
from dcapi.lab.original.api.errors import RefusedError, not_found
from dcapi.lab.original.api.incoming import Incoming
from dcapi.lab.original.rows import Rows, SystemPeer

# Field of a request → attribute of the row.
REQUIRED = {
    "peer_uuid": "uuid",
    "peer_name": "name",
    "manager_endpoint": "endpoint",
    "manager_username": "username",
    "manager_password": "password",
    "peer_controller_gateway_address": "gateway_address",
}
NUMBERS = ("heartbeat_interval", "heartbeat_failure_threshold", "heartbeat_maintenance_timeout")
TEXTS = ("administrative_state", "heartbeat_failure_policy")


def list_peers(incoming: Incoming) -> Json:
    with incoming.life.rows() as rows:
        return {"system_peers": [peer_answer(row) for row in rows.peers]}


def show_peer(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return peer_answer(_find(rows, ref))


def list_groups_of_peer(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        found = rows.associations.where(peer_id=_find(rows, ref).id)
        return {"subcloud_peer_groups": [group_answer(rows.group_of(each)) for each in found]}


def create_peer(incoming: Incoming) -> Json:
    values = _values(incoming.document)
    for field, name in REQUIRED.items():
        if name not in values:
            raise RefusedError(400, f"Invalid {field.replace('peer_', 'peer ', 1)}")
    with incoming.life.rows() as rows:
        if rows.peers.find(uuid=values["uuid"]) is not None:
            raise RefusedError(409, "A system peer with this UUID already exists")
        return peer_answer(rows.peers.add(**values))


def update_peer(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        row = _find(rows, ref)
        values = _values(incoming.document)
        if not values:
            raise RefusedError(400, "nothing to update")
        row.change(**values)
        return peer_answer(row)


def delete_peer(incoming: Incoming, ref: str) -> None:
    with incoming.life.rows() as rows:
        row = _find(rows, ref)
        if rows.associations.where(peer_id=row.id):
            text = "Cannot delete a system peer which is associated with peer group."
            raise RefusedError(400, text)
        rows.peers.remove(row)


def _find(rows: Rows, ref: str) -> SystemPeer:
    if ref.isdigit():
        row = rows.peers.get(int(ref))
    else:
        row = rows.peers.find(uuid=ref) or rows.peers.find(name=ref)
    if row is None:
        raise not_found("System Peer")
    return row


def _check_gateway(values: Json) -> None:
    """An original knows one gateway of a site, of one IP version."""
    try:
        if "gateway_address" in values:
            ipaddress.ip_address(values["gateway_address"])
    except ValueError:
        raise RefusedError(400, "Invalid peer peer_controller_gateway_address") from None


def _values(document: Json) -> Json:
    given = {key: value for key, value in document.items() if value not in (None, "")}
    values = {name: given[field] for field, name in REQUIRED.items() if field in given}
    values |= {name: given[name] for name in TEXTS if name in given}
    _check_gateway(values)
    return values | {name: int(given[name]) for name in NUMBERS if name in given}
