"""Encrypts every secret in the database anew, with the first key, while the site goes on working.

Which columns hold secrets is read from the tables themselves. Rows are locked a few at a time, so that no
write is lost; what is encrypted with the first key already is passed over, so a rotation that was cut off
goes on where it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Column, Row, Select, Table, Text, or_, select, text, tuple_, type_coerce, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcapi.errors import Conflict
from dcapi.instance import InstanceFolder
from dcapi.models import Base, SiteRecord
from dcapi.models.keyring import SECRETS_KEY_FILE, Keyring, fingerprint
from dcapi.models.locks import locked
from dcapi.models.site import THE_SITE
from dcapi.models.types import EncryptedBytes, encrypted_columns, keyring_of
from dcapi.runtime import Runtime, UnitOfWork

logger = logging.getLogger(__name__)

# Rows that are locked at once, and seconds for others between two such batches.
BATCH = 100
PAUSE = 0.01
# How often a batch is tried that met a deadlock or a database that was busy.
ATTEMPTS = 5
# Passes over all tables: processes that did not know the new key yet may have written during the first one.
PASSES = 10
ROTATION_LOCK = "rotation"


@dataclass
class TableCount:
    """Rows of one table with secrets in them: all of them, and those that were encrypted anew."""

    rows: int = 0
    reencrypted: int = 0


@dataclass
class Report:
    """What a rotation did. ``made_key``: it made a new key; ``dropped``: old keys that are in no file now."""

    made_key: bool = False
    dropped: int = 0
    tables: dict[str, TableCount] = field(default_factory=dict)


def rotate_secrets(runtime: Runtime, *, drop_old_keys: bool = False) -> Report:
    """Encrypt all secrets with the first key, after making one where keys are kept in the instance folder.

    With ``drop_old_keys`` none is made, and when every secret is encrypted with the first one the file keeps
    that alone. Raises Conflict when a secret can be read with no key, or cannot be brought to an end.
    """
    folder = InstanceFolder.of(runtime.settings)
    own_file = not runtime.settings.SECRETS_KEYS
    report = Report()
    with folder.locked(ROTATION_LOCK):
        with runtime.unit_of_work() as session:
            keyring = keyring_of(session.get_bind())
            finished = _known_fingerprint(session) == fingerprint(keyring.keys[0])
        if own_file and finished and not drop_old_keys:
            folder.replace(SECRETS_KEY_FILE, ",".join([Fernet.generate_key().decode(), *keyring.keys]))
            report.made_key = True
        _rotate_all(runtime.unit_of_work, keyring, report)
        if own_file and drop_old_keys:
            report.dropped = _drop_old_keys(runtime.unit_of_work, folder, keyring)
    return report


def _known_fingerprint(session: Session) -> str | None:
    return session.scalar(select(SiteRecord.key_fingerprint).where(SiteRecord.id == THE_SITE))


def secret_tables() -> Iterator[tuple[Table, list[Column[Any]]]]:
    """The tables with encrypted columns, and these."""
    for table in Base.metadata.sorted_tables:
        columns = encrypted_columns(table)
        if columns:
            yield table, columns


def _batch_of(columns: Sequence[Column[Any]]) -> int:
    """Rows that are read at once: of files, which may be large, one."""
    return 1 if any(isinstance(column.type, EncryptedBytes) for column in columns) else BATCH


def _rotate_all(unit_of_work: UnitOfWork, keyring: Keyring, report: Report) -> None:
    first_key = keyring.keys[0]
    for _ in range(PASSES):
        if not sum(_rotate_table(unit_of_work, keyring, report, *found) for found in secret_tables()):
            break
    else:
        raise Conflict("Some process of this site still writes secrets with another key: restart it first")
    with unit_of_work() as session:
        values = {"key_fingerprint": fingerprint(first_key)}
        session.execute(update(SiteRecord).where(SiteRecord.id == THE_SITE).values(**values))
        session.commit()


def _rotate_table(
    unit_of_work: UnitOfWork, keyring: Keyring, report: Report, table: Table, columns: list[Column[Any]]
) -> int:
    """One pass over a table; returns how many rows were encrypted anew."""
    count = report.tables.setdefault(table.name, TableCount())
    before, count.rows = count.reencrypted, 0
    after: Sequence[Any] | None = None
    while True:
        rows, changed = _tried_again(unit_of_work, keyring, table, columns, after)
        count.rows += len(rows)
        count.reencrypted += changed
        if len(rows) < _batch_of(columns):
            return count.reencrypted - before
        after = rows[-1][: len(table.primary_key)]
        time.sleep(PAUSE)


def _tried_again(
    unit_of_work: UnitOfWork,
    keyring: Keyring,
    table: Table,
    columns: list[Column[Any]],
    after: Sequence[Any] | None,
) -> tuple[Sequence[Row[Any]], int]:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with unit_of_work() as session:
                return _rotate_batch(session, keyring, table, columns, after)
        except OperationalError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(attempt * PAUSE)
    raise AssertionError("the last attempt returns or raises")


def _rotate_batch(
    session: Session, keyring: Keyring, table: Table, columns: list[Column[Any]], after: Sequence[Any] | None
) -> tuple[Sequence[Row[Any]], int]:
    keys = list(table.primary_key)
    rows = session.execute(locked(_secrets_in(table, columns, after).limit(_batch_of(columns)))).all()
    changed = 0
    for row in rows:
        tokens = dict(zip(columns, row[len(keys) :], strict=True))
        renewed = {column: _renewed(keyring, row, column, token) for column, token in tokens.items() if token}
        values = {column: token for column, token in renewed.items() if token is not None}
        if values:
            # A column that follows each update says when its row was changed: it was not.
            values |= {column: column for column in table.columns if column.onupdate is not None}
            this = [key == value for key, value in zip(keys, row, strict=False)]
            session.execute(update(table).where(*this).values(values))
            changed += 1
    session.commit()
    return rows, changed


def _secrets_in(table: Table, columns: list[Column[Any]], after: Sequence[Any] | None) -> Select[Any]:
    """Keys and encrypted texts of the rows with secrets, beyond ``after``, in the order of the keys."""
    keys = list(table.primary_key)
    query = select(*keys, *(type_coerce(column, Text).label(column.name) for column in columns))
    query = query.where(or_(*(column.is_not(None) for column in columns))).order_by(*keys)
    return query if after is None else query.where(tuple_(*keys) > tuple_(*after))


def _renewed(keyring: Keyring, row: Row[Any], column: Column[Any], token: str) -> Any:
    """The same secret encrypted with the first key; None when it is so already."""
    if keyring.is_current(token.encode()):
        return None
    try:
        plain = keyring.decrypt(token.encode())
    except InvalidToken as error:
        where = f"{column.table.name}.{column.name} of row {row[0]}"
        raise Conflict(f"A secret cannot be read with any of the keys: {where}") from error
    return type_coerce(keyring.encrypt(plain).decode(), Text)


def _drop_old_keys(unit_of_work: UnitOfWork, folder: InstanceFolder, keyring: Keyring) -> int:
    """Let the file keep the first key alone, while nobody can write a secret; returns how many went."""
    first, *others = keyring.keys
    if not others:
        return 0
    with unit_of_work() as session:
        _keep_writers_away(session)
        for table, columns in secret_tables():
            query = _secrets_in(table, columns, None).execution_options(yield_per=_batch_of(columns))
            for row in session.execute(query):
                tokens = row[len(table.primary_key) :]
                if not all(keyring.is_current(token.encode()) for token in tokens if token):
                    raise Conflict(f"A secret in {table.name} was just written with another key: try again")
        folder.replace(SECRETS_KEY_FILE, first)
    return len(others)


def _keep_writers_away(session: Session) -> None:
    """Until the transaction ends. On SQLite it is the one writer by itself."""
    if session.get_bind().dialect.name == "postgresql":
        names = ", ".join(table.name for table, _ in secret_tables())
        session.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
