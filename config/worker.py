"""A gunicorn worker whose main loop waits for no client that is slow to hang up."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# Seconds that a client has to hang up after the last answer, and bytes that are read from it meanwhile.
LINGER_SECONDS = 2.0
LINGER_BYTES = 65536
# Seconds between two looks at those that linger.
PAUSE = 0.05
CHUNK = 4096


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
