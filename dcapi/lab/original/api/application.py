"""From a request to an answer: notes both, lets faults strike, finds the view."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from dcapi.lab.faults import CutError
from dcapi.lab.original.api.errors import RefusedError, render
from dcapi.lab.original.api.identity import check_token
from dcapi.lab.original.api.incoming import Incoming, noted_body
from dcapi.lab.original.api.routes import PUBLIC, ROUTES
from dcapi.lab.original.failures import strike
from dcapi.lab.original.life import KilledError
from dcapi.lab.original.record import SERVED, Entry
from dcapi.lab.original.running import Running
from dcapi.lab.proxy import LINGER_ZERO

log = logging.getLogger(__name__)

# The version's root: with a slash there is nothing, and without one the original fails.
ROOTS = {"/v1.0/": 404, "/v1.0": 500}


class Application:
    """A site as WSGI calls it."""

    def __init__(self, site: Running) -> None:
        self._site = site

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Its end closes the files that came with it.
        with Request(environ) as request:
            try:
                response = self._noted(request)
            except (CutError, KilledError) as cut:
                _cut(environ["werkzeug.socket"], reset=getattr(cut, "reset", True))
                raise ConnectionAbortedError from cut
        return response(environ, start_response)

    def _noted(self, request: Request) -> Response:
        agent = request.headers.get("User-Agent", "")
        entry = Entry(SERVED, request.method, request.path, agent, noted_body(request))
        self._site.life.record.note(entry)
        response = self._struck(request)
        failed = response.status_code >= 400
        entry.answered(response.status_code, response.get_data(as_text=True) if failed else "")
        return response

    def _struck(self, request: Request) -> Response:
        """The answer, unless a fault has its way; raises CutError, or KilledError."""
        self._site.life.check()
        fault = self._site.life.serving.of(request.method, request.path)
        substitute = strike(fault, request.method, on_answer=False)
        if substitute is None:
            response = self._answer(request)
            substitute = strike(fault, request.method, on_answer=True)
            if substitute is None:
                self._site.life.check()
                return response
        return Response(substitute.body, substitute.code, content_type="application/json")

    def _answer(self, request: Request) -> Response:
        try:
            return self._view(request)
        except RefusedError as error:
            return render(error, request)
        except HTTPException as error:
            return render(RefusedError(error.code or 500, error.description or ""), request)
        except KilledError:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return render(RefusedError(500), request)

    def _view(self, request: Request) -> Response:
        incoming = Incoming(self._site, request)
        if (request.method, request.path.rstrip("/") or "/") not in PUBLIC:
            check_token(incoming)
        if request.path in ROOTS:
            raise RefusedError(ROOTS[request.path])
        view, references = ROUTES.bind_to_environ(request.environ).match()
        answer = view(incoming, **references)
        if isinstance(answer, Response):
            return answer
        return Response(json.dumps(answer), content_type="application/json")


def _cut(connection: socket.socket, *, reset: bool) -> None:
    """End a connection in the middle, as a process that dies does."""
    try:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended already.
        return
