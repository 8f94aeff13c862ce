"""The HTTP server of a site, one thread a request, which can be ended in the middle of everything."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from dcapi.lab.original.api.application import Application
from dcapi.lab.ports import HOST, Port

# Longest time between the end and the thread that waits for connections noticing it, in seconds.
POLL_SECONDS = 0.05


class Server(ThreadedWSGIServer):
    """Serves an application on a port until ``end``."""

    def __init__(self, port: Port, application: Application) -> None:
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        with port.listen() as listening:
            super().__init__(HOST, port.number, application, _Handler, fd=listening.fileno())
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Refuse new connections and cut those that are open; what is under way is not waited for."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that end as they like."""


class _Handler(WSGIRequestHandler):
    """Writes no line for a request; the record has it."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass
