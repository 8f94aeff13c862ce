"""A write of another site counts only while that site waits for its answer.

A worker that stands still, or waits for a lock, may come to a request after its sender has given it up, and
after another worker has served the sender's next one. Served late, the request would undo what is newer by
then, and the sender would never know. So the last thing before a commit is a look for the sender.
"""

from __future__ import annotations

import logging
import socket

from flask import has_request_context, request

from dcapi.errors import Conflict

logger = logging.getLogger(__name__)

# Every call from site to site carries this. Source: "What a site calls on a peer" of the wire contract.
SITE_HEADER = ("User-Header", "distcloud")
# Where gunicorn puts the connection of a request.
CONNECTION = "gunicorn.socket"
GONE = "The site that sent this request has stopped waiting for it: nothing was changed"


def is_from_site() -> bool:
    """Whether the request says that a site sends it, be it judged as another site's or as an operator's."""
    return request.headers.get(SITE_HEADER[0]) == SITE_HEADER[1]


def refuse_when_abandoned() -> None:
    """Raises Conflict, which nobody will read, instead of committing for a site that is not there."""
    if not (has_request_context() and is_from_site()):
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
