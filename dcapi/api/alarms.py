"""Alarms over HTTP: the summary that the official client shows, and this site's own, which are ours."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from dcapi.api.request import session
from dcapi.auth.policy import requires
from dcapi.services import alarms

blueprint = Blueprint("alarms", __name__, url_prefix="/v1.0")


@blueprint.get("/alarms")
@requires("dc_api:alarm_manager:get")
def list_alarm_summary() -> Response:
    return jsonify({"alarm_summary": alarms.summarize_subclouds(session())})


@blueprint.get("/system-alarms")
@requires("dc_api:alarm_manager:get")
def list_system_alarms() -> Response:
    return jsonify({"system_alarms": alarms.list_system_alarms(session())})
