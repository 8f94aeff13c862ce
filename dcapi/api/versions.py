"""Which versions of the API there are, for clients that ask before they call."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from dcapi.auth.policy import any_token, public

blueprint = Blueprint("versions", __name__)

VERSION = "v1.0"
UPDATED = "2017-10-2"


@blueprint.get("/")
@public
def list_versions() -> dict[str, Any]:
    return {"versions": [_version()]}


@blueprint.get(f"/{VERSION}")
@any_token
def show_version() -> dict[str, Any]:
    """For clients that look at the endpoint in the catalogue before they call it."""
    return {"version": _version()}


def _version() -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{request.host_url}{VERSION}/"}]
    return {"status": "CURRENT", "id": VERSION, "updated": UPDATED, "links": links}
