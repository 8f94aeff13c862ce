"""A client's connection, and what of its next request has come in."""

from __future__ import annotations

import socket
import ssl
import time
from enum import Enum
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders, UnsupportedTransferCoding
from gunicorn.http.message import Request

from dcapi.serving.body import Ahead, BodyRoom, ChunkedBody, IncomingBody, NeedMore
from dcapi.serving.outbox import NOT_NOW, Outbox
from dcapi.serving.refusals import UNSUPPORTED_VERSION, Refused

# Bytes that are read at a time, and of the largest head.
CHUNK = 64 * 1024
LONGEST_HEAD = 128 * 1024
END_OF_HEAD = b"\r\n\r\n"
VERSIONS = ((1, 0), (1, 1))
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Stage(Enum):
    """Where a connection is. Nothing of a request is known before its head is whole."""

    HANDSHAKE = "handshake"
    HEAD = "head"
    BODY = "body"
    WAITING = "waiting"  # for the turn of a writer
    WORKING = "working"  # a thread has it
    ANSWERING = "answering"
    IDLE = "idle"


class Connection:
    """Used by the main loop, and by a thread while it works on the request: never by both at once."""

    def __init__(self, sock: socket.socket, client: Any, server: Any) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.stage = Stage.HANDSHAKE
        # When it came to this stage.
        self.since = time.monotonic()
        # What was read and belongs to no request yet, and how much of it gunicorn's parser has seen.
        self.ahead = bytearray()
        self._tried = 0
        self.requests = 0
        self.request: Any = None
        self.body: IncomingBody | None = None
        # When all of the request was there.
        self.whole_at = self.since
        self.outbox = Outbox(sock)
        # Whether the main loop waits for something of it.
        self.is_watched = False
        # Whether it is used again after the answer.
        self.keeps = False

    @property
    def address(self) -> str:
        """Of the client, or of the proxy before it; empty for a Unix socket."""
        return str(self.client[0]) if isinstance(self.client, tuple) and self.client else ""

    # -- Reading --

    def read(self) -> bool:
        """Read what is there; returns False at its end. Raises OSError for a connection that is broken."""
        try:
            data = self.sock.recv(CHUNK)
        except NOT_NOW:
            return True
        self.ahead += data
        return bool(data)

    @property
    def has_more(self) -> bool:
        """Whether there is something to read that no selector tells of."""
        return bool(self.ahead) or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0)

    def read_head(self, cfg: Any) -> bool:
        """Let gunicorn parse the head; returns whether it is whole. Raises what it raises, and Refused."""
        if not self._is_worth_trying():
            return False
        self._tried = len(self.ahead)
        ahead = Ahead(bytes(self.ahead))
        try:
            request = Request(cfg, ahead, self.client, self.requests + 1)
        except NeedMore:
            if self._tried > LONGEST_HEAD:
                raise LimitRequestHeaders("the head is too long") from None
            return False
        self.ahead = bytearray(ahead.rest())
        self._tried = 0
        self.requests += 1
        self.request = request
        self._check()
        return True

    def _check(self) -> None:
        """What gunicorn lets pass. Sources: RFC 9110, 15.6.6; RFC 9112, 3.2 and 6.1."""
        if self.request.version not in VERSIONS:
            raise Refused(505, UNSUPPORTED_VERSION)
        if self.request.version == (1, 1) and not any(self.values("HOST")):
            raise Refused(400, "The request names no host: HTTP/1.1 needs the header Host")
        codings = ",".join(self.values("TRANSFER-ENCODING")).lower()
        if codings.strip() not in ("", "chunked"):
            raise UnsupportedTransferCoding(codings)

    def _is_worth_trying(self) -> bool:
        """What is not whole is parsed again when it has doubled: a byte at a time costs little."""
        ended = self.ahead.find(END_OF_HEAD, max(0, self._tried - len(END_OF_HEAD))) >= 0
        return ended or len(self.ahead) >= 2 * self._tried

    def begin_body(self, limit: int, room: BodyRoom) -> None:
        """Raises Refused for a body that is too large."""
        reader = self.request.body.reader
        if isinstance(reader, ChunkedReader):
            self.body = ChunkedBody(reader, limit, room)
        else:
            self.body = IncomingBody(limit, room, reader.length)

    def take_body(self) -> bool:
        """Take what has come of the body; returns whether it is whole. Raises what its framing raises."""
        assert self.body is not None
        self.body.take(self.ahead)
        self.whole_at = time.monotonic()
        return self.body.is_whole

    def invite_body(self) -> None:
        """Tell a client that waits for it that its body is wanted; once."""
        if self.request._expected_100_continue:
            self.request._expected_100_continue = False
            self.outbox.sendall(CONTINUE)
            self.outbox.send_some()

    def values(self, name: str) -> list[str]:
        """Of a header of the request, whose name is in capitals."""
        return [value for header, value in self.request.headers if header == name]

    # -- The end of a request, and of the connection --

    def end_request(self) -> None:
        if self.body is not None:
            self.body.close()
        self.request = self.body = None

    def close(self) -> None:
        self.end_request()
        self.outbox.close()
        self.sock.close()
