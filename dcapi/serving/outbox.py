"""The answer of a request on its way: written by a thread at once, sent as its client takes it."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import IO

from dcapi.serving.temporary_files import temporary_file

# Bytes of an answer that are kept in memory; more lie in a file.
IN_MEMORY = 1024 * 1024
# Bytes that are sent at a time, and of one answer before others have their turn.
PIECE = 256 * 1024
AT_ONCE = 1024 * 1024

NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Outbox:
    """Takes what gunicorn writes to a socket, and sends it without ever waiting.

    Nothing is sent before ``send_some``: an answer that fails on its way can still be taken back as a whole.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._file: IO[bytes] | None = None
        self._piece = memoryview(b"")
        # When something was sent last.
        self.progress = time.monotonic()

    def sendall(self, data: bytes) -> None:
        """Keep this for later; raises OSError when there is no room for it on the disk."""
        if self._file is None and self._size + len(data) > IN_MEMORY:
            with suppress(OSError):  # no file is left: then it stays in memory, as the application had it
                self._file = temporary_file()
        if self._file is not None:
            self._file.write(data)
        else:
            self._parts.append(bytes(data))
        self._size += len(data)

    def take_back(self) -> None:
        """Forget what was written and not sent."""
        self._parts.clear()
        self._size = 0
        self._piece = memoryview(b"")
        self.close()

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def send_some(self) -> bool:
        """Send what the client takes now; returns whether all of it has gone. Raises OSError."""
        left = AT_ONCE
        while left > 0:
            if not self._piece:
                self._piece = memoryview(self._next_piece())
                if not self._piece:
                    self.take_back()
                    return True
            try:
                sent = self._connection.send(self._piece)
            except NOT_NOW:
                return False
            self._piece = self._piece[sent:]
            left -= sent
            self.progress = time.monotonic()
        return False

    def _next_piece(self) -> bytes:
        if self._parts:
            whole = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
            self._parts.clear()
            return whole
        if self._file is None:
            return b""
        if self._size:  # written to the end, read from the beginning
            self._file.seek(0)
            self._size = 0
        return self._file.read(PIECE)
