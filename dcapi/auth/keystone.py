"""Callers as Keystone knows them: keystonemiddleware's auth_token judges the token of each guarded request.

This module needs requirements-keystone.txt, so only a site that has this strategy imports it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from keystonemiddleware import auth_token
from oslo_config import cfg

from dcapi.auth.context import Caller
from dcapi.auth.login_url import v3_url
from dcapi.auth.outage import Outage
from dcapi.auth.rights import with_implied
from dcapi.auth.token_cache import TokenCache
from dcapi.auth.tokens import NOT_VALID
from dcapi.errors import DcapiError, Unauthorized, Unavailable
from dcapi.settings import Settings

log = logging.getLogger(__name__)

NOT_ANSWERING = "Keystone cannot be asked who calls, please try again"

# What a token can look like; Keystone need not be asked about anything else.
TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")

# Where auth_token finds its cache, and leaves what it found out, in the environment of a request.
CACHE = "dcapi.token_cache"
FOUND = "keystone.token_auth"

# Its messages go into this site's log, as far as an operator must act on them.
MESSAGES = "dcapi.auth.auth_token"
logging.getLogger(MESSAGES).setLevel(logging.ERROR)
# It says of each option of the login that it is none of its own.
logging.getLogger("keystonemiddleware._common.config").setLevel(logging.ERROR)


class Keystone:
    """Asks Keystone who a token stands for, and remembers the answer for a short while."""

    def __init__(self, settings: Settings) -> None:
        self._cache = TokenCache()
        self._project_domain = settings.KEYSTONE_PROJECT_DOMAIN_NAME
        self._auth_token = _AuthToken(_let_in, configuration(settings))

    def caller_of(self, token: str) -> Caller:
        """Who a token stands for; raises Unauthorized, and Unavailable when Keystone does not answer."""
        if not TOKEN.fullmatch(token):
            raise Unauthorized(NOT_VALID)
        environ = self._environment(token)
        code = self._judge(environ)
        if code == 401:
            raise Unauthorized(NOT_VALID)
        if code != 200:
            raise Unavailable(NOT_ANSWERING)
        return self._caller(environ[FOUND].user)

    def checks(self) -> dict[str, str]:
        """Whether Keystone answered when it was asked last; until it was asked it is there."""
        return {"keystone": "away" if self._auth_token.server_is_away() else "ok"}

    def _environment(self, token: str) -> dict[str, Any]:
        """A request with the token and nothing else: no other header of the client can say who calls."""
        return {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "HTTP_X_AUTH_TOKEN": token,
            CACHE: self._cache,
        }

    def _judge(self, environ: dict[str, Any]) -> int:
        """The status code that auth_token answers with; 200 when the request came through to ``_let_in``."""
        codes: list[int] = []

        def start_response(status: str, _headers: Any, _failure: Any = None) -> None:
            codes.append(int(status.split()[0]))

        try:
            self._auth_token(environ, start_response)
        except DcapiError:
            raise
        except Exception as error:
            # Whatever it was, a timeout or a catalogue without Keystone: nobody knows who calls.
            log.error("a token could not be judged: %r", error, exc_info=not _is_of_keystone(error))  # noqa: TRY400
            raise Unavailable(NOT_ANSWERING) from error
        return codes[-1]

    def _caller(self, found: Any) -> Caller:
        return Caller(
            user_id=found.user_id,
            user_name=found.username or "",
            project_name=self._project_name(found),
            roles=with_implied(found.role_names),
        )

    def _project_name(self, found: Any) -> str:
        """The project of the token; empty when it is for none, and told apart when it is in another domain.

        Whoever has a domain of his own can make a project in it that is called admin.
        """
        name = found.project_name or ""
        if not name or found.project_domain_name == self._project_domain:
            return name
        return f"{found.project_domain_name}/{name}"


def _is_of_keystone(error: Exception) -> bool:
    """Whether an exception tells of Keystone or the way to it, so that its text says enough."""
    return type(error).__module__.startswith("keystoneauth1.")


class _AuthToken(auth_token.AuthProtocol):
    """auth_token, which asks Keystone only what is worth waiting for."""

    def _create_identity_server(self) -> Any:
        return _IdentityServer(super()._create_identity_server())

    def server_is_away(self) -> bool:
        server: _IdentityServer = self._identity_server
        return server.is_away


class _IdentityServer:
    """Keystone as auth_token sees it, past the cache."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._outage = Outage(NOT_ANSWERING, (auth_token.InvalidToken, auth_token.ServiceError))

    @property
    def is_away(self) -> bool:
        return self._outage.is_on

    def verify_token(self, token: str, **options: Any) -> Any:
        return self._outage.ask(lambda: self._server.verify_token(token, **options))

    def invalidate(self) -> Any:
        return self._server.invalidate()


def _let_in(_environ: Any, start_response: Any) -> Iterable[bytes]:
    """The application that auth_token stands before: who comes here has a valid token."""
    start_response("200 OK", [])
    return []


def configuration(settings: Settings) -> dict[str, Any]:
    """How auth_token is told all this; nothing comes from files, arguments or other variables."""
    own = cfg.ConfigOpts()
    own([], project="dcapi", default_config_files=[], default_config_dirs=[], use_env=False)
    return {
        "oslo_config_config": own,
        "log_name": MESSAGES,
        "auth_type": "v3password",
        "auth_url": v3_url(settings.KEYSTONE_AUTH_URL),
        "username": settings.KEYSTONE_USERNAME,
        "password": settings.KEYSTONE_PASSWORD,
        "user_domain_name": settings.KEYSTONE_USER_DOMAIN_NAME,
        "project_name": settings.KEYSTONE_PROJECT_NAME,
        "project_domain_name": settings.KEYSTONE_PROJECT_DOMAIN_NAME,
        "www_authenticate_uri": v3_url(settings.KEYSTONE_PUBLIC_URL or settings.KEYSTONE_AUTH_URL),
        "cafile": settings.KEYSTONE_CAFILE or None,
        "region_name": settings.KEYSTONE_REGION_NAME or None,
        "interface": settings.KEYSTONE_INTERFACE,
        "http_connect_timeout": settings.KEYSTONE_TIMEOUT,
        # A kept connection may have been closed by Keystone just now.
        "http_request_max_retries": 1,
        # Else an outage of Keystone would look like a bad token.
        "delay_auth_decision": False,
        "include_service_catalog": False,
        "cache": CACHE,
        "token_cache_time": settings.KEYSTONE_TOKEN_CACHE_SECONDS,
    }
