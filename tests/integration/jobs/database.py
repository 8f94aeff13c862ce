"""Opening the database of a test, from its own process and from those that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dcapi.models.engine import make_engine
from dcapi.models.keyring import Keyring
from dcapi.settings import Settings
from dcapi.tasks.hold import UnitOfWork


def engine_of(uri: str, *, busy_timeout: float = 30.0) -> Engine:
    settings = Settings(SQLITE_BUSY_TIMEOUT=busy_timeout)
    return make_engine(uri, settings, Keyring([Fernet.generate_key().decode()]))


def unit_of_work_of(engine: Engine) -> UnitOfWork:
    @contextmanager
    def unit_of_work() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    return unit_of_work
