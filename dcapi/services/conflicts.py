"""What every service does with a change at its end: see that it fits, write it, commit once."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dcapi.errors import Conflict

TOO_MANY_CALLS = "Too many requests are waiting for a peer site, please try again"
RACE_LOST = "Another request changed the same thing at the same time, please try again"


def flush(session: Session, explain: Callable[[], None]) -> None:
    """Write the pending changes; when a constraint refuses them, say why.

    Two requests may both have looked and found a name free: the constraint lets one of them through. For the
    other ``explain`` looks once more, and raises what it finds; else Conflict is raised.
    """
    try:
        session.flush()
    except IntegrityError as error:
        session.rollback()
        explain()
        raise Conflict(RACE_LOST) from error
