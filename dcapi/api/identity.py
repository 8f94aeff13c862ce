"""The embedded identity service over HTTP: what clients that speak Keystone's API v3 need to log in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from dcapi.api.audit_log import note
from dcapi.api.bodies import json_body
from dcapi.api.identity_bodies import token_body, version_body
from dcapi.api.request import parts
from dcapi.auth.embedded import Reference, Token
from dcapi.auth.failed_logins import FailedLogins
from dcapi.auth.guard import challenging, embedded_identity, public_url
from dcapi.auth.policy import any_token, public
from dcapi.errors import NotFound, Unauthorized
from dcapi.schemas.identity import load_login

blueprint = Blueprint("identity", __name__)

SUBJECT_HEADER = "X-Subject-Token"
# Bytes of the largest login: whoever sends more is not logging in, and need not have logged in to send it.
LARGEST_LOGIN = 64 * 1024


@blueprint.before_request
def _only_here() -> None:
    """Raises NotFound where callers log in elsewhere, whatever is asked of this service."""
    embedded_identity()


@blueprint.get("/v3", strict_slashes=False)
@public
def show_version() -> dict[str, Any]:
    return version_body(public_url(parts().settings))


@blueprint.post("/v3/auth/tokens", strict_slashes=False)
@public
def create_token() -> Response:
    request.max_content_length = LARGEST_LOGIN
    login = load_login(json_body())
    with challenging():
        token = _log_in(login["identity"], _project(login["scope"]))
    return _answer(token, 201)


@blueprint.get("/v3/auth/tokens", strict_slashes=False)
@any_token
def show_token() -> Response:
    return _answer(_subject(), 200)


def _log_in(identity: dict[str, Any], project: Reference | None) -> Token:
    match identity["methods"]:
        case ["password"]:
            user = identity["password"]["user"]
            return _log_in_by_password(_reference(user), user["password"], project)
        case ["token"]:
            return embedded_identity().renew(identity["token"]["id"], project)
        case _:
            raise Unauthorized("Login is by password or by token, one of them at a time")


def _log_in_by_password(who: Reference, password: str, project: Reference | None) -> Token:
    note(user_id=who.id, user_name=who.name)
    service = embedded_identity()
    failed_logins = FailedLogins(parts().unit_of_work, service.tokens.key)
    with failed_logins.counted(service.counted_as(who), request.remote_addr or ""):
        return service.log_in(who, password, project)


def _project(scope: dict[str, Any] | None) -> Reference | None:
    if scope is None:
        return None
    if "project" not in scope:
        raise Unauthorized("Only a project can be logged in to")
    return _reference(scope["project"])


def _reference(values: dict[str, Any]) -> Reference:
    domain = values.get("domain", {})
    return Reference(values.get("id"), values.get("name"), domain.get("id"), domain.get("name"))


def _subject() -> Token:
    try:
        return embedded_identity().token_of(request.headers.get(SUBJECT_HEADER, ""))
    except Unauthorized as error:
        raise NotFound(f"The token in {SUBJECT_HEADER} is not valid, or no longer") from error


def _answer(token: Token, code: int) -> Response:
    site_url = None if "nocatalog" in request.args else public_url(parts().settings)
    response = jsonify(token_body(token, site_url))
    response.status_code = code
    response.headers[SUBJECT_HEADER] = token.text
    response.headers["Vary"] = "X-Auth-Token"
    return response
