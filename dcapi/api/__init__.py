"""HTTP: one blueprint a resource; a view parses, calls one service and shows what came of it."""

from __future__ import annotations

from flask import Flask

from dcapi.api import (
    alarms,
    associations,
    deploy_files,
    health,
    identity,
    openapi,
    peer_groups,
    phased_deploy,
    platform,
    request_limits,
    subcloud_groups,
    subclouds,
    system_peers,
    versions,
)
from dcapi.api.bodies import refuse_large_body
from dcapi.api.errors import register_errors
from dcapi.api.json import OrjsonProvider
from dcapi.settings import Settings

BLUEPRINTS = (
    versions.blueprint,
    health.blueprint,
    alarms.blueprint,
    identity.blueprint,
    platform.blueprint,
    openapi.blueprint,
    system_peers.blueprint,
    peer_groups.blueprint,
    associations.blueprint,
    subclouds.blueprint,
    subcloud_groups.blueprint,
    deploy_files.blueprint,
    phased_deploy.blueprint,
)


def register(app: Flask, settings: Settings) -> None:
    """Give the application its routes, its errors, its limits and its JSON."""
    app.json = OrjsonProvider(app)
    # A method that the contract does not name is a 405, OPTIONS too.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # Every URL works with and without a slash at its end and none redirects: clients lose such a PATCH.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(refuse_large_body)
    request_limits.register(app, settings)
    register_errors(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
