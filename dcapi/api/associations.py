"""Peer group associations over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from dcapi.api.bodies import json_body
from dcapi.api.request import parts, session
from dcapi.api.waiting import wait_for_outcome
from dcapi.auth.policy import requires
from dcapi.errors import BadRequest
from dcapi.schemas.associations import AssociationCreate, AssociationPatch
from dcapi.schemas.base import load
from dcapi.schemas.fields import is_digits
from dcapi.schemas.references import parse_reference
from dcapi.services import associations
from dcapi.services.answers import Answer

blueprint = Blueprint("associations", __name__, url_prefix="/v1.0/peer-group-associations")

NOT_AN_ID = "Peer Group Association ID must be an integer"


@blueprint.get("", strict_slashes=False)
@requires("dc_api:peer_group_associations:get")
def list_associations() -> Response:
    return jsonify({"peer_group_associations": associations.list_associations(session())})


@blueprint.get("/<reference>", strict_slashes=False)
@requires("dc_api:peer_group_associations:get")
def show_association(reference: str) -> Response:
    return jsonify(associations.show_association(session(), _parsed(reference)))


@blueprint.post("", strict_slashes=False)
@requires("dc_api:peer_group_associations:create")
def create_association() -> Response:
    values = load(AssociationCreate(), json_body())
    return _after_outcome(associations.create_association(session(), parts(), values))


@blueprint.patch("/<reference>", strict_slashes=False)
@requires("dc_api:peer_group_associations:modify")
def update_association(reference: str) -> Response:
    association_id = _parsed(reference)
    values = load(AssociationPatch(), json_body())
    return jsonify(associations.update_association(session(), parts(), association_id, values))


@blueprint.patch("/<reference>/sync", strict_slashes=False)
@requires("dc_api:peer_group_associations:modify")
def sync_association(reference: str) -> Response:
    return _after_outcome(associations.ask_for_sync(session(), parts(), _parsed(reference)))


@blueprint.delete("/<reference>", strict_slashes=False)
@requires("dc_api:peer_group_associations:delete")
def delete_association(reference: str) -> Response:
    association_id = _parsed(reference)
    force = request.args.get("force", "").lower() == "true"
    left = associations.delete_association(session(), parts(), association_id, force=force)
    return jsonify(None if left is None else {"info_message": left})


def _after_outcome(answer: Answer) -> Response:
    """The association as it is once its sync ended, or as it was accepted when nobody waits for that."""
    association_id = answer["id"]
    if not wait_for_outcome(lambda look: associations.is_settled(look, association_id)):
        return jsonify(answer)
    return jsonify(associations.show_association(session(), association_id))


def _parsed(reference: str) -> int:
    if not is_digits(reference):
        raise BadRequest(NOT_AN_ID)
    association_id = parse_reference(reference, associations.NOT_FOUND)
    assert isinstance(association_id, int)
    return association_id
