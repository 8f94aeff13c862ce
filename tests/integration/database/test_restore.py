"""A site is restored into an empty folder as docs/operations.md says, database and keys apart."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask

from dcapi import create_app
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.auth.identity_file import IDENTITY_FILE
from dcapi.auth.token_keys import TOKEN_KEY_FILE
from dcapi.auth.users import APPLIED_PASSWORD_FILE
from dcapi.errors import SettingsError
from dcapi.models import SystemPeer
from dcapi.models.keyring import SECRETS_KEY_FILE
from tests.conftest import site_settings
from tests.postgres import temporary_database
from tests.site_client import SiteClient

KEYS = (SECRETS_KEY_FILE, TOKEN_KEY_FILE, IDENTITY_FILE, APPLIED_PASSWORD_FILE)
PASSWORD = "the-peers-own-1"


@contextmanager
def restored(instance: Path, database: str, dump: Path) -> Iterator[str]:
    """The setting of a database made of a backup, in a new server's database or in the folder."""
    if not database:
        shutil.copy(dump, instance / "dcapi.sqlite3")
        yield ""
        return
    with temporary_database() as uri:
        subprocess.run(["pg_restore", "--no-owner", f"--dbname={uri}", str(dump)], check=True)
        yield uri


def back_up(app: Flask, database: str, dump: Path) -> None:
    if database:
        command = ["pg_dump", "--format=custom", f"--file={dump}", database]
        subprocess.run(command, check=True)
        return
    source = sqlite3.connect(Path(app.instance_path) / "dcapi.sqlite3")
    with closing(source), closing(sqlite3.connect(dump)) as copy:
        source.backup(copy)


def add_peer(app: Flask) -> None:
    peer = SystemPeer(
        peer_uuid="11111111-2222-4333-8444-555555555555",
        peer_name="site-b",
        manager_endpoint="http://127.0.0.1:9/v3",
        manager_username="admin",
        manager_password=PASSWORD,
        peer_controller_gateway_address="192.168.204.102",
    )
    with app.extensions[EXTENSION].unit_of_work() as session:
        session.add(peer)
        session.commit()


def test_a_site_comes_back_in_an_empty_folder(
    app: Flask, operator: SiteClient, database_uri: str, tmp_path: Path
) -> None:
    if database_uri and shutil.which("pg_dump") is None:
        pytest.skip("there is no pg_dump")
    add_peer(app)
    dump, instance = tmp_path / "site.dump", tmp_path / "restored"
    back_up(app, database_uri, dump)
    instance.mkdir(mode=0o700)
    with restored(instance, database_uri, dump) as uri:
        settings = site_settings(instance, ADMIN_PASSWORD="", SQLALCHEMY_DATABASE_URI=uri)
        with pytest.raises(SettingsError, match=r"secrets.key is missing"):
            create_app(settings)
        for name in KEYS:
            if (kept := Path(app.instance_path, name)).exists():
                shutil.copy(kept, instance / name)
        site = create_app(settings)
        assert site.test_client().get("/readyz").status_code == 200
        # The token of before counts, and the secrets can be read.
        assert SiteClient(site, operator.headers["X-Auth-Token"]).get("/system-peers").status_code == 200
        with site.extensions[EXTENSION].unit_of_work() as session:
            assert session.query(SystemPeer).one().manager_password == PASSWORD
        with site.app_context():
            db.engine.dispose()
