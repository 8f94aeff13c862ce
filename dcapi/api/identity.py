"""The embedded identity service over HTTP: what clients that speak Keystone's API v3 need to log in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, jsonify, request

from dcapi.api.audit_entries import note
from dcapi.api.bodies import json_body
from dcapi.api.identity_bodies import token_body, version_body
from dcapi.api.request import runtime
from dcapi.api.safe_headers import keep_out_of_caches
from dcapi.auth.client_address import counted_address
from dcapi.auth.context import caller
from dcapi.auth.embedded import Reference, Token
from dcapi.auth.failed_logins import FailedLogins
from dcapi.auth.guard import challenging, embedded_identity, public_url
from dcapi.auth.policy import any_token, may, public
from dcapi.auth.rules import ADMIN
from dcapi.auth.users import check_password
from dcapi.errors import Forbidden, NotFound, Unauthorized
from dcapi.schemas.identity import load_login, load_password_change

blueprint = Blueprint("identity", __name__)

SUBJECT_HEADER = "X-Subject-Token"
# Bytes of the largest login: whoever sends more is not logging in, and need not have logged in to send it.
LARGEST_LOGIN = 64 * 1024
NOT_YOURS = "The token is another user's: it takes the role admin to revoke it"


@blueprint.before_request
def _only_here() -> None:
    """Raises NotFound where callers log in elsewhere, whatever is asked of this service."""
    embedded_identity()


@blueprint.get("/v3")
@public
def show_version() -> dict[str, Any]:
    return version_body(public_url(runtime().settings))


@blueprint.post("/v3/auth/tokens")
@public
def create_token() -> Response:
    request.max_content_length = LARGEST_LOGIN
    login = load_login(json_body())
    with challenging():
        token = _log_in(login["identity"], _project(login["scope"]))
    return _answer(token, 201)


@blueprint.get("/v3/auth/tokens")
@any_token
def show_token() -> Response:
    return _answer(_subject(), 200)


@blueprint.delete("/v3/auth/tokens")
@any_token
def revoke_token() -> Response:
    token = _subject()
    note(object_id=token.claims.audit_id, object_name=token.user.name)
    if token.user.id != caller().user_id and not may(ADMIN):
        raise Forbidden(NOT_YOURS)
    embedded_identity().revoke(token)
    return _no_content()


@blueprint.post("/v3/users/<reference>/password")
@public
def change_password(reference: str) -> Response:
    request.max_content_length = LARGEST_LOGIN
    passwords = load_password_change(json_body())
    note(user_id=reference)
    check_password(passwords["password"])
    who = Reference(id=reference)
    with challenging(), _one_try(who):
        embedded_identity().change_password(who, passwords["original_password"], passwords["password"])
    return _no_content()


def _log_in(identity: dict[str, Any], project: Reference | None) -> Token:
    match identity["methods"]:
        case ["password"]:
            user = identity["password"]["user"]
            return _log_in_by_password(_reference(user), user["password"], project)
        case ["token"]:
            return embedded_identity().renew(identity["token"]["id"], project)
        case _:
            raise Unauthorized("Log in either by password or by token")


def _log_in_by_password(who: Reference, password: str, project: Reference | None) -> Token:
    note(user_id=who.id, user_name=who.name)
    with _one_try(who):
        return embedded_identity().log_in(who, password, project)


@contextmanager
def _one_try(who: Reference) -> Iterator[None]:
    """Let somebody try one password; raises TooManyRequests when that has to wait."""
    service = embedded_identity()
    failed_logins = FailedLogins(runtime().unit_of_work, service.tokens.key, service.counting)
    address = request.remote_addr or ""
    with (
        failed_logins.counted(service.counted_as(who), address) as known,
        service.turns.turn(counted_address(address), known=known),
    ):
        yield


def _project(scope: dict[str, Any] | None) -> Reference | None:
    if scope is None:
        return None
    if "project" not in scope:
        raise Unauthorized("A login must be scoped to a project")
    return _reference(scope["project"])


def _reference(values: dict[str, Any]) -> Reference:
    domain = values.get("domain", {})
    return Reference(values.get("id"), values.get("name"), domain.get("id"), domain.get("name"))


def _subject() -> Token:
    try:
        return embedded_identity().token_of(request.headers.get(SUBJECT_HEADER, ""))
    except Unauthorized as error:
        raise NotFound(f"The token in {SUBJECT_HEADER} is invalid or has expired") from error


def _no_content() -> Response:
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _answer(token: Token, code: int) -> Response:
    site_url = None if "nocatalog" in request.args else public_url(runtime().settings)
    keep_out_of_caches()
    response = jsonify(token_body(token, site_url))
    response.status_code = code
    response.headers[SUBJECT_HEADER] = token.text
    response.headers["Vary"] = "X-Auth-Token"
    return response
