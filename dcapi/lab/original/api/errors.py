"""Errors of the API, and the two bodies that they may have."""

from __future__ import annotations

import json
from html import escape
from http import HTTPStatus

from werkzeug.wrappers import Request, Response


class RefusedError(Exception):
    """What is answered instead of a success: a code and a text."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def not_found(kind: str) -> RefusedError:
    return RefusedError(404, f"{kind} not found")


def render(error: RefusedError, request: Request) -> Response:
    """The answer: JSON for a client that asks for it, for every other one the page of the framework."""
    title = HTTPStatus(error.code).phrase
    body: dict[str, object]
    if request.path.startswith("/v3"):
        body = {"error": {"code": error.code, "title": title, "message": error.text}}
        answer = Response(json.dumps(body), error.code, content_type="application/json")
    elif "application/json" in request.headers.get("Accept", ""):
        body = {"code": error.code, "title": title, "description": error.text}
        answer = Response(json.dumps(body), error.code, content_type="application/json")
    else:
        answer = Response(_page(error, title), error.code, content_type="text/html; charset=UTF-8")
    if error.code == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Keystone uri"
    return answer


def _page(error: RefusedError, title: str) -> str:
    heading = f"{error.code} {title}"
    meaning = HTTPStatus(error.code).description or title
    return (
        f"<html>\n <head>\n  <title>{heading}</title>\n </head>\n <body>\n  <h1>{heading}</h1>\n"
        f"  {meaning}<br /><br />\n{escape(error.text)}\n\n </body>\n</html>"
    )
