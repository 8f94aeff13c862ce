"""What every table shares: the declarative base, constraint names and the form of a time."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Without names for all constraints alembic cannot change them on SQLite.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def utc_now_text() -> str:
    """The time in the form that the wire shows, in UTC."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


# PostgreSQL keeps ids in 32 bits. SQLite goes further, but what a request means must not depend on that.
LARGEST_ID = 2**31 - 1

# Ids are told to other sites, which keep them, and tell a task from the one that took its place: SQLite must
# not give the id of a deleted row to a new one.
NEVER_AGAIN = {"sqlite_autoincrement": True}


class Dated:
    """Times of a row, kept as the text that clients see: lists show thousands of them and parse none."""

    created_at: Mapped[str] = mapped_column(String(26), default=utc_now_text)
    updated_at: Mapped[str | None] = mapped_column(String(26), onupdate=utc_now_text)
