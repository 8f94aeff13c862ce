"""A database that cannot be used stops the start with a line that tells no password."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcapi import prepare
from dcapi.errors import SettingsError
from dcapi.settings import settings_from
from tests.conftest import site_settings

# The password is wr@ng:Bollard/7, with each of its characters written as it is somewhere.
UNREADABLE = (
    "postgresql://dcapi:wr@ng:Bollard/7@127.0.0.1/dcapi",
    "postgresql://dcapi:wr@ngBollard@127.0.0.1:5432/dcapi",
    "postgresql://dcapi:wr@ng/Bollard@127.0.0.1/dcapi",
    "postgresql://dcapi:wrong@127.0.0.1:Bollard/dcapi",
    "Bollard",
)


@pytest.mark.parametrize("uri", UNREADABLE)
def test_a_uri_that_cannot_be_read_is_not_quoted(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SettingsError, match="DCAPI_SQLALCHEMY_DATABASE_URI") as error:
        prepare(settings_from(site_settings(tmp_path / "instance", SQLALCHEMY_DATABASE_URI=uri)))
    assert "Bollard" not in str(error.value)
    assert "%40" in str(error.value)


@pytest.mark.parametrize(
    "uri",
    ["postgresql://dcapi:Bollard@127.0.0.1:1/dcapi", "postgresql://dcapi:Bollard@127.0.0.1:1/dcapi?tide=1"],
)
def test_a_database_that_cannot_be_opened_stops_the_start(tmp_path: Path, uri: str) -> None:
    pytest.importorskip("psycopg", reason="requirements-postgres.txt is not installed")
    with pytest.raises(SettingsError, match="the database cannot be opened") as error:
        prepare(settings_from(site_settings(tmp_path / "instance", SQLALCHEMY_DATABASE_URI=uri)))
    assert "Bollard" not in str(error.value)
