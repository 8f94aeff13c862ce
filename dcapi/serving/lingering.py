"""Ends connections without hurry, on a thread of its own."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress
from queue import SimpleQueue

# Seconds that a client has to hang up after the last answer, and bytes that are read from it meanwhile.
LINGER_SECONDS = 2.0
LINGER_BYTES = 65536
# Seconds between two looks at those that linger.
PAUSE = 0.05
CHUNK = 4096


class Lingering:
    """Says that nothing more comes, and waits for the client to hang up.

    A connection that is closed at once while something from the client is unread takes the end of the answer
    with it. One thread waits for all of them; the caller waits for none.
    """

    def __init__(self) -> None:
        self._new: SimpleQueue[socket.socket] = SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._count = 0
        threading.Thread(target=self._watch, name="lingering", daemon=True).start()

    def __len__(self) -> int:
        """How many linger: each still has its file."""
        return self._count

    def end(self, connection: socket.socket) -> None:
        """Send the end, and leave the rest to the thread. The connection must not block."""
        try:
            if isinstance(connection, ssl.SSLSocket):
                _say_end_of_tls(connection)
            connection.shutdown(socket.SHUT_WR)
            connection.setblocking(False)
        except OSError:
            connection.close()
        else:
            self._count += 1
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
            # As it comes: of a TLS connection nobody wants to know what is in it.
            read = len(socket.socket.recv(key.fileobj, CHUNK))  # type: ignore[arg-type]
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
        self._count -= 1
        with suppress(OSError):
            key.fileobj.close()  # type: ignore[union-attr]


def _say_end_of_tls(connection: ssl.SSLSocket) -> None:
    """Without it a client could not tell an end from a cut; its own is not waited for."""
    with suppress(OSError, ValueError):
        connection.unwrap()
