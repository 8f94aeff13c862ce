"""Deployment phase by phase over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import Session

from dcapi.api.bodies import Form, form_body, form_or_nothing
from dcapi.api.patches import judged_in_order
from dcapi.api.prefer import wait_for_outcome
from dcapi.api.request import runtime, session
from dcapi.auth.policy import requires
from dcapi.errors import BadRequest
from dcapi.schemas.phased_deploy import deploy_request, new_phased_subcloud
from dcapi.schemas.references import parse_reference
from dcapi.services import phased_deploy, subclouds
from dcapi.services.inventory.lookup import find
from dcapi.services.inventory.member_request import CallerKind
from dcapi.services.inventory.subcloud_answers import Answer

blueprint = Blueprint("phased_deploy", __name__, url_prefix="/v1.0/phased-subcloud-deploy")

MODIFY = "dc_api:phased_subcloud_deploy:modify"
# Seconds for which a creation is waited for: scripts install right after it.
CREATION_SECONDS = 60.0


def _parsed(reference: str) -> int | str:
    return parse_reference(reference, subclouds.NOT_FOUND)


def _found(session: Session, reference: str) -> object:
    return find(session, _parsed(reference), CallerKind.OPERATOR)


@blueprint.post("")
@requires("dc_api:phased_subcloud_deploy:create")
def create_subcloud() -> Response:
    settings = runtime().settings
    new = new_phased_subcloud(
        form_body().values(),
        yaml_limit=settings.MAX_YAML_LENGTH,
        software_version=settings.SOFTWARE_VERSION,
    )
    return _outcome(subclouds.create(session(), runtime(), new), seconds=CREATION_SECONDS)


@blueprint.patch("")
@requires(MODIFY)
def refuse_without_reference() -> Response:
    raise BadRequest("Subcloud ID required")


@blueprint.patch("/<reference>")
@requires(MODIFY)
@judged_in_order(form_or_nothing, _found)
def refuse_without_verb(_reference: str, _form: Form) -> Response:
    raise BadRequest(phased_deploy.UNKNOWN_VERB)


@blueprint.patch("/<reference>/<any(install, bootstrap, configure, complete, abort, enroll, resume):verb>")
@requires(MODIFY)
@judged_in_order(form_or_nothing, _found)
def run_verb(reference: str, form: Form, verb: str) -> Response:
    phased_deploy.check(session(), runtime(), _parsed(reference), verb, has_parts=bool(form.values()))
    session().rollback()
    return _outcome(_run(_parsed(reference), verb, form))


# After the routes of the verbs, which it would take.
@blueprint.patch("/<reference>/<verb>")
@requires(MODIFY)
@judged_in_order(form_or_nothing, _found)
def refuse_unknown_verb(_reference: str, _form: Form, **_words: str) -> Response:
    raise BadRequest(phased_deploy.UNKNOWN_VERB)


def _run(reference: int | str, verb: str, form: Form) -> Answer:
    if verb == "abort":
        return phased_deploy.abort(session(), runtime(), reference)
    if verb == "complete":
        return phased_deploy.complete(session(), runtime(), reference)
    settings = runtime().settings
    wanted = deploy_request(
        verb,
        form.texts,
        form.files,
        yaml_limit=settings.MAX_YAML_LENGTH,
        software_version=settings.SOFTWARE_VERSION,
    )
    return phased_deploy.begin(session(), runtime(), reference, verb, wanted)


def _outcome(answer: Answer, *, seconds: float | None = None) -> Response:
    """The answer as it is now, or when what was begun has come to its end, where that is waited for."""
    subcloud_id: int = answer["id"]
    waited = wait_for_outcome(lambda look: subclouds.has_outcome(look, subcloud_id), seconds)
    shown = subclouds.reread(session(), subcloud_id) if waited else None
    return jsonify({**answer, **(shown or {})})
