"""Headers that keep browsers, and what lies between, from doing with an answer what nobody wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask, after_this_request
from flask.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Header = tuple[str, str]

# A page of this service may load nothing, unless it says what, and never stands in another one's frame.
PAGE_HEADERS: tuple[Header, ...] = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
)
# Seconds for which a browser takes only https from here: a year.
HTTPS_ONLY: Header = ("Strict-Transport-Security", "max-age=31536000")
NOT_STORED: Header = ("Cache-Control", "no-store")


def safe_headers(headers: Sequence[Header], scheme: str) -> list[Header]:
    """What an answer with these headers gets besides; what it says itself is left to it."""
    given = {name.lower(): value for name, value in headers}
    is_page = given.get("content-type", "").startswith("text/html")
    added = (*(PAGE_HEADERS if is_page else ()), *((HTTPS_ONLY,) if scheme == "https" else ()))
    return [(name, value) for name, value in added if name.lower() not in given]


def register(app: Flask) -> None:
    """Add them to each answer. To be called after whatever else answers is there."""
    app.wsgi_app = SafeHeaders(app.wsgi_app)  # type: ignore[method-assign]


class SafeHeaders:
    """A middleware that adds them, by the scheme that the client has used."""

    def __init__(self, within: WSGIApplication) -> None:
        self._within = within

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[Header], exc_info: Any = None) -> Callable[..., Any]:
            added = safe_headers(headers, environ.get("wsgi.url_scheme", "http"))
            return start_response(status, [*headers, *added], exc_info)

        return self._within(environ, start)


def keep_out_of_caches() -> None:
    """The answer to this request bears a secret: nobody on its way may keep it."""
    after_this_request(_forbid_storing)


def _forbid_storing(response: Response) -> Response:
    name, value = NOT_STORED
    response.headers[name] = value
    return response
