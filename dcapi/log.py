"""What every line of the log carries: the id of the request that it belongs to."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar

from dcapi.settings import Settings

# The request that is being served, or the one that a job was submitted in; empty outside of both.
request_id: ContextVar[str] = ContextVar("request_id", default="")

LOGGER = "dcapi"
LINE = "%(asctime)s %(levelname)s %(process)d %(name)s [%(request_id)s] %(message)s"


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get() or "-"
        return True


def configure_logging(settings: Settings) -> None:
    """Write the log of this project to standard error, once for a process."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(settings.LOG_LEVEL)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(LINE))
        handler.addFilter(_RequestIdFilter())
        logger.addHandler(handler)
