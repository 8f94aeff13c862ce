"""Peer group associations over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.bodies import json_body
from dcapi.api.patches import judged_in_order, no_body
from dcapi.api.prefer import wait_for_outcome
from dcapi.api.request import is_forced, runtime, session
from dcapi.auth.policy import requires
from dcapi.errors import BadRequest
from dcapi.schemas.associations import AssociationCreate, AssociationPatch
from dcapi.schemas.base import load
from dcapi.schemas.fields import is_digits
from dcapi.schemas.references import parse_reference
from dcapi.services import associations
from dcapi.services.row_answers import Answer

blueprint = Blueprint("associations", __name__, url_prefix="/v1.0/peer-group-associations")

NOT_AN_ID = "Peer Group Association ID must be an integer"


def _parsed(reference: str) -> int:
    if not is_digits(reference):
        raise BadRequest(NOT_AN_ID)
    association_id = parse_reference(reference, associations.NOT_FOUND)
    assert isinstance(association_id, int)
    return association_id


def _found(session: Session, reference: str) -> object:
    return associations.find_association(session, _parsed(reference))


@blueprint.get("")
@requires("dc_api:peer_group_associations:get")
def list_associations() -> Response:
    return jsonify({"peer_group_associations": associations.list_associations(session())})


@blueprint.get("/<reference>")
@requires("dc_api:peer_group_associations:get")
def show_association(reference: str) -> Response:
    return jsonify(associations.show_association(session(), _parsed(reference)))


@blueprint.post("")
@requires("dc_api:peer_group_associations:create")
def create_association() -> Response:
    values = load(AssociationCreate(), json_body())
    return _after_outcome(associations.create_association(session(), runtime(), values))


@blueprint.patch("/<reference>")
@requires("dc_api:peer_group_associations:modify")
@judged_in_order(json_body, _found)
def update_association(reference: str, body: dict[str, Any]) -> Response:
    values = load(AssociationPatch(), body)
    return jsonify(associations.update_association(session(), runtime(), _parsed(reference), values))


@blueprint.patch("/<reference>/sync")
@requires("dc_api:peer_group_associations:modify")
@judged_in_order(no_body, _found)
def sync_association(reference: str, _body: None) -> Response:
    return _after_outcome(associations.ask_for_sync(session(), runtime(), _parsed(reference)))


@blueprint.delete("/<reference>")
@requires("dc_api:peer_group_associations:delete")
def delete_association(reference: str) -> Response:
    left = associations.delete_association(session(), runtime(), _parsed(reference), force=is_forced())
    return jsonify(None if left is None else {"info_message": left})


def _after_outcome(answer: Answer) -> Response:
    """The association as it is once its sync ended, or as it was accepted when nobody waits for that."""
    association_id = answer["id"]
    if not wait_for_outcome(lambda look: associations.is_settled(look, association_id)):
        return jsonify(answer)
    return jsonify(associations.reread(session(), association_id))
