"""The one place where an error becomes an answer, in one of the two bodies that clients understand."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from html import escape
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES, parse_options_header

from dcapi.errors import DcapiError, SettingsError
from dcapi.log import request_id
from dcapi.models.database_trouble import TEXTS, DatabaseTrouble, trouble_of
from dcapi.models.limits import DIRECTIONS
from dcapi.tasks.hold import LeaseLost

log = logging.getLogger(__name__)

IDENTITY_PREFIX = "/v3"
RETRY_AFTER = {"Retry-After": "1"}

# Code → (title, what the code means in general).
MEANINGS: dict[int, tuple[str, str]] = {
    400: ("Bad Request", "The request is malformed or breaks a rule."),
    401: ("Unauthorized", "The caller could not be authenticated."),
    403: ("Forbidden", "The caller may not do this."),
    404: ("Not Found", "There is nothing at this address."),
    405: ("Method Not Allowed", "This address does not support this method."),
    408: ("Request Timeout", "The request took too long to arrive."),
    409: ("Conflict", "The request conflicts with the current state."),
    410: ("Gone", "This call is not offered any more."),
    413: ("Content Too Large", "The request is larger than this service accepts."),
    414: ("URI Too Long", "The address is longer than this service accepts."),
    415: ("Unsupported Media Type", "This service does not accept request bodies of this type."),
    422: ("Unprocessable Entity", "The request is understood but cannot be carried out."),
    429: ("Too Many Requests", "The caller asks too often."),
    500: ("Internal Server Error", "The service failed to carry out the request."),
    503: ("Service Unavailable", "The service cannot do this now; try again later."),
}
UNEXPECTED = "An unexpected error occurred."
MISCONFIGURED = "A file that this site needs is broken: its log says which one."

# Controls, line separators, what turns directions, and halves of surrogate pairs: none of them belongs on the
# line that clients read.
UNPRINTABLE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{DIRECTIONS}]+")
SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Failure:
    """An error as a client sees it, before a body is chosen."""

    code: int
    description: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return meaning_of(self.code)[0]


def register_errors(app: Flask) -> None:
    """Let the application answer every exception in one of the two error bodies."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Any:
    if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
        return error  # a redirect is an answer, no error
    failure = failure_of(error)
    if failure.code >= 500:
        _log(error, failure)
    return render(failure)


def failure_of(error: Exception) -> Failure:
    """What a client is told of an exception: nothing of its text when it is not meant for clients."""
    if isinstance(error, DcapiError):
        return Failure(error.code, one_line(error.message), dict(error.headers))
    if isinstance(error, HTTPException):
        return _failure_of_http(error)
    if isinstance(error, LeaseLost):
        return Failure(503, TEXTS[DatabaseTrouble.LOCKED], RETRY_AFTER)
    trouble = trouble_of(error)
    if trouble is not None:
        return Failure(503, TEXTS[trouble], RETRY_AFTER)
    if isinstance(error, SettingsError):
        return Failure(503, MISCONFIGURED, RETRY_AFTER)
    return Failure(500, UNEXPECTED)


def _failure_of_http(error: HTTPException) -> Failure:
    code = error.code or 500
    text = UNEXPECTED if code == 500 else one_line(error.description or "")
    kept = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return Failure(code, text, kept)


def is_busy(error: Exception) -> bool:
    """Whether there was only no room for this now, or no time: the same request may succeed in a while.

    So it is after a connection that was lost, but not where none can be made.
    """
    if isinstance(error, LeaseLost):
        return True
    trouble = trouble_of(error)
    lost = getattr(error, "connection_invalidated", False)
    return trouble is not None and (trouble is not DatabaseTrouble.AWAY or lost)


def one_line(text: str) -> str:
    """The text without what would break the line that clients read, or the encoding of the answer."""
    return SURROGATES.sub("\ufffd", UNPRINTABLE.sub(" ", text)).strip()


def meaning_of(code: int) -> tuple[str, str]:
    """Title and general explanation of a status code."""
    title = HTTP_STATUS_CODES.get(code, "Error")
    return MEANINGS.get(code, (title, f"{title}."))


def render(failure: Failure) -> Response:
    """The answer to the request that is being served."""
    body, content_type = error_body(failure, request.path, request.headers.get("Accept", ""))
    response = Response(body, failure.code, content_type=content_type)
    response.headers.update(failure.headers)
    return response


def error_body(failure: Failure, path: str, accept: str) -> tuple[bytes, str]:
    """Body and content type: Keystone's for the identity service, JSON for who names it, else the page."""
    if path == IDENTITY_PREFIX or path.startswith(IDENTITY_PREFIX + "/"):
        return _json({"error": _identity_body(failure)}), "application/json"
    if names_json(accept):
        return _json(_json_body(failure)), "application/json"
    return _html_page(failure).encode(), "text/html; charset=utf-8"


def _json(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body) + b"\n"


def names_json(accept: str) -> bool:
    """Whether an Accept header names application/json; ``*/*`` and refusals (q=0) do not."""
    return any(_is_json(media_range) for media_range in accept.split(","))


def _is_json(media_range: str) -> bool:
    name, parameters = parse_options_header(media_range.strip())
    return name.lower() == "application/json" and not re.fullmatch(r"0(\.0*)?", parameters.get("q", "1"))


def _json_body(failure: Failure) -> dict[str, Any]:
    return {"code": failure.code, "title": failure.title, "description": failure.description}


def _identity_body(failure: Failure) -> dict[str, Any]:
    return {"code": failure.code, "title": failure.title, "message": failure.description}


def _html_page(failure: Failure) -> str:
    """The page whose body clients split into lines: heading, explanation, message."""
    heading = f"{failure.code} {failure.title}"
    explanation = meaning_of(failure.code)[1]
    lines = (
        "<html>",
        f"<head><title>{escape(heading)}</title></head>",
        "<body>",
        f"<h1>{escape(heading)}</h1>",
        f"{escape(explanation)}<br /><br />",
        escape(failure.description or explanation),
        "</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


def _log(error: Exception, failure: Failure) -> None:
    where = f"{request.method} {request.path}"
    if failure.code == 500:
        log.error("%s failed unexpectedly (request %s)", where, request_id.get(), exc_info=error)
    else:
        # Which file is broken, and how, is for those who keep the site.
        reason = error if isinstance(error, SettingsError) else failure.description
        log.warning("%s was answered %s: %s", where, failure.code, reason)
