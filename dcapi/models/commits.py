"""What is done once a transaction has been committed, and not at all when it was not."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session

# Where a session keeps what it is to do.
WAITING = "dcapi.after_commit"


def after_commit(session: Session, do: Callable[[], None]) -> None:
    """Call a function, which uses no database, after the session's transaction was committed."""
    if WAITING not in session.info:
        session.info[WAITING] = []
        event.listen(session, "after_commit", _do_all)
        event.listen(session, "after_rollback", _forget)
    session.info[WAITING].append(do)


def _do_all(session: Session) -> None:
    waiting = list(session.info[WAITING])
    _forget(session)
    for do in waiting:
        do()


def _forget(session: Session) -> None:
    session.info[WAITING].clear()
