"""The history of the tables, and how a database is brought to its end."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

# Any number: two hosts that start at once must agree on one advisory lock.
MIGRATION_LOCK = 8119


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def lock(connection: Connection) -> None:
    """Let one process at a time prepare the database, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest revision, one process at a time."""
    lock(connection)
    command.upgrade(_config(connection), "head")


def is_current(connection: Connection) -> bool:
    """Whether the database has every migration of this version."""
    return MigrationContext.configure(connection).get_current_revision() == head()


def head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()
