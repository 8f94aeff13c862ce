"""A database of an old version, to be upgraded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.database.old_database import OldDatabase, keyring_of
from tests.postgres import SKIPPED, server_url, temporary_database


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, prepared_instance: Path, tmp_path: Path) -> Iterator[OldDatabase]:
    keyring = keyring_of(prepared_instance)
    if request.param == "sqlite":
        yield OldDatabase(f"sqlite:///{tmp_path / 'old.sqlite3'}", keyring)
        return
    if server_url() is None:
        pytest.skip(SKIPPED)
    with temporary_database() as uri:
        yield OldDatabase(uri, keyring)


@pytest.fixture
def instance(prepared_instance: Path, tmp_path: Path) -> Path:
    """A folder with keys and users, and no database."""
    folder = tmp_path / "instance"
    shutil.copytree(prepared_instance, folder, ignore=shutil.ignore_patterns("*.sqlite3*"))
    return folder
