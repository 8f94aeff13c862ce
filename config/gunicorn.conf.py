# ruff: noqa: N999 (the name is the one that gunicorn's users look for)
"""How gunicorn serves a site; everything that differs between sites comes from its DCAPI_* environment.

A worker's threads, its job pool and its reconciler belong together: they start once the worker is forked (a
thread does not survive a fork, so the application is never preloaded) and are drained before the worker ends.
"""

from __future__ import annotations

import gc
import math
import signal
import ssl
import sys
import threading
from queue import SimpleQueue
from types import FrameType
from typing import Any

from gunicorn.util import parse_address

import dcapi
from dcapi.errors import SettingsError
from dcapi.settings import Settings, from_environment, own_url

# What a worker may need, in seconds, besides draining its jobs: the requests that are under way.
REQUESTS_END_SECONDS = 10

PORTS = range(1, 65536)
# With these a site listens, and nobody reaches it by them from elsewhere.
NOT_REACHED = ("0.0.0.0:", "[::]:", ":", "unix:", "fd:")


def _settings() -> Settings:
    try:
        found = from_environment()
        _check_address(found.BIND)
        _check_certificate(found)
    except SettingsError as error:
        sys.exit(f"dcapi: {error}")
    return found


def _check_address(bind: str) -> None:
    """The port has to be there: gunicorn would take one of its own, which the catalogue does not name."""
    try:
        address = parse_address(bind, default_port="")
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"DCAPI_BIND={bind!r} is no address to listen on: {error}") from error
    if isinstance(address, tuple) and address[1] not in PORTS:
        raise SettingsError(f"DCAPI_BIND={bind!r} is no address to listen on: no port has this number")


def _check_certificate(found: Settings) -> None:
    if not found.TLS_CERTIFICATE_FILE:
        return
    try:
        # With a passphrase to try it fails at once, and does not ask a terminal for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            found.TLS_CERTIFICATE_FILE, found.TLS_KEY_FILE or None, password=""
        )
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"DCAPI_TLS_CERTIFICATE_FILE={found.TLS_CERTIFICATE_FILE!r} with "
            f"DCAPI_TLS_KEY_FILE={found.TLS_KEY_FILE!r} cannot be used: {error}"
        ) from error


settings = _settings()

bind = settings.BIND
if settings.TLS_CERTIFICATE_FILE:
    # Read for each connection: one that was renewed counts at once.
    certfile = settings.TLS_CERTIFICATE_FILE
    keyfile = settings.TLS_KEY_FILE or settings.TLS_CERTIFICATE_FILE
# What a proxy says is for dcapi.api.proxies to judge, whatever gunicorn would believe by default.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
workers = settings.WORKERS
worker_class = "config.worker.Worker"
threads = settings.THREADS
# Longer than clients and peers keep an idle connection, so that it is they who close it.
keepalive = 75
# After this gunicorn kills a worker: the jobs must have had their time by then.
graceful_timeout = math.ceil(settings.DRAIN_SECONDS) + REQUESTS_END_SECONDS
control_socket_disable = True
# What a worker writes is for this site's user alone.
umask = 0o077
proc_name = f"dcapi {settings.SITE_NAME}"

loglevel = settings.LOG_LEVEL.lower()
errorlog = "-"
accesslog = "-"
logger_class = "config.logs.Logger"


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
    if not settings.PUBLIC_URL and settings.BIND.startswith(NOT_REACHED):
        told = own_url(settings)
        server.log.warning(
            "DCAPI_PUBLIC_URL is not set: peers are told %s, and will not find this site", told
        )
    try:
        dcapi.prepare(settings)
    except (SettingsError, OSError) as error:
        sys.exit(f"dcapi: {error}")


def post_worker_init(worker: Any) -> None:
    """Start the background work of a worker, which has loaded its application."""
    # What is loaded by now stays: to look through it for garbage would hold up a request every now and then.
    gc.collect()
    gc.freeze()
    dcapi.start(worker.wsgi)
    worker.draining = Draining(worker)
    worker.draining.begin()


def worker_exit(_server: Any, worker: Any) -> None:
    """Wait until the background work has ended; a worker that never got to start it has none."""
    draining = getattr(worker, "draining", None)
    if draining is not None:
        draining.finish()
