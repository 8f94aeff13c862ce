"""The history of the tables: it ends where the models are, and goes both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import Engine, inspect, select

from dcapi import migrations
from dcapi.models import Base, SubcloudGroup
from dcapi.models.engine import make_engine
from dcapi.models.keyring import Keyring
from dcapi.settings import Settings
from tests.postgres import SKIPPED, server_url, temporary_database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty database."""
    keyring = Keyring([Fernet.generate_key().decode()])
    if request.param == "sqlite":
        yield make_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}", Settings(), keyring)
        return
    if server_url() is None:
        pytest.skip(SKIPPED)
    with temporary_database() as uri:
        made = make_engine(uri, Settings(), keyring)
        yield made
        made.dispose()


def test_all_migrations_together_make_the_models(engine: Engine) -> None:
    with engine.begin() as connection:
        migrations.upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert migrations.is_current(connection)


def test_the_default_group_is_there_and_the_next_one_gets_another_id(engine: Engine) -> None:
    with engine.begin() as connection:
        migrations.upgrade(connection)
        columns = select(SubcloudGroup.id, SubcloudGroup.name)
        assert connection.execute(columns).all() == [(1, "Default")]
        new = SubcloudGroup.__table__.insert().values(  # type: ignore[attr-defined]
            name="next", description="", update_apply_type="serial", max_parallel_subclouds=1, created_at=""
        )
        connection.execute(new)
        assert len(connection.execute(columns).all()) == 2


def test_an_upgrade_of_what_is_current_changes_nothing(engine: Engine) -> None:
    for _ in range(2):
        with engine.begin() as connection:
            migrations.upgrade(connection)
            assert migrations.is_current(connection)


def test_the_way_back_leaves_no_table(engine: Engine) -> None:
    with engine.begin() as connection:
        migrations.upgrade(connection)
        command.downgrade(migrations._config(connection), "base")
        left = set(inspect(connection).get_table_names())
    assert left <= {"alembic_version", "sqlite_sequence"}
