"""One HTTP request to a peer from its first packet to its last: how far it came, how long it may take.

The socket timeouts of the libraries below count from packet to packet, so that a peer which sends a byte now
and then could hold a request for ever. Here each operation on the socket gets what is left of the whole.
"""

from __future__ import annotations

import contextlib
import io
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.client import HTTPResponse, IncompleteRead
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationParseError, NameResolutionError, NewConnectionError

PIECE = 16 * 1024

# Bytes of the largest answer that lists no members, unless the settings allow larger YAML.
LARGEST_OTHER = 8 * 1024 * 1024
# Brackets and commas of an answer, those in texts too: to tell them apart takes longer than to parse, and a
# member's values are such a text, parsed in their turn.
MOST_VALUES = 2_000_000
# Of a list of members: 4,000 for each of a thousand members.
MOST_VALUES_OF_MEMBERS = 4_000_000


# Why no connection may be made to an address of a host (host, port, address); empty when it may.
Judge = Callable[[str, int, str], str]


class AnswerTooLong(Exception):
    """The peer sends more than is read from it; the text says what was too much."""


TOO_LONG = "the answer is longer than {} bytes"
TOO_MANY_VALUES = "the answer holds more than {} values"


def check_values(body: bytes, limits: Limits) -> None:
    """Raises AnswerTooLong when a body would take far more memory as values than as bytes."""
    if body.count(b"[") + body.count(b"{") + body.count(b",") > limits.values:
        raise AnswerTooLong(TOO_MANY_VALUES.format(limits.values))


class AddressRefused(Exception):
    """None of a host's addresses may be called; the text says why."""


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, seconds without a byte, and bytes of one answer.

    ``values`` bounds its brackets and commas, each of which becomes a value of some 50 to 200 bytes.
    """

    connect: float
    read: float
    answer: int
    values: int = MOST_VALUES

    @property
    def request(self) -> float:
        """Seconds that a request may take as a whole."""
        hurry = _hurry.get()
        longest = self.connect + self.longest_read
        return longest if hurry is None else min(hurry, longest)

    @property
    def longest_read(self) -> float:
        """Seconds without a byte that this thread puts up with."""
        return max(self.read, _patience.get())


@dataclass
class Exchange:
    """How far one request came; made when it starts."""

    limits: Limits
    judge: Judge
    started: float = field(default_factory=time.monotonic)
    # Whether the connection was made for this request; else it was kept from an earlier one.
    fresh: bool = False
    # Whether any byte of the request may have left, and how many bytes came back.
    sent: bool = False
    received: int = 0
    # Whether the peer closed its side while more was wanted from it.
    ended: bool = False

    def left(self, at_most: float) -> float:
        """Seconds that the next step may take; raises TimeoutError when none are left."""
        left = self.started + self.limits.request - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not done within {self.limits.request:g} s")
        return min(left, at_most)

    def count(self, size: int) -> None:
        self.received += size
        self.ended = self.ended or size == 0
        if self.received > self.limits.answer:
            raise AnswerTooLong(TOO_LONG.format(self.limits.answer))


_current: ContextVar[Exchange] = ContextVar("exchange")

# Seconds that each request of this thread may take as a whole, when that is less than the limits say.
_hurry: ContextVar[float | None] = ContextVar("hurry", default=None)


# Seconds without a byte that this thread puts up with, when that is more than the limits say.
_patience: ContextVar[float] = ContextVar("patience", default=0.0)


@contextlib.contextmanager
def taking_up_to(seconds: float) -> Iterator[None]:
    """Let each request that this thread sends in the block take so many seconds, connecting included."""
    token = _patience.set(seconds)
    try:
        with within(seconds):
            yield
    finally:
        _patience.reset(token)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let each request that this thread sends in the block end within so many seconds."""
    token = _hurry.set(seconds)
    try:
        yield
    finally:
        _hurry.reset(token)


def hurry() -> float | None:
    """Seconds that this thread gives each of its requests, None when that is no less than the limits say."""
    return _hurry.get()


@contextlib.contextmanager
def exchange_of(limits: Limits, judge: Judge) -> Iterator[Exchange]:
    """Bind what this thread does on connections in the block to a new exchange."""
    exchange = Exchange(limits, judge)
    token = _current.set(exchange)
    try:
        yield exchange
    finally:
        _current.reset(token)


class _BoundedReader(io.RawIOBase):
    """Reads from a socket, each time for at most what the exchange has left."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._source = source
        self._socket = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._exchange.left(self._exchange.limits.read))
        size = self._source.readinto(buffer)
        self._exchange.count(size or 0)
        return int(size or 0)

    def close(self) -> None:
        self._source.close()
        super().close()


class _BoundedSocket:
    """The one thing that http.client asks of a socket when it reads an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        source: Any = self._socket.makefile(mode, buffering=0)  # type: ignore[call-overload]
        return io.BufferedReader(_BoundedReader(source, self._socket, _current.get()))


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_BoundedSocket(sock), *args, **options)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Read the head; one that is cut in the middle passes for a whole one in the base class."""
        super().begin()
        if _current.get().ended:
            raise IncompleteRead(b"")


class _BoundedConnection(HTTPConnection):
    """A connection that belongs, in turn, to the exchange of the thread that uses it."""

    response_class = _BoundedResponse

    def _new_conn(self) -> socket.socket:
        exchange = _current.get()
        exchange.fresh = True
        try:
            sock = self._connected(exchange)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            raise NewConnectionError(self, f"cannot connect: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def _connected(self, exchange: Exchange) -> socket.socket:
        """Try the addresses of the host that may be called, one by one, all within the time to connect."""
        until = time.monotonic() + exchange.limits.connect
        failure = OSError("the name has no address")
        for family, kind, protocol, _, address in self._allowed(exchange):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(exchange.left(max(until - time.monotonic(), 0.001)))
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                # What is left of the time to connect is for a TLS handshake.
                sock.settimeout(exchange.left(max(until - time.monotonic(), 0.001)))
                return sock
        raise failure

    def _allowed(self, exchange: Exchange) -> list[Any]:
        """The addresses that may be called, of one look at the name: what was judged is what is called."""
        found = self._addresses()
        objections = [exchange.judge(self.host, self.port, address[0]) for *_, address in found]
        if found and all(objections):
            raise AddressRefused(objections[0])
        return [one for one, wrong in zip(found, objections, strict=True) if not wrong]

    def _addresses(self) -> list[Any]:
        try:
            return socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise LocationParseError(self.host) from None

    def send(self, data: Any) -> None:
        exchange = _current.get()
        if self.sock is None:
            self.connect()
        # A TLS socket counts its timeout for each record, so no piece is longer than one.
        for start in range(0, len(data), PIECE):
            self.sock.settimeout(exchange.left(exchange.limits.request))
            exchange.sent = True
            super().send(data[start : start + PIECE])


class _BoundedTlsConnection(_BoundedConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTlsConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}
