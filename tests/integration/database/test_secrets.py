"""Passwords are in no column that can be read without the key, and whoever has another key does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

import dcapi
from dcapi.api.database import db
from dcapi.errors import SettingsError
from dcapi.models import Base, Subcloud, SystemPeer
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.runtime import Runtime
from dcapi.settings import settings_from
from tests.conftest import site_settings

CANARY = "Canary*of-the-mine-22"


def every_cell(app: Flask) -> str:
    """All that the database holds, as one text."""
    with app.app_context(), db.engine.connect() as connection:
        tables = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in Base.metadata.tables]
    return repr(tables)


def test_no_password_stands_readable_in_any_table(app: Flask, runtime: Runtime) -> None:
    saved = {"admin_password": CANARY, "registries": [{"url": "here", "password": CANARY}]}
    subcloud = Subcloud(
        name="edge-1",
        region_name="region-1",
        software_version="24.09",
        management_subnet="192.168.101.0/24",
        management_start_ip="192.168.101.2",
        management_end_ip="192.168.101.50",
        management_gateway_ip="192.168.101.1",
        systemcontroller_gateway_ip="192.168.204.101",
    )
    rehome_data.write(subcloud, {"saved_payload": saved})
    data_install.write(subcloud, {"bmc_password": CANARY})
    peer = SystemPeer(
        peer_uuid="11111111-2222-4333-8444-555555555555",
        peer_name="site-b",
        manager_endpoint="http://127.0.0.1:9/v3",
        manager_username="admin",
        manager_password=CANARY,
        peer_controller_gateway_address="192.168.204.102",
    )
    with runtime.unit_of_work() as session:
        session.add_all([subcloud, peer])
        session.commit()
        assert rehome_data.read(subcloud) == {"saved_payload": saved}
        assert data_install.read(subcloud) == {"bmc_password": CANARY}
        assert peer.manager_password == CANARY
    everything = every_cell(app)
    assert "edge-1" in everything
    assert CANARY not in everything


def test_a_site_with_another_key_does_not_start(prepared_instance: Path) -> None:
    other = site_settings(prepared_instance, SECRETS_KEYS=Fernet.generate_key().decode())
    with pytest.raises(SettingsError, match="another key"):
        dcapi.prepare(settings_from(other))


def test_a_site_of_another_uuid_does_not_start(prepared_instance: Path) -> None:
    other = site_settings(prepared_instance, SITE_UUID="99999999-2222-4333-8444-555555555555")
    with pytest.raises(SettingsError, match="SITE_UUID"):
        dcapi.prepare(settings_from(other))


def test_the_files_of_a_site_are_for_its_user_alone(prepared_instance: Path) -> None:
    assert prepared_instance.stat().st_mode & 0o077 == 0
    for path in prepared_instance.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
