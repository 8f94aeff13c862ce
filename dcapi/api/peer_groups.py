"""Subcloud peer groups over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from dcapi.api.bodies import json_body
from dcapi.api.request import from_peer, parts, session
from dcapi.api.waiting import wait_for_outcome
from dcapi.auth.policy import may, requires
from dcapi.schemas.base import load
from dcapi.schemas.peer_groups import PeerGroupAudit, PeerGroupCreate, PeerGroupMigration, PeerGroupPatch
from dcapi.schemas.references import parse_reference
from dcapi.services import group_audit, migration, peer_groups

blueprint = Blueprint("peer_groups", __name__, url_prefix="/v1.0/subcloud-peer-groups")


@blueprint.get("", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:get")
def list_groups() -> Response:
    return jsonify({"subcloud_peer_groups": peer_groups.list_groups(session())})


@blueprint.get("/<reference>", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:get")
def show_group(reference: str) -> Response:
    return jsonify(peer_groups.show_group(session(), _parsed(reference)))


@blueprint.get("/<reference>/subclouds", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:get")
def list_subclouds(reference: str) -> Response:
    with_secrets = may("dc_api:subclouds:get_secrets")
    listed = peer_groups.list_subclouds(session(), _parsed(reference), with_secrets=with_secrets)
    return jsonify({"subclouds": listed})


@blueprint.get("/<reference>/status", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:get")
def show_status(reference: str) -> Response:
    return jsonify(peer_groups.group_status(session(), _parsed(reference)))


@blueprint.post("", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:create")
def create_group() -> Response:
    values = load(PeerGroupCreate(), json_body())
    return jsonify(peer_groups.create_group(session(), parts(), values))


@blueprint.patch("/<reference>", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:modify")
def update_group(reference: str) -> Response:
    values = load(PeerGroupPatch(), json_body())
    group = peer_groups.update_group(session(), parts(), _parsed(reference), values, from_peer=from_peer())
    return jsonify(group)


@blueprint.patch("/<reference>/audit", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:modify")
def audit_group(reference: str) -> Response:
    values = load(PeerGroupAudit(), json_body())
    message = group_audit.ask_for_audit(session(), parts(), _parsed(reference), values["peer_uuid"])
    return jsonify({"message": message})


@blueprint.patch("/<reference>/migrate", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:modify")
def migrate_group(reference: str) -> Response:
    values = load(PeerGroupMigration(), json_body())
    password = values["sysadmin_password"]
    group_id, movers = migration.migrate_group(session(), parts(), _parsed(reference), password)
    if wait_for_outcome(lambda look: migration.is_over(look, group_id)):
        movers = migration.reread(session(), movers)
    return jsonify({"subclouds": movers})


@blueprint.delete("/<reference>", strict_slashes=False)
@requires("dc_api:subcloud_peer_groups:delete")
def delete_group(reference: str) -> Response:
    peer_groups.delete_group(session(), _parsed(reference))
    return jsonify(None)


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, peer_groups.NOT_FOUND)
