"""How rows that others refer to are locked."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy.sql.selectable import GenerativeSelect

Query = TypeVar("Query", bound=GenerativeSelect)


def locked(query: Query, *, shared: bool = False) -> Query:
    """The query with a lock that keeps other writers off its rows, and not those who only refer to them.

    ``shared``: others may lock them so too.

    PostgreSQL checks the references of a row anew when a transaction writes it twice. A lock that kept that
    waiting would turn the order of locks around: an association would wait for its group, while whoever
    holds the group waits for the association. SQLite has one writer, and no such locks.
    """
    return query.with_for_update(read=shared, key_share=True)
