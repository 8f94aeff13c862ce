"""A real Keystone for these tests, which `make test-keystone` alone collects: it names its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.conftest import make_site
from tests.keystone.cloud import PASSWORD, Cloud
from tests.keystone.server import Door, Keystone

VENV = "DCAPI_TEST_KEYSTONE_VENV"

# Without that environment there is nothing to be tried here.
collect_ignore_glob = [] if VENV in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """Tables, keys and administrator, made once; a test adds the doors that it needs."""
    made = Keystone(tmp_path_factory.mktemp("keystone"), Path(os.environ[VENV]).absolute() / "bin")
    try:
        made.prepare()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def front(keystone: Keystone) -> Door:
    """A door that stays open for all tests; its site is nowhere."""
    return keystone.door("127.0.0.1:9").start()


@pytest.fixture(scope="session")
def short_lived(keystone: Keystone) -> Door:
    """A door whose tokens live for a few seconds."""
    return keystone.door("127.0.0.1:9", lifetime=10).start()


@pytest.fixture(scope="session")
def cloud(front: Door) -> Cloud:
    """Keystone's administrator, who has set up roles, projects and catalogue."""
    made = Cloud(front.url)
    made.set_up()
    made.user("service", "services", "dcapi")
    return made


def keystone_settings(door: Door, **more: Any) -> dict[str, Any]:
    """Settings of a site whose callers log in at this door."""
    return {
        "AUTH_STRATEGY": "keystone",
        "KEYSTONE_AUTH_URL": door.url,
        "KEYSTONE_USERNAME": "dcapi",
        "KEYSTONE_PASSWORD": PASSWORD,
        # A busy machine takes its time; a Keystone that is stopped refuses at once.
        "KEYSTONE_TIMEOUT": 20,
        **more,
    }


@pytest.fixture
def app(prepared_instance: Path, tmp_path: Path, front: Door, cloud: Cloud) -> Iterator[Flask]:
    """A site in this process, beside Keystone."""
    with make_site(prepared_instance, tmp_path, **keystone_settings(front)) as site:
        yield site
