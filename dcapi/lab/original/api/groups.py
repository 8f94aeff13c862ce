"""Subcloud peer groups over HTTP."""

from __future__ import annotations

import threading

from dcapi.lab.operator import Json
from dcapi.lab.original.api.answers import group_answer, group_status, subcloud_answer
from dcapi.lab.original.api.errors import RefusedError, not_found
from dcapi.lab.original.api.incoming import Incoming
from dcapi.lab.original.rows import PeerGroup, Rows
from dcapi.lab.original.work.audit import PeerState
from dcapi.lab.original.work.migration import MovingError, NothingToMigrateError

# Field of a request → attribute of the row.
FIELDS = {
    "peer-group-name": "name",
    "group-priority": "priority",
    "group-state": "state",
    "max-subcloud-rehoming": "max_subcloud_rehoming",
    "system-leader-id": "leader_id",
    "system-leader-name": "leader_name",
}
NUMBERS = ("priority", "max_subcloud_rehoming")
STATUS = "migration_status"
STATUSES = {"migrating": "migrating", "complete": "complete", "none": None, None: None}

# What a request to audit has to say, beside what it may.
DEMANDED = (
    "peer_uuid",
    "peer_group_name",
    "group_priority",
    "group_state",
    "system_leader_id",
    "system_leader_name",
    "migration_status",
)
# An audit that lasts longer is answered 500, and goes on.
AUDIT_SECONDS = 60.0


def list_groups(incoming: Incoming) -> Json:
    with incoming.life.rows() as rows:
        return {"subcloud_peer_groups": [group_answer(row) for row in rows.groups]}


def show_group(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return group_answer(find_group(rows, ref))


def list_members(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return {"subclouds": [subcloud_answer(row) for row in rows.members(find_group(rows, ref).id)]}


def show_status(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return group_status(rows, find_group(rows, ref))


def create_group(incoming: Incoming) -> Json:
    own, values = incoming.life.identity, _values(incoming.document)
    if not values.get("name"):
        raise RefusedError(400, "Invalid peer-group-name")
    with incoming.life.rows() as rows:
        _check_name_free(rows, values, own_id=0)
        leader = {"leader_id": own.uuid, "leader_name": own.name}
        return group_answer(rows.groups.add(**(leader | values)))


def update_group(incoming: Incoming, ref: str) -> Json:
    """Store what a peer or the operator says, a migration status as this site's own, unchecked."""
    with incoming.life.rows() as rows:
        row = find_group(rows, ref)
        values = _values(incoming.document)
        if not values:
            raise RefusedError(400, "nothing to update")
        if not incoming.from_peer and not row.is_primary:
            raise RefusedError(400, "Cannot update a peer group from a non-primary site.")
        _check_name_free(rows, values, own_id=row.id)
        if set(values) != {STATUS} or incoming.life.traits.stores_lone_status:
            row.change(**values)
        return group_answer(row)


def delete_group(incoming: Incoming, ref: str) -> None:
    with incoming.life.rows() as rows:
        row = find_group(rows, ref)
        if rows.associations.where(group_id=row.id):
            raise RefusedError(400, "Cannot delete a peer group which is associated with a system peer.")
        for member in rows.members(row.id):
            member.change(peer_group_id=None)
        rows.groups.remove(row)


def migrate_group(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        row = find_group(rows, ref)
    if not incoming.document.get("sysadmin_password"):
        text = f"Unable to migrate subcloud peer group: {row.id} need sysadmin_password"
        raise RefusedError(400, text)
    try:
        movers = incoming.site.migrator.begin(row.id)
    except NothingToMigrateError as error:
        raise RefusedError(400, str(error)) from error
    except MovingError as error:
        raise RefusedError(500, str(error)) from error
    return {"subclouds": [subcloud_answer(each) for each in movers]}


def audit_group(incoming: Incoming, ref: str) -> Json:
    """Carry an audit out before the answer, unless it lasts too long."""
    with incoming.life.rows() as rows:
        row = find_group(rows, ref)
    body = incoming.document
    for key in DEMANDED:
        if key not in body:
            raise RefusedError(400, f"Unable to audit peer group {row.name}, missing {key}")
    outcome: list[str | None] = []
    ended = threading.Event()
    incoming.life.spawn(_audit, incoming, row.id, body, outcome, ended)
    ended.wait(incoming.life.switches.clock.real(AUDIT_SECONDS))
    incoming.life.check()
    if not outcome:
        raise RefusedError(500, "Unable to audit peer group")
    return {"message": outcome[0]}


def _audit(
    incoming: Incoming, group_id: int, body: Json, outcome: list[str | None], ended: threading.Event
) -> None:
    try:
        said = PeerState.said(body)
        outcome.append(incoming.site.monitor.audit_asked_for(group_id, body["peer_uuid"], said))
    finally:
        ended.set()


def find_group(rows: Rows, ref: str) -> PeerGroup:
    row = rows.groups.get(int(ref)) if ref.isdigit() else rows.groups.find(name=ref)
    if row is None:
        raise not_found("Subcloud Peer Group")
    return row


def _values(document: Json) -> Json:
    """The attributes that a request sets; a null sets nothing, but for the migration status."""
    values = {
        name: document[field] for field, name in FIELDS.items() if document.get(field) not in (None, "")
    }
    values |= {name: int(values[name]) for name in NUMBERS if name in values}
    if STATUS in document:
        if document[STATUS] not in STATUSES:
            raise RefusedError(400, f"Invalid {STATUS}")
        values[STATUS] = STATUSES[document[STATUS]]
    return values


def _check_name_free(rows: Rows, values: Json, own_id: int) -> None:
    namesake = rows.groups.find(name=values["name"]) if "name" in values else None
    if namesake is not None and namesake.id != own_id:
        raise RefusedError(409, "A subcloud peer group with this name already exists")
