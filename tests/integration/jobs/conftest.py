"""A database of its own for each test: a SQLite file, and a PostgreSQL schema where there is a server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from dcapi.models.base import Base
from dcapi.models.lease import Lease
from dcapi.tasks.hold import UnitOfWork
from tests.integration.jobs.database import engine_of, unit_of_work_of

POSTGRES = "DCAPI_TEST_POSTGRES_URL"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URI of an empty database with the table of leases."""
    with _sqlite(tmp_path) if request.param == "sqlite" else _postgresql() as uri:
        engine = engine_of(uri)
        Base.metadata.create_all(engine, tables=[Base.metadata.tables[Lease.__tablename__]])
        engine.dispose()
        yield uri


@pytest.fixture
def engine(database_uri: str) -> Iterator[Engine]:
    engine = engine_of(database_uri)
    yield engine
    engine.dispose()


@pytest.fixture
def unit_of_work(engine: Engine) -> UnitOfWork:
    return unit_of_work_of(engine)


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    uri = f"sqlite:///{folder / 'leases.sqlite3'}"
    engine = create_engine(uri)
    with engine.connect() as connection:
        # Kept in the file: whoever opens it later writes ahead, too.
        connection.execute(text("PRAGMA journal_mode=WAL"))
    engine.dispose()
    yield uri


@contextmanager
def _postgresql() -> Iterator[str]:
    if not os.environ.get(POSTGRES):
        pytest.skip(f"{POSTGRES} names no server")
    url = make_url(os.environ[POSTGRES])
    schema = f"dcapi_{uuid.uuid4().hex}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        try:
            own = url.update_query_dict({"options": f"-csearch_path={schema}"})
            yield own.render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()
