"""gunicorn's own log, access log included, in the lines of this project's log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from dcapi.errors import SettingsError
from dcapi.log import (
    REQUEST_ID_HEADER,
    accepted_request_id,
    configure_logging,
    dressed,
    fields,
    log_everything,
)
from dcapi.settings import from_environment

# Characters of a value that comes from a client.
LONGEST_VALUE = 512


class Logger(GunicornLogger):
    """Replaces the form of gunicorn's lines, and what it says of a request that was answered."""

    def setup(self, cfg: Any) -> None:
        """Called once in the master, whose workers inherit what is set here."""
        super().setup(cfg)
        settings = from_environment()
        try:
            configure_logging(settings)
        except SettingsError as error:
            sys.exit(f"dcapi: {error}")
        log_everything()
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            dressed(handler, settings)

    def access(self, resp: Any, _req: Any, environ: Mapping[str, Any], request_time: timedelta) -> None:
        """One line for an answer; never with a query, which may hold what is nobody's business."""
        answered = {name.lower(): value for name, value in resp.headers}
        values = {
            "remote_address": environ.get("REMOTE_ADDR") or None,
            "method": environ.get("REQUEST_METHOD"),
            "path": _text(environ.get("PATH_INFO", "")),
            "status": int(str(resp.status).split(None, 1)[0]),
            "bytes": getattr(resp, "sent", None),
            "duration_ms": round(request_time.total_seconds() * 1000, 1),
            "user_agent": _text(environ.get("HTTP_USER_AGENT", "")) or None,
        }
        # The request is over by now, and so is what this thread knew of it.
        ids = {
            "request_id": answered.get(REQUEST_ID_HEADER.lower(), ""),
            "global_request_id": accepted_request_id(environ.get("HTTP_X_OPENSTACK_REQUEST_ID")),
        }
        self.access_log.info("answered", extra=fields(values, **ids))

    def unread(self, own_id: str, address: Any, code: int, reason: str, request: Any = None) -> None:
        """The same for a request that the application never got; ``request``: its head, if it is known."""
        values = {
            "remote_address": address[0] if address else None,
            "method": getattr(request, "method", None),
            "path": _text(getattr(request, "path", None) or "") or None,
            "status": code,
            "reason": reason,
        }
        self.access_log.info("answered", extra=fields(values, request_id=own_id, global_request_id=""))


def _text(value: str) -> str:
    """A text of the environment, whose bytes stand in it as characters (PEP 3333)."""
    return value[:LONGEST_VALUE].encode("latin-1", "replace").decode("utf-8", "replace")
