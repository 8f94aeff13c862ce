"""A small HTTP proxy before a lab site: it records what passes, and lets faults strike.

One thread a connection, one connection to the site for each connection of a client, kept alive as both sides
like. Messages pass unchanged, byte for byte.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from typing import TypeVar

from dcapi.lab.faults import CutError, Fault
from dcapi.lab.http_messages import BrokenMessageError, Message, read_answer, read_request
from dcapi.lab.ports import Port

# Closing a socket with this option resets its connection instead of ending it in good order.
LINGER_ZERO = struct.pack("ii", 1, 0)
# Longest time between a call for the end and a thread that waits for connections noticing it, in seconds.
ACCEPT_SECONDS = 0.2

AnyFault = TypeVar("AnyFault", bound=Fault)


@dataclass
class Exchange:
    """One request that came, and the code that the site answered; None while, or because, it did not."""

    method: str
    path: str
    user_agent: str
    body: bytes = field(repr=False)
    code: int | None = None


class Proxy:
    """Listens on a port of its own and passes requests on to ``site`` (host, port)."""

    def __init__(self, site: tuple[str, int], port: Port | None = None) -> None:
        self.site = site
        self.port = port or Port()
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self._faults: list[Fault] = []
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None

    @property
    def url(self) -> str:
        return self.port.url

    # -- Its life --

    def start(self) -> Proxy:
        """Listen; a proxy that refused connections accepts them again, one that listens goes on."""
        if self._listener is not None:
            return self
        listener = self._listener = self.port.listen()
        listener.settimeout(ACCEPT_SECONDS)
        self._acceptor = self._in_thread(self._accept, listener)
        return self

    def refuse(self) -> None:
        """Refuse new connections, as a machine on which nothing listens, and close those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if self._acceptor is not None:
            self._acceptor.join()
        with self._lock:
            still_open = list(self._sockets)
        for each in still_open:
            _shut(each)

    def stop(self) -> None:
        """End: nothing listens, held requests are let go, the port is given back."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()
        self.refuse()
        self.port.release()

    # -- What tests ask of it --

    def add(self, fault: AnyFault) -> AnyFault:
        """Let a fault strike until it is released; of several that match a request, the newest one does."""
        with self._lock:
            self._faults.append(fault)
        return fault

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[Exchange]]:
        """Give a list that is filled, at the end of the block, with the exchanges that began within it."""
        found: list[Exchange] = []
        begin = len(self.exchanges)
        yield found
        found.extend(self.exchanges[begin:])

    @property
    def exchanges(self) -> list[Exchange]:
        """All that passed since the start, in the order of the requests' arrival."""
        with self._lock:
            return list(self._exchanges)

    # -- What its threads do --

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            client.settimeout(None)
            self._in_thread(self._serve, client)

    def _in_thread(self, work: Callable[[socket.socket], None], on: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=(on,), daemon=True, name=f"proxy {self.port.number}")
        thread.start()
        return thread

    def _serve(self, client: socket.socket) -> None:
        site: socket.socket | None = None
        try:
            with self._watched(client):
                site = socket.create_connection(self.site)
                with self._watched(site):
                    self._relay(client, site)
        except CutError as cut:
            if cut.reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        except (OSError, BrokenMessageError):
            # One of the two went away, as they may at any time; the other one is told by closing.
            pass
        finally:
            client.close()
            if site is not None:
                site.close()

    def _relay(self, client: socket.socket, site: socket.socket) -> None:
        with client.makefile("rb") as from_client, site.makefile("rb") as from_site:
            while _speaks_first(client, site):
                request = read_request(from_client)
                if request is None:
                    return
                exchange, fault = self._noted(request)
                substitute = fault.strike() if fault and not fault.on_answer else None
                if fault and _has_left(client):
                    return
                if substitute is None:
                    site.sendall(request.raw)
                    substitute = self._answered(exchange, fault, from_site)
                client.sendall(substitute)

    def _answered(self, exchange: Exchange, fault: Fault | None, from_site: BufferedReader) -> bytes:
        reply = read_answer(from_site, method=exchange.method)
        exchange.code = reply.code
        substitute = fault.strike() if fault and fault.on_answer else None
        return reply.raw if substitute is None else substitute

    def _noted(self, request: Message) -> tuple[Exchange, Fault | None]:
        method, path, _ = request.first_line
        exchange = Exchange(method, path, request.headers.get("user-agent", ""), request.body)
        with self._lock:
            self._exchanges.append(exchange)
            return exchange, next((fault for fault in reversed(self._faults) if fault.takes(request)), None)

    @contextlib.contextmanager
    def _watched(self, opened: socket.socket) -> Iterator[None]:
        with self._lock:
            if self._listener is None:
                raise CutError(reset=True)
            self._sockets.add(opened)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(opened)


def _speaks_first(client: socket.socket, site: socket.socket) -> bool:
    """Wait between two requests; False when it is the site that stirs: it ends the connection."""
    with selectors.DefaultSelector() as both:
        both.register(client, selectors.EVENT_READ)
        both.register(site, selectors.EVENT_READ)
        stirring = {key.fileobj for key, _ in both.select()}
    return site not in stirring


def _has_left(client: socket.socket) -> bool:
    """Say whether a client went away while its request was kept: that must not arrive after its end."""
    with selectors.DefaultSelector() as one:
        one.register(client, selectors.EVENT_READ)
        if not one.select(timeout=0):
            return False
    return not client.recv(1, socket.MSG_PEEK)


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
