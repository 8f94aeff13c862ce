"""What a view asks of the request that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from sqlalchemy.orm import Session

from dcapi.api.database import db
from dcapi.api.disconnects import SITE_HEADER
from dcapi.auth.context import SITE_USER_AGENT, says_it_is_a_site
from dcapi.models.engine import read_only
from dcapi.runtime import Runtime

EXTENSION = "dcapi"
READING_METHODS = frozenset({"GET", "HEAD"})


def runtime() -> Runtime:
    """What the application was built from."""
    built: Runtime = current_app.extensions[EXTENSION]
    return built


def session() -> Session:
    """The session of this request; when the request only reads, it waits for no writer."""
    current = db.session()
    if request.method in READING_METHODS and not current.in_transaction():
        read_only(current)
    return current


def is_forced() -> bool:
    """Whether the query of the URL says ``force=true``."""
    return request.args.get("force", "").lower() == "true"


def says_site(environ: Mapping[str, Any]) -> bool:
    """Whether a request says, in one way or the other, that a site sends it."""
    agent, header = environ.get("HTTP_USER_AGENT"), environ.get("HTTP_USER_HEADER")
    return agent == SITE_USER_AGENT or header == SITE_HEADER[1]


def from_peer() -> bool:
    """Whether the caller says that it is another site: a hint about its intent, no credential."""
    return says_it_is_a_site()
