"""PostgreSQL for tests: a prepared template once, and a database of its own for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url, text

URL_VARIABLE = "DCAPI_TEST_POSTGRES_URL"
SKIPPED = f"{URL_VARIABLE} is not set: give the URL of a PostgreSQL server to test on it as well"


def server_url() -> str | None:
    """Where databases can be made; None when there is no such server."""
    return os.environ.get(URL_VARIABLE)


def _administer(statement: str) -> None:
    engine = create_engine(server_url() or "", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@contextmanager
def temporary_database(template: str | None = None) -> Iterator[str]:
    """A new database, a copy of the one at the URL ``template`` if given; yields its URL and drops it."""
    name = f"dcapi_{uuid.uuid4().hex}"
    copied = f" TEMPLATE {make_url(template).database}" if template else ""
    _administer(f"CREATE DATABASE {name}{copied}")
    try:
        yield make_url(server_url() or "").set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(f"DROP DATABASE {name} WITH (FORCE)")
