from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcapi.auth import passwords
from dcapi.auth.guard import embedded_identity
from dcapi.auth.users import Users
from tests.integration.auth.small_site import small_site


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no matter of these tests."""
    monkeypatch.setattr(passwords, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    return small_site(tmp_path)


@pytest.fixture
def client(site: Flask) -> FlaskClient:
    return site.test_client()


@pytest.fixture
def users(site: Flask) -> Users:
    with site.app_context():
        return embedded_identity().users
