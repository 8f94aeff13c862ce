"""Column types of our own: what is encrypted in the database and plain in the process."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Connection, Dialect, Engine, Table, Text
from sqlalchemy.schema import Column
from sqlalchemy.types import TypeDecorator

from dcapi.models.keyring import Keyring

KEYRING_ATTRIBUTE = "dcapi_keyring"


class SecretUnreadable(Exception):
    """A secret in the database was encrypted with a key that this site does not have."""


def give_keyring(engine: Engine, keyring: Keyring) -> None:
    """Let the encrypted columns of this engine use the keyring.

    It hangs on the dialect, which belongs to one engine: two sites in one process keep their own keys.
    """
    setattr(engine.dialect, KEYRING_ATTRIBUTE, keyring)


def keyring_of(bind: Engine | Connection) -> Keyring:
    """The keyring that the encrypted columns of this engine use."""
    return _keyring(bind.dialect)


def _keyring(dialect: Dialect) -> Keyring:
    keyring: Keyring = getattr(dialect, KEYRING_ATTRIBUTE)
    return keyring


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted at rest."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return _keyring(dialect).encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return _keyring(dialect).decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable("a secret in the database was encrypted with another key") from error


class EncryptedBytes(TypeDecorator[bytes]):
    """Bytes that are encrypted at rest, in a column of text as all secrets are."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else _keyring(dialect).encrypt(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        try:
            return _keyring(dialect).decrypt(value.encode())
        except InvalidToken as error:
            raise SecretUnreadable("a secret in the database was encrypted with another key") from error


class EncryptedJSON(TypeDecorator[Any]):
    """A JSON value that is encrypted at rest; assign a new value to change it, it is not watched inside."""

    impl = EncryptedText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


def decrypted_json(bind: Engine | Connection, stored: str) -> Any:
    """The value of an encrypted JSON column that was read as it is stored; raises SecretUnreadable.

    Of many rows, one that cannot be read is then not in the way of the others.
    """
    text = EncryptedText().process_result_value(stored, bind.dialect)
    return EncryptedJSON().process_result_value(text, bind.dialect)


ENCRYPTED = (EncryptedText, EncryptedJSON, EncryptedBytes)


def encrypted_columns(table: Table) -> list[Column[Any]]:
    """The columns of a table that are encrypted at rest."""
    return [column for column in table.columns if isinstance(column.type, ENCRYPTED)]
