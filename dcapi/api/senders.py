"""A write of another site counts only while that site waits for its answer.

A request may stay in the hands of a worker that stands still, or wait for a lock, until its sender has given
it up and another worker has done the sender's next one. Done late, it would put back what is newer by then,
and the sender would never hear of it. So the last thing before a commit is a look for the sender.
"""

from __future__ import annotations

import logging
import socket
from typing import Any

from flask import has_request_context, request
from sqlalchemy import event

from dcapi.api.database import db
from dcapi.errors import Conflict

logger = logging.getLogger(__name__)

# Every call from site to site carries this. Source: "What a site calls on a peer" of the wire contract.
SITE_HEADER = ("User-Header", "distcloud")
# Where gunicorn puts the connection of a request.
CONNECTION = "gunicorn.socket"
GONE = "The site that sent this has given it up: nothing was changed"


def watch_senders() -> None:
    """Look before each commit of a request; again does nothing."""
    if not event.contains(db.session, "before_commit", refuse_when_abandoned):
        event.listen(db.session, "before_commit", refuse_when_abandoned)


def refuse_when_abandoned(_session: Any) -> None:
    """Raises Conflict, which nobody will read, instead of committing for a site that is not there."""
    if not has_request_context() or request.headers.get(SITE_HEADER[0]) != SITE_HEADER[1]:
        return
    connection = request.environ.get(CONNECTION)
    if connection is not None and _has_ended(connection):
        logger.warning("%s %s: %s", request.method, request.path, GONE)
        raise Conflict(GONE)


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has closed: then there is an end to be read, and it is not taken out."""
    try:
        # Not the method of a TLS connection, which cannot look without taking.
        return socket.socket.recv(connection, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
