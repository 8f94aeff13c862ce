"""What a view asks of the request that it answers."""

from __future__ import annotations

from flask import current_app, request
from sqlalchemy.orm import Session

from dcapi.api.database import db
from dcapi.models.engine import read_only
from dcapi.parts import Parts

EXTENSION = "dcapi"
PEER_USER_AGENT = "dcmanager/1.0"
READING_METHODS = frozenset({"GET", "HEAD"})


def parts() -> Parts:
    """What the application was built from."""
    built: Parts = current_app.extensions[EXTENSION]
    return built


def session() -> Session:
    """The session of this request; when the request only reads, it waits for no writer."""
    current = db.session()
    if request.method in READING_METHODS and not current.in_transaction():
        read_only(current)
    return current


def from_peer() -> bool:
    """Whether the caller says that it is another site: a hint about its intent, no credential."""
    return request.headers.get("User-Agent") == PEER_USER_AGENT
