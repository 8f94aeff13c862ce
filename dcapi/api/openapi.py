"""The description of the API, for machines and, as a page without any script, for people.

It tells nothing that the source does not, so it is open to everyone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template

from dcapi.api.description import page
from dcapi.api.description.document import build
from dcapi.api.request import runtime
from dcapi.auth.policy import public

HERE = Path(__file__).parent / "description"

blueprint = Blueprint("openapi", __name__, template_folder=str(HERE / "templates"))

EXTENSION = "dcapi.openapi"

# The page loads its style from here, and nothing else from anywhere.
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@blueprint.get("/v1.0/openapi.json")
@public
def show_document() -> Response:
    return jsonify(document())


@blueprint.get("/docs")
@public
def show_page() -> Response:
    described = document()
    calls = page.calls_by_tag(described)
    html = render_template("docs.html", document=described, calls=calls, kinds=page.kinds, rows=page.rows)
    return Response(html, mimetype="text/html", headers=PAGE_HEADERS)


@blueprint.get("/docs/style.css")
@public
def show_style() -> Response:
    style = (HERE / "assets" / "style.css").read_text(encoding="utf-8")
    return Response(style, mimetype="text/css", headers=PAGE_HEADERS)


def document() -> dict[str, Any]:
    """The OpenAPI document of this application, built when it is first asked for."""
    made: dict[str, Any] | None = current_app.extensions.get(EXTENSION)
    if made is None:
        made = current_app.extensions[EXTENSION] = build(current_app, runtime().settings)
    return made
