"""How long each request may wait for the database in all: a client, or a site, gives up at ten seconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from dcapi.models.time_budget import waiting_at_most

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Where the server puts how many seconds a whole request waited for a thread, or for its turn to write.
WAITED = "dcapi.waited"
# Seconds that are left for the database however long a request waited before.
LEAST_SECONDS = 1.0


def register(app: Flask, seconds: float) -> None:
    """Let each request wait for the database so many seconds at most. To be called before the request's id
    is given, which stands outside."""
    app.wsgi_app = BoundedWaits(app.wsgi_app, seconds)  # type: ignore[method-assign]


def left_of(seconds: float, environ: WSGIEnvironment) -> float:
    """What is left of these seconds for a request that had to wait before, and never nothing."""
    return max(seconds - float(environ.get(WAITED, 0.0)), LEAST_SECONDS)


class BoundedWaits:
    """A middleware: what it lets pass has so much time for the database, the end of its session included."""

    def __init__(self, within: WSGIApplication, seconds: float) -> None:
        self._within = within
        self._seconds = seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with waiting_at_most(left_of(self._seconds, environ)):
            return self._within(environ, start_response)
