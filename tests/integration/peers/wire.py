"""A peer that gives every request the same answer, and takes apart what it was sent."""

from __future__ import annotations

import json
from typing import Any

from pytest_httpserver import HTTPServer, URIPattern
from werkzeug import Request, Response

from tests.integration.peers.servers import catalogue, token_body


class AnyService(URIPattern):
    """Every path of the two services."""

    def match(self, uri: str) -> bool:
        return uri.startswith("/v1")


class Wire:
    """Answers ``body`` as JSON, or ``content``; keeps requests, their forms and their files."""

    def __init__(self, server: HTTPServer) -> None:
        self.body: Any = None
        self.status = 200
        self.content: bytes | None = None
        self.media_type = "application/json"
        self.requests: list[Request] = []
        self.forms: list[dict[str, str]] = []
        self.files: list[dict[str, bytes]] = []
        services = catalogue(server.url_for("").rstrip("/"))
        server.expect_request("/v3/auth/tokens", method="POST").respond_with_json(
            token_body(services), 201, {"X-Subject-Token": "token-1"}
        )
        server.expect_request(AnyService()).respond_with_handler(self._answer)

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def _answer(self, request: Request) -> Response:
        self.forms.append(request.form.to_dict())
        self.files.append({name: part.stream.read() for name, part in request.files.items()})
        self.requests.append(request)
        content = json.dumps(self.body).encode() if self.content is None else self.content
        return Response(content, self.status, content_type=self.media_type)
