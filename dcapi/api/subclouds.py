"""Subclouds over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.audit_entries import note_secrets_read
from dcapi.api.bodies import Form, form_body, json_body, prefer_wait
from dcapi.api.patches import judged_in_order, no_body
from dcapi.api.patience import MODIFY, patiently
from dcapi.api.prefer import wait_for_outcome
from dcapi.api.request import from_peer, is_forced, runtime, session
from dcapi.auth.policy import authorize, may, requires
from dcapi.errors import NotFound
from dcapi.models.limits import is_clean
from dcapi.schemas.base import load
from dcapi.schemas.enrolment import enrolment_of
from dcapi.schemas.references import parse_reference
from dcapi.schemas.subcloud_verbs import EndpointStatusSchema
from dcapi.schemas.subcloud_verbs import prestaging as prestaging_of
from dcapi.schemas.subclouds import asked_fields, new_subcloud, redeployment, subcloud_change
from dcapi.services import subclouds
from dcapi.services.deploying import prestaging
from dcapi.services.inventory.lookup import find
from dcapi.services.inventory.member_request import CallerKind

blueprint = Blueprint("subclouds", __name__, url_prefix="/v1.0/subclouds")

MANAGE = "dc_api:subclouds:manage_unmanage"
SEE_SECRETS = "dc_api:subclouds:get_secrets"
# A PATCH of nothing else is judged by the right to manage, which an operator has without that to modify.
MANAGE_FIELDS = frozenset({"management_state", "force"})


def _caller() -> CallerKind:
    return CallerKind.PEER if from_peer() else CallerKind.OPERATOR


def _parsed(reference: str) -> int | str:
    """An operator's reference; another site's stays a text, because a region name may be all digits."""
    if not from_peer():
        return _as_operator(reference)
    if not is_clean(reference):
        raise NotFound(subclouds.NOT_FOUND)
    return reference


def _as_operator(reference: str) -> int | str:
    return parse_reference(reference, subclouds.NOT_FOUND)


def _found(session: Session, reference: str) -> object:
    return find(session, _parsed(reference), _caller())


def _found_by_operator(session: Session, reference: str) -> object:
    return find(session, _as_operator(reference), CallerKind.OPERATOR)


@blueprint.get("")
@requires("dc_api:subclouds:get")
def list_subclouds() -> Response:
    return jsonify({"subclouds": subclouds.list_subclouds(session())})


@blueprint.post("")
@requires("dc_api:subclouds:create", as_site=MODIFY)
def create_subcloud() -> Response:
    form = form_body()
    new = new_subcloud(
        form.values(),
        from_peer=from_peer(),
        yaml_limit=_yaml_limit(),
        enrolment=enrolment_of(form.texts, form.files),
    )
    answer = subclouds.create(session(), runtime(), new)
    if new.secondary or prefer_wait() is None:
        return jsonify(answer)
    subcloud_id: int = answer["id"]
    wait_for_outcome(lambda look: subclouds.has_outcome(look, subcloud_id))
    return jsonify(subclouds.reread(session(), subcloud_id) or answer)


@blueprint.get("/<reference>")
@requires("dc_api:subclouds:get", as_site=MODIFY)
def show_subcloud(reference: str) -> Response:
    return jsonify(patiently(partial(_show, subclouds.show, reference)))


@blueprint.get("/<reference>/detail")
@requires("dc_api:subclouds:get", as_site=MODIFY)
def show_subcloud_detail(reference: str) -> Response:
    return jsonify(patiently(partial(_show, subclouds.show_detail, reference)))


@blueprint.patch("/<reference>")
@requires(MODIFY, MANAGE, as_site=MODIFY)
@judged_in_order(form_body, _found)
def update_subcloud(reference: str, form: Form) -> Response:
    parts = form.values()
    if asked := asked_fields(parts, from_peer=from_peer()):
        authorize(MANAGE if asked <= MANAGE_FIELDS else MODIFY)
    change = subcloud_change(parts, from_peer=from_peer(), yaml_limit=_yaml_limit())
    update = partial(subclouds.update, reference=_parsed(reference), change=change, caller=_caller())
    return jsonify(patiently(lambda: update(session(), runtime(), may_modify=may(MODIFY))))


@blueprint.patch("/<reference>/update_status")
@requires(MODIFY)
@judged_in_order(json_body, _found_by_operator)
def update_endpoint_status(reference: str, body: dict[str, Any]) -> Response:
    values = load(EndpointStatusSchema(), body)
    subclouds.update_endpoint_status(session(), _as_operator(reference), **values)
    return jsonify({"result": "OK"})


@blueprint.patch("/<reference>/redeploy")
@requires(MODIFY)
@judged_in_order(form_body, _found_by_operator)
def redeploy_subcloud(reference: str, form: Form) -> Response:
    wanted = redeployment(form.values(), yaml_limit=_yaml_limit())
    answer = subclouds.redeploy(session(), runtime(), _as_operator(reference), wanted)
    return jsonify(answer)


@blueprint.patch("/<reference>/prestage")
@requires(MODIFY)
@judged_in_order(json_body, _found_by_operator)
def prestage_subcloud(reference: str, body: dict[str, Any]) -> Response:
    wanted = prestaging_of(body)
    return jsonify(prestaging.begin(session(), runtime(), _as_operator(reference), wanted))


@blueprint.patch("/<reference>/<any(restore, reconfigure, reinstall):verb>")
@requires(MODIFY)
@judged_in_order(no_body, _found_by_operator)
def refuse_verb(reference: str, _body: None, verb: str) -> NoReturn:
    subclouds.refuse_verb(session(), _as_operator(reference), verb)


@blueprint.delete("/<reference>")
@requires("dc_api:subclouds:delete", as_site=MODIFY)
def delete_subcloud(reference: str) -> Response:
    subclouds.delete(session(), runtime(), _parsed(reference), _caller(), force=is_forced())
    return jsonify(None)


def _show(show: Callable[..., dict[str, Any]], reference: str) -> dict[str, Any]:
    with_secrets = may(SEE_SECRETS)
    shown = show(session(), _parsed(reference), _caller(), with_secrets=with_secrets)
    if with_secrets:
        note_secrets_read([shown])
    return shown


def _yaml_limit() -> int:
    return runtime().settings.MAX_YAML_LENGTH
