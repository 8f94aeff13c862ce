"""Subclouds over HTTP: what another site does with its copies, and the little that an operator needs."""

from __future__ import annotations

import uuid

from dcapi.lab.operator import Json
from dcapi.lab.original.api.answers import subcloud_answer, subcloud_detail
from dcapi.lab.original.api.errors import RefusedError, not_found
from dcapi.lab.original.api.groups import find_group
from dcapi.lab.original.api.incoming import Incoming
from dcapi.lab.original.api.payloads import form_keys, saved_values
from dcapi.lab.original.rows import Rows, Subcloud
from dcapi.lab.original.version import COPY, FAILED
from dcapi.lab.original.work.association_status import set_status_of_changed

TEXTS = {"description": "description", "location": "location", "release": "software_version"}


def list_subclouds(incoming: Incoming) -> Json:
    with incoming.life.rows() as rows:
        listed = [subcloud_answer(row) | {"sync_status": "unknown"} for row in rows.subclouds]
        return {"subclouds": [row | {"endpoint_sync_status": []} for row in listed]}


def show_subcloud(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return subcloud_answer(_find(rows, ref, incoming)) | {"endpoint_sync_status": []}


def show_detail(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        return subcloud_detail(_find(rows, ref, incoming))


# -- Creation --


def create_subcloud(incoming: Incoming) -> Json:
    """Store a copy, or deploy a subcloud, which takes this stand-in no time."""
    secondary = incoming.form.get("secondary") == "true"
    values = incoming.form_values("bootstrap_values") or {}
    name = incoming.form.get("name") or values.get("name")
    if not name:
        raise RefusedError(400, "name required")
    if not secondary and not incoming.form.get("sysadmin_password"):
        raise RefusedError(400, "subcloud sysadmin_password required")
    region_name = incoming.form.get("region_name", "") if secondary else ""
    with incoming.life.rows() as rows:
        region_name = region_name or uuid.uuid4().hex
        _check_free(rows, name, region_name)
        row = rows.subclouds.add(name=name, region_name=region_name)
        row.change(**_texts(incoming), **_installation(incoming))
        if secondary:
            row.change(saved_payload=saved_values(values, incoming.form))
            return subcloud_answer(row) | {"deploy-status": "not-deployed"}
        row.change(deploy_status="complete", availability="online")
        return subcloud_answer(row)


def _check_free(rows: Rows, name: str, region_name: str) -> None:
    if rows.subclouds.find(name=name) is not None:
        raise RefusedError(409, f"Subcloud with name={name} already exists")
    if rows.subclouds.find(region_name=region_name) is not None:
        raise RefusedError(409, f"Subcloud with region_name={region_name} already exists")


# -- Changes --


def update_subcloud(incoming: Incoming, ref: str) -> Json:
    with incoming.life.rows() as rows:
        row = _find(rows, ref, incoming)
        before = row.peer_group_id
        if not incoming.form:
            raise RefusedError(400, "nothing to update")
        management = _management(incoming, row)
        group = _group(rows, incoming)
        values = _stored_values(incoming, row)
        row.change(**_texts(incoming), **_installation(incoming), **management, **group, **values)
        after = row.peer_group_id
    if not incoming.from_peer and not management:
        set_status_of_changed(incoming.life, {each for each in (before, after) if each is not None})
    with incoming.life.rows():
        return subcloud_answer(row)


def _management(incoming: Incoming, row: Subcloud) -> Json:
    """What becomes of management and deploy status; raises RefusedError."""
    wanted = incoming.form.get("management-state")
    if wanted not in (None, "managed", "unmanaged"):
        raise RefusedError(400, "Invalid management-state")
    if wanted == row.management_state:
        raise RefusedError(422, f"Subcloud {row.name} is already {wanted}")
    values = {} if wanted is None else {"management_state": wanted}
    if incoming.form.get("migrate") == "true":
        return values | _letting_go(incoming, row, wanted or row.management_state)
    if wanted == "managed":
        if row.deploy_status not in ("complete", "rehome-pending") or row.availability != "online":
            raise RefusedError(422, f"Subcloud {row.name} is not completely deployed and online")
        values["deploy_status"] = "complete"
    return values


def _letting_go(incoming: Incoming, row: Subcloud, management: str) -> Json:
    if management != "unmanaged":
        raise RefusedError(400, f"Subcloud {row.name} must be unmanaged to be migrated")
    allowed = incoming.life.traits.pending_from if incoming.from_peer else frozenset({"complete"})
    if allowed is not None and row.deploy_status not in allowed | {"rehome-pending"}:
        raise RefusedError(400, f"Subcloud {row.name} must be complete to be migrated")
    return {"deploy_status": "rehome-pending"}


def _group(rows: Rows, incoming: Incoming) -> Json:
    wanted = incoming.form.get("peer_group")
    if wanted is None:
        return {}
    if wanted.lower() == "none":
        return {"peer_group_id": None}
    try:
        return {"peer_group_id": find_group(rows, wanted).id}
    except RefusedError:
        raise RefusedError(400, "Invalid peer group") from None


def _stored_values(incoming: Incoming, row: Subcloud) -> Json:
    """The values for a takeover; what a form leaves out stays."""
    values = incoming.form_values("bootstrap_values")
    address = incoming.form.get("bootstrap_address") or incoming.form.get("bootstrap-address")
    if values is None and address is None:
        return {}
    kept = row.saved_payload or {}
    form = incoming.form | {"bootstrap-address": address or kept.get("bootstrap-address", "")}
    return {"saved_payload": (kept | form_keys(form)) if values is None else saved_values(values, form)}


def _texts(incoming: Incoming) -> Json:
    return {name: incoming.form[part] for part, name in TEXTS.items() if part in incoming.form}


def _installation(incoming: Incoming) -> Json:
    values = incoming.form_values("install_values")
    return {} if values is None else {"install_values": values}


# -- Deletion --


def delete_subcloud(incoming: Incoming, ref: str) -> None:
    with incoming.life.rows() as rows:
        row = rows.subclouds.find(name=ref) or _find(rows, ref, incoming)
        if row.is_managed:
            raise RefusedError(400, 'Cannot delete a subcloud that is "managed" status')
        if row.availability == "online":
            raise RefusedError(422, f"Subcloud {row.name} is online")
        is_copy = row.deploy_status in COPY | FAILED
        if row.peer_group_id is not None and not (incoming.from_peer and is_copy):
            text = "Cannot delete a subcloud that is part of a peer group on this site"
            raise RefusedError(400, text)
        rows.subclouds.remove(row)


def _find(rows: Rows, ref: str, incoming: Incoming) -> Subcloud:
    """A subcloud by its id or name; another site names the region."""
    if incoming.from_peer:
        row = rows.subclouds.find(region_name=ref)
    elif ref.isdigit():
        row = rows.subclouds.get(int(ref))
    else:
        row = rows.subclouds.find(name=ref)
    if row is None:
        raise not_found("Subcloud")
    return row
