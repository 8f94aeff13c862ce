"""Health for whoever starts and stops processes: no token needed, nothing secret told."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from dcapi.api.request import runtime
from dcapi.auth.guard import authentication
from dcapi.auth.policy import public
from dcapi.services import health

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def show_life() -> Response:
    """The process answers: that is all there is to say."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
@public
def show_readiness() -> Response:
    """Whether the process can do its work, a word for each part; 503 when it cannot."""
    checks = health.check(runtime()) | authentication().strategy.checks()
    status = health.verdict(checks)
    response = jsonify({"status": status, "checks": checks})
    response.status_code = 503 if status == health.NOT_READY else 200
    return response
