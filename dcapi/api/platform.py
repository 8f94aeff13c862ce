"""The one call of the platform's API that peers make: which system is this?"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from dcapi.api.request import runtime
from dcapi.auth.policy import any_token

blueprint = Blueprint("platform", __name__)

VERSION = "v1"
REGION = "RegionOne"


@blueprint.get(f"/{VERSION}")
@any_token
def show_version() -> dict[str, Any]:
    """For clients that look at the endpoint in the catalogue before they call it."""
    links = [{"rel": "self", "href": f"{request.host_url}{VERSION}/"}]
    return {"version": {"status": "CURRENT", "id": VERSION, "links": links}}


@blueprint.get(f"/{VERSION}/isystems")
@any_token
def list_systems() -> dict[str, Any]:
    """This site as the only system; a peer compares its uuid with the one that it was told."""
    return {"isystems": [_this_system()]}


def _this_system() -> dict[str, Any]:
    built = runtime()
    own_url = f"{request.host_url}{VERSION}/isystems/{built.site.uuid}"
    return {
        "uuid": built.site.uuid,
        "name": built.site.name,
        "distributed_cloud_role": "systemcontroller",
        "software_version": built.settings.SOFTWARE_VERSION,
        "region_name": REGION,
        "timezone": "UTC",
        # Of the machine below nothing is known here.
        "system_type": None,
        "system_mode": None,
        "description": None,
        "location": None,
        "contact": None,
        "latitude": None,
        "longitude": None,
        "capabilities": {},
        "links": [{"rel": "self", "href": own_url}],
    }
