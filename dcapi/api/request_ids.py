"""The id of a request: in every answer, and in every line of the log that the request causes.

It stands outside of everything else that answers, so that who is refused further in gets one too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from dcapi.api import audit_entries
from dcapi.api.errors import UNEXPECTED, Failure, error_body, failure_of
from dcapi.log import REQUEST_ID_HEADER, accepted_request_id, new_request_id, request_ids
from dcapi.models.database_trouble import trouble_of

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
            body = self._within(environ, answer.start)
        # The edge of the process: what escaped from every other handler is answered all the same.
        except Exception as error:
            log.exception("%s %s failed unexpectedly", environ["REQUEST_METHOD"], environ.get("PATH_INFO"))
            body = answer.failure(environ, error)
        answer.send()
        return body


class _Answer:
    """One answer on its way out.

    Its head is kept back until the application has returned: when the end of the session fails, a server that
    was told of it already would send the headers of two answers.
    """

    def __init__(self, own_id: str, start_response: StartResponse) -> None:
        self.status = 500
        self._own_id = own_id
        self._start_response = start_response
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._write: Callable[[bytes], object] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        if self._write is not None:  # sent already: it is the server's matter
            self._write = self._start_response(status, headers, exc_info)
            return self._write
        self.status = int(status[:3])
        kept = [(name, value) for name, value in headers if name.lower() != HEADER.lower()]
        self._head = (status, [*kept, (HEADER, self._own_id)])
        return self._write_after_head

    def send(self) -> None:
        """Tell the server the head that stands now."""
        if self._head is not None and self._write is None:
            self._write = self._start_response(*self._head)

    def failure(self, environ: WSGIEnvironment, error: Exception) -> Iterable[bytes]:
        """The answer instead of the one that was begun; a database in trouble is told as everywhere else."""
        trouble = trouble_of(error)
        failure = Failure(500, UNEXPECTED) if trouble is None else failure_of(error)
        body, kind = error_body(failure, environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", ""))
        own = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        self.start(f"{failure.code} {failure.title}", [*own, *failure.headers.items()])
        return [body]

    def _write_after_head(self, data: bytes) -> None:
        self.send()
        if self._write is not None:
            self._write(data)
