"""A site that has only what logging in needs: one table, no jobs, no peers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from dcapi import cli
from dcapi.api import identity, platform, versions
from dcapi.api.errors import register_errors
from dcapi.api.json import OrjsonProvider
from dcapi.auth import guard
from dcapi.auth.context import caller
from dcapi.auth.policy import authorize, public, requires
from dcapi.auth.users import prepare_identity
from dcapi.instance import InstanceFolder
from dcapi.models import Base
from dcapi.models.engine import make_engine
from dcapi.models.keyring import Keyring
from dcapi.runtime import Site, UnitOfWork
from dcapi.settings import Settings, settings_from

PASSWORD = "a password of tests"
SITE = Site("11111111-2222-3333-4444-555555555555", "site-t")


def small_site(folder: Path, **given: Any) -> Flask:
    """An application with the public parts of a site, and a few views that only tests call."""
    settings = settings_from({"INSTANCE_PATH": str(folder), "ADMIN_PASSWORD": PASSWORD, **given})
    prepare_identity(InstanceFolder.of(settings), settings)
    app = Flask("small", static_folder=None)
    app.json = OrjsonProvider(app)
    app.url_map.strict_slashes = False
    app.extensions["dcapi"] = SimpleNamespace(
        settings=settings, site=SITE, unit_of_work=_unit_of_work(folder, settings)
    )
    guard.install(app, settings)
    register_errors(app)
    for blueprint in (identity.blueprint, platform.blueprint, versions.blueprint):
        app.register_blueprint(blueprint)
    cli.register(app)
    _add_views(app)
    return app


def _unit_of_work(folder: Path, settings: Settings) -> UnitOfWork:
    """Sessions of a database that counts failed logins, and does nothing else."""
    keyring = Keyring([Fernet.generate_key().decode()])
    engine = make_engine(f"sqlite:///{folder}/small.sqlite3", settings, keyring)
    with engine.begin() as connection:
        Base.metadata.create_all(connection, tables=[Base.metadata.tables["failed_login"]])
    return lambda: Session(engine)


def _add_views(app: Flask) -> None:
    @app.get("/reads")
    @requires("dc_api:subclouds:get")
    def reads() -> dict[str, Any]:
        who = caller()
        return {"user": who.user_name, "project": who.project_name, "roles": sorted(who.roles)}

    @app.patch("/alternatives/<what>")
    @requires("dc_api:subclouds:modify", "dc_api:subclouds:manage_unmanage")
    def alternatives(what: str) -> dict[str, Any]:
        authorize(f"dc_api:subclouds:{what}")
        return {}

    @app.get("/open")
    @public
    def opened() -> dict[str, Any]:
        return {}

    @app.get("/forgotten")
    def forgotten() -> dict[str, Any]:
        return {}


@contextmanager
def served(folder: Path, **given: Any) -> Iterator[str]:
    """The URL of a small site that listens on a port of its own."""
    server = make_server("127.0.0.1", 0, Flask("nothing yet"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    server.app = small_site(folder, PUBLIC_URL=url, **given)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def login_body(name: str = "admin", password: str = PASSWORD, **auth: Any) -> dict[str, Any]:
    """The body of a login by password, as clients send it."""
    user = {"name": name, "password": password, "domain": {"name": "Default"}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, **auth}}


def log_in(client: FlaskClient, *given: str, **auth: Any) -> TestResponse:
    return client.post("/v3/auth/tokens", json=login_body(*given, **auth))


def token(client: FlaskClient, *given: str, **auth: Any) -> str:
    """The text of a new token."""
    response = log_in(client, *given, **auth)
    assert response.status_code == 201, response.text
    return response.headers["X-Subject-Token"]


def body_of(response: TestResponse) -> Any:
    """The JSON in the body of an answer."""
    return response.get_json()


def project(name: str) -> dict[str, Any]:
    return {"project": {"name": name, "domain": {"name": "Default"}}}
