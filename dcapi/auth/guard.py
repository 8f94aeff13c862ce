"""The guard before every view: no answer without a mark, and only to whom the mark lets in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, request

from dcapi.auth import policy
from dcapi.auth.context import says_it_is_a_site, set_caller
from dcapi.auth.embedded import EmbeddedIdentity
from dcapi.auth.login_url import login_url
from dcapi.auth.policy import Access, access_of, authorize
from dcapi.auth.strategy import Strategy, make_strategy
from dcapi.errors import Forbidden, NotFound, Unauthorized
from dcapi.settings import Settings, own_url

log = logging.getLogger(__name__)

EXTENSION = "dcapi.auth"

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 (a name, no password)
NO_TOKEN = f"Authentication required: send a token in {TOKEN_HEADER}"
NOT_MARKED = "Nobody may do this"


@dataclass(frozen=True)
class Authentication:
    """How callers are known here, and where one without a token can get it."""

    strategy: Strategy
    identity_url: str

    @property
    def challenge(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Keystone uri="{self.identity_url}"'}


def install(app: Flask, settings: Settings) -> None:
    """Put the guard before every view of the application."""
    policy.install(app, settings)
    app.extensions[EXTENSION] = Authentication(
        make_strategy(settings), login_url(settings, public_url(settings))
    )
    app.before_request(guard)


def public_url(settings: Settings) -> str:
    """The URL that clients and peers reach this site under, without a slash at the end."""
    return settings.PUBLIC_URL.rstrip("/") or own_url(settings)


def authentication() -> Authentication:
    found: Authentication = current_app.extensions[EXTENSION]
    return found


def embedded_identity() -> EmbeddedIdentity:
    """The embedded identity service; raises NotFound when callers are known by another strategy."""
    strategy = authentication().strategy
    if not isinstance(strategy, EmbeddedIdentity):
        raise NotFound("This site has no users of its own: its callers log in elsewhere")
    return strategy


def guard() -> None:
    """Let the request through to its view, or raise Unauthorized or Forbidden.

    A path or method that does not exist goes through as well: its 404 or 405 tells nothing that the published
    API does not, and a client with a wrong URL learns about that first.
    """
    if request.endpoint is None:
        return
    access = access_of(current_app.view_functions[request.endpoint], request.method)
    if access is None:
        log.error("%s %s has no policy rule, so it is refused", request.method, request.endpoint)
        raise Forbidden(NOT_MARKED)
    if not access.public:
        _admit(access)


def _admit(access: Access) -> None:
    with challenging():
        set_caller(authentication().strategy.caller_of(_token()))
    if access.rules:
        authorize(*access.rules)
    if access.as_site and says_it_is_a_site():
        authorize(access.as_site)


@contextmanager
def challenging() -> Iterator[None]:
    """Let an Unauthorized that is raised inside say where callers log in."""
    try:
        yield
    except Unauthorized as error:
        raise Unauthorized(error.message, headers=authentication().challenge) from error


def _token() -> str:
    """The token; no other header says who calls, whatever the client sends along."""
    token = request.headers.get(TOKEN_HEADER)
    if not token:
        raise Unauthorized(NO_TOKEN)
    return token


def unmarked(app: Flask) -> list[str]:
    """Methods and paths of the application that nobody may call, because their views bear no mark."""
    return sorted(
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if _is_unmarked(app.view_functions[rule.endpoint], method)
    )


def _is_unmarked(view: Callable[..., Any], method: str) -> bool:
    return method != "OPTIONS" and access_of(view, method) is None
