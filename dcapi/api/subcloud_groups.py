"""Subcloud groups over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.bodies import json_body
from dcapi.api.patches import judged_in_order
from dcapi.api.request import session
from dcapi.auth.policy import requires
from dcapi.schemas.base import load
from dcapi.schemas.references import parse_reference
from dcapi.schemas.subcloud_groups import SubcloudGroupCreate, SubcloudGroupPatch
from dcapi.services import subcloud_groups

blueprint = Blueprint("subcloud_groups", __name__, url_prefix="/v1.0/subcloud-groups")


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, subcloud_groups.NOT_FOUND)


def _found(session: Session, reference: str) -> object:
    return subcloud_groups.find_group(session, _parsed(reference))


@blueprint.get("")
@requires("dc_api:subcloud_groups:get")
def list_groups() -> Response:
    return jsonify({"subcloud_groups": subcloud_groups.list_groups(session())})


@blueprint.get("/<reference>")
@requires("dc_api:subcloud_groups:get")
def show_group(reference: str) -> Response:
    return jsonify(subcloud_groups.show_group(session(), _parsed(reference)))


@blueprint.get("/<reference>/subclouds")
@requires("dc_api:subcloud_groups:get")
def list_subclouds(reference: str) -> Response:
    return jsonify({"subclouds": subcloud_groups.list_subclouds(session(), _parsed(reference))})


@blueprint.post("")
@requires("dc_api:subcloud_groups:create")
def create_group() -> Response:
    values = load(SubcloudGroupCreate(), json_body())
    return jsonify(subcloud_groups.create_group(session(), values))


@blueprint.patch("/<reference>")
@requires("dc_api:subcloud_groups:modify")
@judged_in_order(json_body, _found)
def update_group(reference: str, body: dict[str, Any]) -> Response:
    values = load(SubcloudGroupPatch(), body)
    return jsonify(subcloud_groups.update_group(session(), _parsed(reference), values))


@blueprint.delete("/<reference>")
@requires("dc_api:subcloud_groups:delete")
def delete_group(reference: str) -> Response:
    subcloud_groups.delete_group(session(), _parsed(reference))
    return jsonify(None)
