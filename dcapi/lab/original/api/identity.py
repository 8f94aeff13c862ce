"""The identity service beside the manager, and the platform's one call: who is this system?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hmac import compare_digest

from werkzeug.wrappers import Response

from dcapi.lab.operator import Json
from dcapi.lab.original.api.errors import RefusedError
from dcapi.lab.original.api.incoming import Incoming
from dcapi.lab.original.tokens import TOKEN_SECONDS

USER = "admin"
WIRE_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

# (type, name, region, path) of each service in the catalogue.
SERVICES = (
    ("identity", "keystone", "RegionOne", "/v3"),
    ("identity", "keystone", "SystemController", "/v3"),
    ("dcmanager", "dcmanager", "SystemController", "/v1.0"),
    ("platform", "sysinv", "RegionOne", "/v1"),
)
DOMAIN = {"id": "default", "name": "Default"}


def show_version(incoming: Incoming) -> Json:
    links = [{"rel": "self", "href": f"{incoming.site.url}/v3/"}]
    return {"version": {"id": "v3.14", "status": "stable", "links": links}}


def create_token(incoming: Incoming) -> Response:
    try:
        user = incoming.document["auth"]["identity"]["password"]["user"]
        name, password = user.get("name"), str(user["password"])
    except (KeyError, TypeError, AttributeError):
        raise RefusedError(400, "The request is malformed.") from None
    if name != USER or not compare_digest(password.encode(), incoming.site.admin_password.encode()):
        raise RefusedError(401, "The request you have made requires authentication.")
    return _answer(incoming, incoming.site.tokens.give(), 201)


def show_token(incoming: Incoming) -> Response:
    return _answer(incoming, incoming.request.headers.get("X-Subject-Token", ""), 200)


def list_systems(incoming: Incoming) -> Json:
    own = incoming.life.identity
    return {"isystems": [{"uuid": own.uuid, "name": own.name, "region_name": "RegionOne"}]}


def check_token(incoming: Incoming) -> None:
    """Raise RefusedError unless the caller has logged in."""
    if incoming.site.tokens.end_of(incoming.request.headers.get("X-Auth-Token", "")) is None:
        raise RefusedError(401, "The request you have made requires authentication.")


def _answer(incoming: Incoming, token: str, code: int) -> Response:
    end = incoming.site.tokens.end_of(token)
    if end is None:
        raise RefusedError(404, "Failed to validate token")
    body = {
        "methods": ["password"],
        "user": {"id": USER, "name": USER, "domain": DOMAIN},
        "project": {"id": USER, "name": "admin", "domain": DOMAIN},
        "roles": [{"id": USER, "name": "admin"}],
        "issued_at": datetime.fromtimestamp(end - TOKEN_SECONDS, UTC).strftime(WIRE_TIME),
        "expires_at": datetime.fromtimestamp(end, UTC).strftime(WIRE_TIME),
        "catalog": _catalogue(incoming.site.url),
    }
    if "nocatalog" in incoming.request.args:
        del body["catalog"]
    answer = Response(json.dumps({"token": body}), code, content_type="application/json")
    answer.headers["X-Subject-Token"] = token
    return answer


def _catalogue(url: str) -> list[Json]:
    return [
        {
            "id": f"{kind} {region}",
            "type": kind,
            "name": name,
            "endpoints": [
                {
                    "id": f"{kind} {region} public",
                    "interface": "public",
                    "region": region,
                    "region_id": region,
                    "url": url + path,
                }
            ],
        }
        for kind, name, region, path in SERVICES
    ]
