"""System peers over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from dcapi.api.bodies import json_body
from dcapi.api.request import parts, session
from dcapi.auth.policy import requires
from dcapi.schemas import system_peers as schemas
from dcapi.schemas.base import load
from dcapi.schemas.references import parse_reference
from dcapi.services import system_peers

blueprint = Blueprint("system_peers", __name__, url_prefix="/v1.0/system-peers")


@blueprint.get("")
@requires("dc_api:system_peers:get")
def list_peers() -> Response:
    return jsonify({"system_peers": system_peers.list_peers(session())})


@blueprint.get("/<reference>")
@requires("dc_api:system_peers:get")
def show_peer(reference: str) -> Response:
    return jsonify(system_peers.show_peer(session(), _parsed(reference)))


@blueprint.get("/<reference>/subcloud-peer-groups")
@requires("dc_api:system_peers:get")
def list_peer_groups(reference: str) -> Response:
    groups = system_peers.list_peer_groups(session(), _parsed(reference))
    return jsonify({"subcloud_peer_groups": groups})


@blueprint.post("")
@requires("dc_api:system_peers:create")
def create_peer() -> Response:
    values = load(schemas.create_schema(parts().settings), json_body())
    return jsonify(system_peers.create_peer(session(), parts(), values))


@blueprint.patch("/<reference>")
@requires("dc_api:system_peers:modify")
def update_peer(reference: str) -> Response:
    values = load(schemas.patch_schema(parts().settings), json_body())
    return jsonify(system_peers.update_peer(session(), parts(), _parsed(reference), values))


@blueprint.delete("/<reference>")
@requires("dc_api:system_peers:delete")
def delete_peer(reference: str) -> Response:
    system_peers.delete_peer(session(), _parsed(reference))
    return jsonify(None)


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, system_peers.NOT_FOUND)
