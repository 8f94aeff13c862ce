"""A gunicorn worker whose main loop waits for no client that is slow to hang up.

It answers what the application never gets to see with the error bodies that the application has.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from dcapi.api.errors import UNEXPECTED, Failure, error_body
from dcapi.log import REQUEST_ID_HEADER, new_request_id, request_ids

# Seconds that a client has to hang up after the last answer, and bytes that are read from it meanwhile.
LINGER_SECONDS = 2.0
LINGER_BYTES = 65536
# Seconds between two looks at those that linger.
PAUSE = 0.05
CHUNK = 4096

# Seconds between two tries to load the application.
LOAD_AGAIN_SECONDS = 2.0
# What gunicorn raises of a request → code and text of the answer; the first that fits counts. Nothing of the
# request itself is told: a broken header may be the one with the token.
UNREADABLE: tuple[tuple[type[Exception], int, str], ...] = (
    # The application's fault, and the configuration's.
    (errors.InvalidResponseHeader, 500, UNEXPECTED),
    (errors.InvalidResponseHeaderName, 500, UNEXPECTED),
    (errors.ConfigurationProblem, 500, UNEXPECTED),
    (errors.InvalidRequestLine, 400, "The request line is not HTTP"),
    (errors.InvalidRequestMethod, 400, "The method is not HTTP"),
    (errors.InvalidHTTPVersion, 400, "Unsupported HTTP version"),
    (errors.InvalidHeaderName, 400, "The name of a header is not HTTP"),
    (errors.InvalidHeader, 400, "A header is not HTTP"),
    (errors.ObsoleteFolding, 400, "A header is folded over several lines"),
    (errors.LimitRequestLine, 414, "The request line is too long"),
    (errors.LimitRequestHeaders, 431, "The headers are too many or too long"),
    (errors.ExpectationFailed, 417, "What the request expects cannot be met"),
    (errors.UnsupportedTransferCoding, 501, "The transfer coding is not known here"),
    (errors.ForbiddenProxyRequest, 403, "The proxy is not one that is trusted"),
    (ssl.SSLError, 400, "The request is not TLS"),
    (errors.ParseException, 400, "The request is not HTTP"),
)


class Lingering:
    """Ends connections without hurry: says that nothing more comes, and waits for the client to hang up.

    A connection that is closed at once while something from the client is unread takes the end of the answer
    with it. One thread waits for all of them; the caller waits for none.
    """

    def __init__(self) -> None:
        self._new: SimpleQueue[socket.socket] = SimpleQueue()
        self._selector = selectors.DefaultSelector()
        threading.Thread(target=self._watch, name="lingering", daemon=True).start()

    def end(self, connection: socket.socket) -> None:
        """Send the end, and leave the rest to the thread."""
        try:
            connection.shutdown(socket.SHUT_WR)
            connection.setblocking(False)
        except OSError:
            connection.close()
        else:
            self._new.put(connection)

    def _watch(self) -> None:
        while True:
            if not self._selector.get_map():
                self._add(self._new.get())
            while not self._new.empty():
                self._add(self._new.get())
            for key, _ in self._selector.select(PAUSE):
                self._drain(key)
            self._close_overdue()

    def _add(self, connection: socket.socket) -> None:
        until = time.monotonic() + LINGER_SECONDS
        self._selector.register(connection, selectors.EVENT_READ, [until, LINGER_BYTES])

    def _drain(self, key: selectors.SelectorKey) -> None:
        try:
            read = len(key.fileobj.recv(CHUNK))  # type: ignore[union-attr]
        except BlockingIOError:
            return
        except OSError:
            read = 0
        key.data[1] -= read
        if not read or key.data[1] <= 0:
            self._close(key)

    def _close_overdue(self) -> None:
        now = time.monotonic()
        for key in [key for key in self._selector.get_map().values() if key.data[0] <= now]:
            self._close(key)

    def _close(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        with suppress(OSError):
            key.fileobj.close()  # type: ignore[union-attr]


class Worker(ThreadWorker):
    """The gthread of gunicorn, which waits for such clients in its main loop, where it accepts others."""

    def init_process(self) -> None:
        self.lingering = Lingering()
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, however long that takes to succeed.

        The master found the site in order when it started, so what is in the way now passes: the database
        is away, a file is being edited. And it would end, with all its workers, were one unable to boot.
        """
        while self.alive and self.is_parent_alive():
            try:
                super().load_wsgi()
            except (Exception, SystemExit) as error:  # noqa: BLE001 (wsgi.py exits when a file is broken)
                said = next(iter(str(error).splitlines()), "")
                self.log.warning("the worker cannot start, tries again: %s: %s", type(error).__name__, said)
                self.notify()
                time.sleep(LOAD_AGAIN_SECONDS)
            else:
                return
        sys.exit(0)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that the application did not get, or failed to answer, as every error is."""
        own_id = new_request_id()
        code, text = next(
            ((code, text) for kind, code, text in UNREADABLE if isinstance(exc, kind)), (500, UNEXPECTED)
        )
        with request_ids(own_id):
            if code == 500:
                self.log.error("a request failed outside of the application", exc_info=exc)
            self.log.unread(own_id, addr, code, text)
        with suppress(OSError):
            write_nonblock(client, error_answer(Failure(code, text), own_id, req))

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Called in the main loop when a request was answered."""
        if not isinstance(conn.sock, ssl.SSLSocket):
            conn.close = partial(self._close, conn)
        super().finish_request(conn, fs)

    def _close(self, conn: Any, graceful: bool = False) -> None:
        if graceful:
            self.lingering.end(conn.sock)
        else:
            with suppress(OSError):
                conn.sock.close()


def error_answer(failure: Failure, own_id: str, req: Any) -> bytes:
    """A whole answer for a request of which little is known, or nothing."""
    accepted = ",".join(value for name, value in getattr(req, "headers", ()) if name == "ACCEPT")
    body, content_type = error_body(failure, getattr(req, "path", None) or "", accepted)
    head = (
        f"HTTP/1.1 {failure.code} {failure.title}",
        "Connection: close",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        f"{REQUEST_ID_HEADER}: {own_id}",
    )
    return "\r\n".join([*head, "", ""]).encode() + body
