"""What the application never gets to see is answered with the error bodies that the application has."""

from __future__ import annotations

import ssl
from typing import Any

from gunicorn.http import errors

from dcapi.api.errors import RETRY_AFTER, UNEXPECTED, Failure, error_body, failure_of
from dcapi.api.safe_headers import safe_headers
from dcapi.log import REQUEST_ID_HEADER


class Refused(Exception):
    """A request that is not handed to the application; what its client is told."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.failure = _failure(code, text)


# Codes of what passes by itself.
PASSING = (429, 503)
UNSUPPORTED_VERSION = "Unsupported HTTP version: HTTP/1.1 and HTTP/1.0 are spoken here"
BAD_FRAMING = "The body is not framed as HTTP requires"

# What gunicorn raises of a request → code and text of the answer; the first that fits counts. Nothing of the
# request itself is told: a broken header may be the one with the token.
UNREADABLE: tuple[tuple[type[Exception], int, str], ...] = (
    # The application's fault, and the configuration's.
    (errors.InvalidResponseHeader, 500, UNEXPECTED),
    (errors.InvalidResponseHeaderName, 500, UNEXPECTED),
    (errors.ConfigurationProblem, 500, UNEXPECTED),
    (errors.InvalidRequestLine, 400, "The request line is not HTTP"),
    (errors.InvalidRequestMethod, 400, "The method is not HTTP"),
    (errors.InvalidHTTPVersion, 505, UNSUPPORTED_VERSION),
    (errors.InvalidHeaderName, 400, "The name of a header is not HTTP"),
    (errors.InvalidHeader, 400, "A header is not HTTP"),
    (errors.ObsoleteFolding, 400, "A header is folded over several lines"),
    (errors.LimitRequestLine, 414, "The request line is too long"),
    (errors.LimitRequestHeaders, 431, "The headers are too many or too long"),
    (errors.ExpectationFailed, 417, "What the request expects cannot be met"),
    (errors.UnsupportedTransferCoding, 501, "The transfer coding is not known here"),
    (errors.ForbiddenProxyRequest, 403, "The proxy is not one that is trusted"),
    (errors.ChunkMissingTerminator, 400, BAD_FRAMING),
    (errors.InvalidChunkSize, 400, BAD_FRAMING),
    (errors.InvalidChunkExtension, 400, BAD_FRAMING),
    (ssl.SSLError, 400, "The request is not TLS"),
    (errors.ParseException, 400, "The request is not HTTP"),
    (OSError, 503, "There is no room for the answer now, please try again."),
)


def failure_for(error: Exception) -> Failure:
    """What a client is told of a request that could not be read, or whose answer failed."""
    if isinstance(error, Refused):
        return error.failure
    found = next(((code, text) for kind, code, text in UNREADABLE if isinstance(error, kind)), None)
    if found is None:
        return failure_of(error)
    return _failure(*found)


def _failure(code: int, text: str) -> Failure:
    """One that passes by itself says when to come back."""
    return Failure(code, text, RETRY_AFTER if code in PASSING else {})


def error_answer(failure: Failure, own_id: str, request: Any, scheme: str = "http") -> bytes:
    """A whole answer for a request of which little is known, or nothing; the connection ends with it."""
    accepted = ",".join(value for name, value in getattr(request, "headers", ()) if name == "ACCEPT")
    body, content_type = error_body(failure, getattr(request, "path", None) or "", accepted)
    headers = [
        ("Connection", "close"),
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        (REQUEST_ID_HEADER, own_id),
        *failure.headers.items(),
    ]
    lines = [f"{name}: {value}" for name, value in [*headers, *safe_headers(headers, scheme)]]
    answer = "\r\n".join([f"HTTP/1.1 {failure.code} {failure.title}", *lines, "", ""]).encode()
    return answer if getattr(request, "method", "") == "HEAD" else answer + body
