"""Clients that are slow, silent or wrong, many at once."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from dcapi.lab.ports import HOST

# A path of the application that has much to say: importing that would make its keys and users.
LARGE = "/v1.0/large"
HALF_HEAD = b"GET /v1.0/subclouds HTTP/1.1\r\nHost: here\r\nX-Half: "
HALF_BODY = b"POST /v3/auth/tokens HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n\r\n{"
PLAIN = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
UNREAD = b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % LARGE.encode()
# Bytes that the system keeps for a client that reads nothing.
NARROW = 4096
CLIENT_SECONDS = 10


def connect(port: int, *, narrow: bool = False) -> socket.socket:
    sock = socket.socket()
    if narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    sock.settimeout(CLIENT_SECONDS)
    sock.connect((HOST, port))
    return sock


def trusting() -> ssl.SSLContext:
    """A client that believes any certificate: it is this machine's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def first_flight() -> bytes:
    """What a TLS client says first."""
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        trusting().wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


class Crowd:
    """Connections to a site of its own kind each, kept open until the end; ``secure``: it speaks TLS."""

    def __init__(self, port: int, *, secure: bool) -> None:
        self._port = port
        self._secure = secure
        self._context = trusting()
        self._sockets: list[socket.socket] = []
        self._dripping: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for sock in self._sockets:
            sock.close()

    def come(self, kind: str, number: int) -> None:
        """So many clients of a kind, one of ``KINDS`` or ``TLS_KINDS``."""
        for _ in range(number):
            self._sockets.append(KINDS[kind](self))

    def _open(self, data: bytes, *, narrow: bool = False) -> socket.socket:
        sock = connect(self._port, narrow=narrow)
        if self._secure:
            sock = self._context.wrap_socket(sock)
        sock.sendall(data)
        return sock

    def half_head(self) -> socket.socket:
        return self._open(HALF_HEAD)

    def half_body(self) -> socket.socket:
        return self._open(HALF_BODY)

    def unread(self) -> socket.socket:
        return self._open(UNREAD, narrow=True)

    def drip(self) -> socket.socket:
        sock = self._open(HALF_HEAD)
        self._dripping.append(sock)
        return sock

    def silent(self) -> socket.socket:
        return connect(self._port)

    def half_handshake(self) -> socket.socket:
        sock = connect(self._port)
        sock.sendall(first_flight())
        return sock

    def plain(self) -> socket.socket:
        sock = connect(self._port)
        sock.sendall(PLAIN)
        return sock

    def _drip(self) -> None:
        while not self._over.wait(1.0):
            for sock in list(self._dripping):
                with suppress(OSError):
                    sock.send(b"x")


KINDS: dict[str, Callable[[Crowd], socket.socket]] = {
    "half a head": Crowd.half_head,
    "half a body": Crowd.half_body,
    "nothing": Crowd.silent,
    "an answer never read": Crowd.unread,
    "a byte a second": Crowd.drip,
    "half a handshake": Crowd.half_handshake,
    "plain HTTP on the TLS port": Crowd.plain,
}
TLS_ALONE = ("half a handshake", "plain HTTP on the TLS port")
