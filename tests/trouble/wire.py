"""A TCP proxy that can leave, swallow, reset and refuse: between a site and its database."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from dcapi.lab.ports import HOST, Port

CHUNK = 65536
# A close that sends a reset instead of an end.
ABORTING = struct.pack("ii", 1, 0)


class Wire:
    """Passes what comes at ``port`` on to another port of this machine, and back.

    Connections stay with the server that they were made to, wherever new ones go by now.
    """

    def __init__(self, target: int) -> None:
        self.port = Port()
        self._target = target
        self._swallowing = False
        self._listener: socket.socket | None = None
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.accept()

    def accept(self) -> None:
        """Take connections, as at the beginning."""
        self._swallowing = False
        if self._listener is None:
            self._listener = self.port.listen()
            threading.Thread(target=self._serve, args=[self._listener], daemon=True).start()

    def move(self, target: int) -> None:
        """Lead new connections to another port."""
        self._target = target

    def swallow(self) -> None:
        """Take everything, from now on, and pass nothing on; also of new connections."""
        self._swallowing = True

    def heal(self) -> None:
        """Pass on again. Connections of which something was swallowed are of no use any more."""
        self.reset()
        self.accept()

    def reset(self) -> None:
        """Cut off all connections, by a reset."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTING)
                end.shutdown(socket.SHUT_RD)
                end.close()

    def refuse(self) -> None:
        """Cut off all connections, and take none."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def close(self) -> None:
        self.refuse()
        self.port.release()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._ends |= {client, server}
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if not self._swallowing:
                    sink.sendall(data)
        if self._swallowing:
            return
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
