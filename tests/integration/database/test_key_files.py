"""A start with key files of no use is refused with the reason, and makes no new key of secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dcapi import prepare
from dcapi.auth.token_keys import TOKEN_KEY_FILE
from dcapi.errors import SettingsError
from dcapi.models.keyring import SECRETS_KEY_FILE
from dcapi.settings import settings_from
from tests.conftest import site_settings


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """The folder of a site that was started once."""
    start(tmp_path / "instance")
    return tmp_path / "instance"


def start(instance: Path) -> None:
    prepare(settings_from(site_settings(instance)))


@pytest.mark.parametrize("content", ["", "short", "x" * 44])
def test_a_key_of_secrets_that_is_none_is_refused(instance: Path, content: str) -> None:
    (instance / SECRETS_KEY_FILE).write_text(content)
    with pytest.raises(SettingsError, match=r"secrets.key holds no usable keys.*Put back"):
        start(instance)


@pytest.mark.parametrize("name", [SECRETS_KEY_FILE, TOKEN_KEY_FILE])
def test_a_key_that_everybody_may_read_is_refused(instance: Path, name: str) -> None:
    (instance / name).chmod(0o604)
    with pytest.raises(SettingsError, match=rf"{name} holds keys, and every user.*chmod 600"):
        start(instance)
    (instance / name).chmod(0o600)
    start(instance)


def test_no_new_key_is_made_where_the_one_of_the_secrets_was_lost(instance: Path) -> None:
    key = instance / SECRETS_KEY_FILE
    kept = key.rename(instance / "kept")
    with pytest.raises(SettingsError, match=r"secrets.key is missing.*put the file back"):
        start(instance)
    assert not key.exists()
    kept.rename(key)
    start(instance)


def test_a_key_that_the_database_does_not_know_is_not_taken_while_it_runs(instance: Path) -> None:
    keyring = prepare(settings_from(site_settings(instance))).keyring
    before, token = keyring.keys, keyring.encrypt(b"text")
    file, other = instance / SECRETS_KEY_FILE, Fernet.generate_key().decode()
    file.write_text(other)
    assert keyring.keys == before
    assert keyring.decrypt(keyring.encrypt(b"more")) == b"more"
    file.write_text(f"{other},{before[0]}")
    assert keyring.keys == (other, *before)
    assert keyring.decrypt(token) == b"text"
