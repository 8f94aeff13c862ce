"""What gunicorn calls when its processes start and end.

A worker's threads, its job pool and its reconciler belong together: they start once the worker is forked (a
thread does not survive a fork, so the application is never preloaded) and are drained before the worker ends.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from functools import partial
from queue import SimpleQueue
from types import FrameType
from typing import Any

import dcapi
from dcapi.api.request import EXTENSION
from dcapi.errors import SettingsError
from dcapi.preparation import give_up
from dcapi.serving.claim_renewal import ClaimRenewal
from dcapi.settings import from_environment, own_url
from dcapi.site_claim import SiteClaim

# A site can listen on these, but nobody reaches it by them from elsewhere.
NOT_REACHED = ("0.0.0.0:", "[::]:", ":", "unix:", "fd:")


class Draining:
    """Stops a worker's background work, on a thread of its own, as soon as the worker is asked to end.

    Requests that wait for an outcome must hear of it at once: gunicorn calls ``worker_exit`` only after the
    last request was answered.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        # What a signal handler may put into at any moment, unlike an Event.
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._stop_when_asked, name="drain", daemon=True)

    def begin(self) -> None:
        signal.signal(signal.SIGTERM, self._ask)
        self._thread.start()

    def finish(self) -> None:
        self._asked.put(True)
        self._thread.join()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked.put(True)
        self._worker.handle_exit(number, frame)

    def _stop_when_asked(self) -> None:
        self._asked.get()
        dcapi.stop(self._worker.wsgi)


def on_starting(server: Any) -> None:
    """Make what a site has only once (folder, keys, tables, first user) before any worker looks for it."""
    settings = from_environment()
    if not settings.PUBLIC_URL and settings.BIND.startswith(NOT_REACHED):
        told = own_url(settings)
        server.log.warning(
            "DCAPI_PUBLIC_URL is not set: peers are told %s, and will not find this site", told
        )
    try:
        claim = SiteClaim.of(settings)
        prepared = dcapi.prepare(settings, claim=claim)
    except (SettingsError, OSError) as error:
        sys.exit(f"dcapi: {error}")
    server.claim = claim
    server.give_up = partial(give_up, prepared, settings, claim)


def on_exit(server: Any) -> None:
    """Tell the database that this server ended."""
    give_up_claim = getattr(server, "give_up", None)
    if give_up_claim is not None:
        give_up_claim()


def post_fork(server: Any, worker: Any) -> None:
    """Hand a worker what its server wrote into the database, for it to renew."""
    worker.claim = getattr(server, "claim", None)


def post_worker_init(worker: Any) -> None:
    """Start the background work of a worker, which has loaded its application."""
    # What is loaded by now stays: to look through it for garbage would hold up a request every now and then.
    gc.collect()
    gc.freeze()
    dcapi.start(worker.wsgi)
    claim = getattr(worker, "claim", None)
    if claim is not None:
        worker.renewal = ClaimRenewal(claim, worker.wsgi.extensions[EXTENSION].unit_of_work)
        worker.renewal.start()
    worker.draining = Draining(worker)
    worker.draining.begin()


def worker_exit(_server: Any, worker: Any) -> None:
    """Wait until the background work has ended; a worker that never got to start it has none."""
    renewal = getattr(worker, "renewal", None)
    if renewal is not None:
        renewal.stop()
    draining = getattr(worker, "draining", None)
    if draining is not None:
        draining.finish()
