"""Subclouds over HTTP."""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint, Response, jsonify

from dcapi.api.bodies import form_body, json_body, prefer_wait
from dcapi.api.request import from_peer, parts, session
from dcapi.api.waiting import wait_for_outcome
from dcapi.auth.policy import authorize, may, requires
from dcapi.errors import NotFound
from dcapi.models.limits import is_clean
from dcapi.schemas.base import load
from dcapi.schemas.references import parse_reference
from dcapi.schemas.subclouds import EndpointStatusSchema, new_subcloud, redeployment, subcloud_change
from dcapi.schemas.subclouds import prestaging as prestaging_of
from dcapi.services import prestaging, subclouds
from dcapi.sync.members import Caller

blueprint = Blueprint("subclouds", __name__, url_prefix="/v1.0/subclouds")

MODIFY = "dc_api:subclouds:modify"
MANAGE = "dc_api:subclouds:manage_unmanage"
SEE_SECRETS = "dc_api:subclouds:get_secrets"
# A PATCH of nothing else is judged by the right to manage, which an operator has without that to modify.
MANAGE_FIELDS = frozenset({"management_state", "force"})


@blueprint.get("")
@requires("dc_api:subclouds:get")
def list_subclouds() -> Response:
    return jsonify({"subclouds": subclouds.list_subclouds(session())})


@blueprint.post("")
@requires("dc_api:subclouds:create")
def create_subcloud() -> Response:
    new = new_subcloud(form_body().values(), from_peer=from_peer(), yaml_limit=_yaml_limit())
    answer = subclouds.create(session(), parts(), new)
    if new.secondary or prefer_wait() is None:
        return jsonify(answer)
    subcloud_id: int = answer["id"]
    wait_for_outcome(lambda look: subclouds.has_outcome(look, subcloud_id))
    return jsonify(subclouds.reread(session(), subcloud_id) or answer)


@blueprint.get("/<reference>")
@requires("dc_api:subclouds:get")
def show_subcloud(reference: str) -> Response:
    answer = subclouds.show(session(), _parsed(reference), _caller(), with_secrets=may(SEE_SECRETS))
    return jsonify(answer)


@blueprint.get("/<reference>/detail")
@requires("dc_api:subclouds:get")
def show_subcloud_detail(reference: str) -> Response:
    answer = subclouds.show_detail(session(), _parsed(reference), _caller(), with_secrets=may(SEE_SECRETS))
    return jsonify(answer)


@blueprint.patch("/<reference>")
@requires(MODIFY, MANAGE)
def update_subcloud(reference: str) -> Response:
    change = subcloud_change(form_body().values(), from_peer=from_peer(), yaml_limit=_yaml_limit())
    if given := change.given():
        authorize(MANAGE if given <= MANAGE_FIELDS else MODIFY)
    return jsonify(subclouds.update(session(), parts(), _parsed(reference), change, _caller()))


@blueprint.patch("/<reference>/update_status")
@requires(MODIFY)
def update_endpoint_status(reference: str) -> Response:
    values = load(EndpointStatusSchema(), json_body())
    subclouds.update_endpoint_status(session(), _as_operator(reference), **values)
    return jsonify({"result": "OK"})


@blueprint.patch("/<reference>/redeploy")
@requires(MODIFY)
def redeploy_subcloud(reference: str) -> Response:
    wanted = redeployment(form_body().values(), yaml_limit=_yaml_limit())
    answer = subclouds.redeploy(session(), parts(), _as_operator(reference), wanted)
    return jsonify(answer)


@blueprint.patch("/<reference>/prestage")
@requires(MODIFY)
def prestage_subcloud(reference: str) -> Response:
    wanted = prestaging_of(json_body())
    return jsonify(prestaging.begin(session(), parts(), _as_operator(reference), wanted))


@blueprint.patch("/<reference>/<any(restore, reconfigure, reinstall):verb>")
@requires(MODIFY)
def refuse_verb(reference: str, verb: str) -> NoReturn:
    subclouds.refuse_verb(session(), _as_operator(reference), verb)


@blueprint.delete("/<reference>")
@requires("dc_api:subclouds:delete")
def delete_subcloud(reference: str) -> Response:
    subclouds.delete(session(), parts(), _parsed(reference), _caller())
    return jsonify(None)


def _caller() -> Caller:
    return Caller.PEER if from_peer() else Caller.OPERATOR


def _parsed(reference: str) -> int | str:
    """An operator's reference; another site's stays a text, because a region name may be all digits."""
    if not from_peer():
        return _as_operator(reference)
    if not is_clean(reference):
        raise NotFound(subclouds.NOT_FOUND)
    return reference


def _as_operator(reference: str) -> int | str:
    return parse_reference(reference, subclouds.NOT_FOUND)


def _yaml_limit() -> int:
    return parts().settings.MAX_YAML_LENGTH
