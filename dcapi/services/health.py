"""Whether the parts of this process can do their work."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi import audit_log, migrations
from dcapi.runtime import Runtime

READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"
# Parts without which requests are answered: the lines of the audit log go to standard error then.
SPARE = {"audit"}

logger = logging.getLogger(__name__)


def check(open_session: Callable[[], Session], runtime: Runtime) -> dict[str, bool]:
    """Part → whether it works: the database answers, it has every migration, jobs are taken, and the file of
    the audit log is written."""
    database, current = False, False
    try:
        current = migrations.is_current(open_session().connection())
        database = True
    except SQLAlchemyError:
        logger.exception("the database cannot be read")
    return {
        "database": database,
        "migrations": current,
        "executor": not runtime.jobs.stopping,
        "audit": not audit_log.problem(),
    }


def verdict(checks: dict[str, bool]) -> str:
    """What the parts mean for the process: ``ready``, ``degraded`` while it does its work all the same, else
    ``not ready``."""
    broken = {part for part, works in checks.items() if not works}
    if not broken:
        return READY
    return DEGRADED if broken <= SPARE else NOT_READY
