from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from dcapi.auth import passwords
from dcapi.auth.guard import embedded_identity
from dcapi.auth.users import Users
from tests.conftest import ADMIN_PASSWORD
from tests.integration.auth.guesses import NOON
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


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the hashes that are computed, and lets a password match by its text."""
    check = Mock(side_effect=lambda _, password: password == ADMIN_PASSWORD)
    monkeypatch.setattr(passwords, "check_password_hash", check)
    return check
