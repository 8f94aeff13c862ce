"""Health for whoever starts and stops processes: no token needed, nothing secret told."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from dcapi.api.request import parts, session
from dcapi.auth.policy import public
from dcapi.services import health

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz", strict_slashes=False)
@public
def show_life() -> Response:
    """The process answers: that is all there is to say."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz", strict_slashes=False)
@public
def show_readiness() -> Response:
    """Whether the process can do its work, part by part; 503 when one cannot."""
    checks = health.check(session, parts())
    response = jsonify({"status": "ready" if all(checks.values()) else "not ready", "checks": checks})
    response.status_code = 200 if all(checks.values()) else 503
    return response
