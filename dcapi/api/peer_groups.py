"""Subcloud peer groups over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.audit_entries import note_secrets_read
from dcapi.api.bodies import json_body
from dcapi.api.disconnects import is_from_site
from dcapi.api.patches import judged_in_order
from dcapi.api.prefer import wait_for_outcome
from dcapi.api.request import from_peer, runtime, session
from dcapi.auth.context import caller
from dcapi.auth.policy import may, requires
from dcapi.schemas.base import load
from dcapi.schemas.peer_groups import PeerGroupAudit, PeerGroupCreate, PeerGroupMigration, PeerGroupPatch
from dcapi.schemas.references import parse_reference
from dcapi.services import group_audit, migration, peer_groups

blueprint = Blueprint("peer_groups", __name__, url_prefix="/v1.0/subcloud-peer-groups")


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, peer_groups.NOT_FOUND)


def _found(session: Session, reference: str) -> object:
    return peer_groups.find_group(session, _parsed(reference))


@blueprint.get("")
@requires("dc_api:subcloud_peer_groups:get")
def list_groups() -> Response:
    return jsonify({"subcloud_peer_groups": peer_groups.list_groups(session(), to_site=is_from_site())})


@blueprint.get("/<reference>")
@requires("dc_api:subcloud_peer_groups:get")
def show_group(reference: str) -> Response:
    return jsonify(peer_groups.show_group(session(), _parsed(reference), to_site=is_from_site()))


@blueprint.get("/<reference>/subclouds")
@requires("dc_api:subcloud_peer_groups:get")
def list_subclouds(reference: str) -> Response:
    group, with_secrets = _parsed(reference), may("dc_api:subclouds:get_secrets")
    listed = peer_groups.list_subclouds(session(), group, with_secrets=with_secrets)
    if with_secrets:
        note_secrets_read(listed)
    elif is_from_site():
        peer_groups.warn_of_masks(session(), group, listed, caller().user_name)
    return jsonify({"subclouds": listed})


@blueprint.get("/<reference>/status")
@requires("dc_api:subcloud_peer_groups:get")
def show_status(reference: str) -> Response:
    return jsonify(peer_groups.group_status(session(), _parsed(reference)))


@blueprint.post("")
@requires("dc_api:subcloud_peer_groups:create")
def create_group() -> Response:
    values = load(PeerGroupCreate(), json_body())
    return jsonify(peer_groups.create_group(session(), runtime(), values))


@blueprint.patch("/<reference>")
@requires("dc_api:subcloud_peer_groups:modify")
@judged_in_order(json_body, _found)
def update_group(reference: str, body: dict[str, Any]) -> Response:
    values = load(PeerGroupPatch(), body)
    group = peer_groups.update_group(session(), runtime(), _parsed(reference), values, from_peer=from_peer())
    return jsonify(group)


@blueprint.patch("/<reference>/audit")
@requires("dc_api:subcloud_peer_groups:modify")
@judged_in_order(json_body, _found)
def audit_group(reference: str, body: dict[str, Any]) -> Response:
    group = _parsed(reference)
    if (missing := PeerGroupAudit.missing_in(body)) is not None:
        group_audit.refuse_incomplete(session(), group, missing)
    values = load(PeerGroupAudit(), body)
    message = group_audit.ask_for_audit(session(), runtime(), group, values["peer_uuid"])
    return jsonify({"message": message})


@blueprint.patch("/<reference>/migrate")
@requires("dc_api:subcloud_peer_groups:modify")
@judged_in_order(json_body, _found)
def migrate_group(reference: str, body: dict[str, Any]) -> Response:
    password = load(PeerGroupMigration(), body).get("sysadmin_password")
    group_id, movers = migration.migrate_group(session(), runtime(), _parsed(reference), password)
    if wait_for_outcome(lambda look: migration.is_over(look, group_id)):
        movers = migration.reread(session(), movers)
    return jsonify({"subclouds": movers})


@blueprint.delete("/<reference>")
@requires("dc_api:subcloud_peer_groups:delete")
def delete_group(reference: str) -> Response:
    peer_groups.delete_group(session(), _parsed(reference))
    return jsonify(None)
