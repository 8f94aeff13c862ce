"""What a request waits for the database in all, however many statements it has."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dcapi.api.database import db
from dcapi.api.database_time import WAITED
from dcapi.api.prefer import wait_for_outcome
from dcapi.models.database_trouble import DatabaseTrouble, trouble_of
from dcapi.models.engine import make_engine
from dcapi.models.keyring import Keyring
from dcapi.models.time_budget import waiting_at_most
from dcapi.settings import Settings
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.postgres import SKIPPED, RestoredDatabase
from tests.site_client import SiteClient

# Seconds that one statement may take: no test waits for so long.
PATIENT = 120.0
# Seconds after which a wait counts as one that is not cut.
TOO_LONG = 60.0


@pytest.fixture
def postgresql(postgres_copy: RestoredDatabase | None) -> Iterator[Engine]:
    if postgres_copy is None:
        pytest.skip(SKIPPED)
    settings = Settings(DATABASE_STATEMENT_TIMEOUT=PATIENT, DATABASE_LOCK_TIMEOUT=PATIENT)
    made = make_engine(postgres_copy.uri, settings, Keyring([Fernet.generate_key().decode()]))
    yield made
    made.dispose()


def in_time(work: Callable[[], object]) -> BaseException | None:
    """Work in a thread that shares the time which is left here; returns what it raised, if it ended soon."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, work).exception(TOO_LONG)


def sleep(engine: Engine, seconds: float) -> None:
    """Wait for an answer of the server."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


def test_a_statement_is_cut_when_its_request_has_no_time_left(postgresql: Engine) -> None:
    with waiting_at_most(0.5):
        error = in_time(lambda: sleep(postgresql, PATIENT))
    assert isinstance(error, DBAPIError)
    assert trouble_of(error) is DatabaseTrouble.LOCKED
    assert error.connection_invalidated


def test_whoever_has_waited_too_long_sends_no_further_statement(postgresql: Engine) -> None:
    with waiting_at_most(0.2), postgresql.connect() as connection:
        connection.execute(text("SELECT 1"))
        in_time(lambda: sleep(postgresql, PATIENT))
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text("SELECT 2"))
        assert trouble_of(refused.value) is DatabaseTrouble.LOCKED
        assert not refused.value.connection_invalidated
        connection.rollback()  # it has its time all the same
    sleep(postgresql, 0)


def test_what_was_done_is_committed_however_little_time_is_left(postgresql: Engine) -> None:
    with postgresql.begin() as connection:
        connection.execute(text("CREATE TABLE told (number INTEGER)"))
    with waiting_at_most(0.2), postgresql.connect() as connection:
        connection.execute(text("INSERT INTO told VALUES (1)"))
        in_time(lambda: sleep(postgresql, PATIENT))
        connection.commit()
    with postgresql.begin() as connection:
        assert connection.scalar(text("SELECT number FROM told")) == 1
        connection.execute(text("DROP TABLE told"))


def session_of(connection: Connection) -> int:
    """The process at the server."""
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_a_request_whose_time_is_up_costs_the_others_no_connection(postgresql: Engine) -> None:
    with postgresql.connect() as other, waiting_at_most(0.2):
        kept = session_of(other)
        in_time(lambda: sleep(postgresql, PATIENT))
    with postgresql.connect() as first, postgresql.connect() as second:
        assert kept in {session_of(first), session_of(second)}


@pytest.fixture
def patient_site(prepared_instance: Path, tmp_path: Path, database_uri: str) -> Iterator[Flask]:
    """One whose single waits last for minutes."""
    settings = {
        "SQLALCHEMY_DATABASE_URI": database_uri,
        "SQLITE_BUSY_TIMEOUT": PATIENT,
        "DATABASE_LOCK_TIMEOUT": PATIENT,
        "DATABASE_STATEMENT_TIMEOUT": PATIENT,
    }
    with make_site(prepared_instance, tmp_path, **settings) as site:
        yield site


def test_what_waited_for_its_turn_hardly_waits_for_the_database(patient_site: Flask) -> None:
    operator = SiteClient.logged_in(patient_site, "admin", ADMIN_PASSWORD)
    codes: list[int] = []

    def change() -> None:
        waited = {WAITED: 2 * PATIENT}
        form = {"description": "changed"}
        answer = operator.patch("/subcloud-groups/1", json=form, environ_overrides=waited)
        codes.append(answer.status_code)

    with patient_site.app_context(), db.engine.connect() as other:
        other.execute(text("UPDATE subcloud_group SET description = 'locked'"))
        in_time(change)
        assert codes == [503]
        other.rollback()
    change()
    assert codes == [503, 200]


def test_whoever_prefers_to_wait_for_an_outcome_looks_for_as_long(patient_site: Flask) -> None:
    with patient_site.app_context():
        if db.engine.dialect.name == "sqlite":
            pytest.skip("who only reads waits for nobody on SQLite")
    looks: list[int] = []

    def is_there(session: Session) -> bool:
        session.execute(text("SELECT pg_sleep(0.15)"))
        looks.append(1)
        return len(looks) == 3

    with patient_site.test_request_context(headers={"Prefer": "wait=50"}), waiting_at_most(0.2):
        assert wait_for_outcome(is_there)
    assert len(looks) == 3
