"""System peers over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.audit_entries import note
from dcapi.api.bodies import json_body
from dcapi.api.patches import judged_in_order
from dcapi.api.request import runtime, session
from dcapi.auth.policy import requires
from dcapi.schemas import system_peers as schemas
from dcapi.schemas.base import load
from dcapi.schemas.references import parse_reference
from dcapi.services import system_peers

blueprint = Blueprint("system_peers", __name__, url_prefix="/v1.0/system-peers")


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, system_peers.NOT_FOUND)


def _found(session: Session, reference: str) -> object:
    return system_peers.find_peer(session, _parsed(reference))


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
    values = _noted(load(schemas.create_schema(runtime().settings), json_body()))
    return jsonify(system_peers.create_peer(session(), runtime(), values))


@blueprint.patch("/<reference>")
@requires("dc_api:system_peers:modify")
@judged_in_order(json_body, _found)
def update_peer(reference: str, body: dict[str, Any]) -> Response:
    values = _noted(load(schemas.patch_schema(runtime().settings), body))
    return jsonify(system_peers.update_peer(session(), runtime(), _parsed(reference), values))


@blueprint.delete("/<reference>")
@requires("dc_api:system_peers:delete")
def delete_peer(reference: str) -> Response:
    system_peers.delete_peer(session(), _parsed(reference))
    return jsonify(None)


def _noted(values: dict[str, Any]) -> dict[str, Any]:
    """The values; where this site is to send things from now on is on record."""
    note(manager_endpoint=values.get("manager_endpoint"))
    return values
