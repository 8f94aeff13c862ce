"""Whether the parts of this process can do their work."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi import migrations
from dcapi.parts import Parts

logger = logging.getLogger(__name__)


def check(open_session: Callable[[], Session], parts: Parts) -> dict[str, bool]:
    """Part → whether it works: the database answers, it has every migration, jobs are taken."""
    database, current = False, False
    try:
        current = migrations.is_current(open_session().connection())
        database = True
    except SQLAlchemyError:
        logger.exception("the database cannot be read")
    return {"database": database, "migrations": current, "executor": not parts.jobs.stopping}
