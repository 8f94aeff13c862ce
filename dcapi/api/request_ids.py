"""The id of a request: in every answer, and in every line of the log that the request causes.

It stands outside of everything else that answers, so that who is refused further in gets one too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from dcapi.api import audit_entries
from dcapi.api.errors import UNEXPECTED, Failure, error_body
from dcapi.log import REQUEST_ID_HEADER, accepted_request_id, new_request_id, request_ids

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

HEADER = REQUEST_ID_HEADER
SENT_HEADER = "HTTP_X_OPENSTACK_REQUEST_ID"


def register(app: Flask) -> None:
    """Give each request an id of its own. To be called last: it wraps what the application is by then."""
    audit_entries.register(app)
    app.wsgi_app = RequestIds(app, app.wsgi_app)  # type: ignore[method-assign]


class RequestIds:
    """Answers as the application within does; an id that a client sends is logged beside the own one."""

    def __init__(self, app: Flask, within: WSGIApplication) -> None:
        self._app = app
        self._within = within

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        own = new_request_id()
        answer = _Answer(own, start_response)
        sent = accepted_request_id(environ.get(SENT_HEADER))
        with request_ids(own, sent), audit_entries.audited(self._app, environ, lambda: answer.status):
            return self._answer(environ, answer)

    def _answer(self, environ: WSGIEnvironment, answer: _Answer) -> Iterable[bytes]:
        try:
            return self._within(environ, answer.start)
        # The edge of the process: what escaped from every other handler is answered all the same.
        except Exception as error:
            log.exception("%s %s failed unexpectedly", environ["REQUEST_METHOD"], environ.get("PATH_INFO"))
            return answer.failure(environ, error)


class _Answer:
    """One answer on its way out."""

    def __init__(self, own_id: str, start_response: StartResponse) -> None:
        self.status = 500
        self._begun = False
        self._own_id = own_id
        self._start_response = start_response

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        self.status = int(status[:3])
        self._begun = True
        kept = [(name, value) for name, value in headers if name.lower() != HEADER.lower()]
        return self._start_response(status, [*kept, (HEADER, self._own_id)], exc_info)

    def failure(self, environ: WSGIEnvironment, error: Exception) -> Iterable[bytes]:
        failure = Failure(500, UNEXPECTED)
        body, kind = error_body(failure, environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", ""))
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        # With the exception an answer that was begun is taken back, unless a part of it is on its way.
        begun = (type(error), error, error.__traceback__) if self._begun else None
        self.start(f"500 {failure.title}", headers, begun)
        return [body]
