"""Servers on loopback that play a peer: every byte of an answer, and every pause, is the test's own."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

TOKEN_PATH = "/v3/auth/tokens"
# Requests, as a server is told what to answer.
LOGIN = f"POST {TOKEN_PATH}"
GROUPS = "GET /v1.0/subcloud-peer-groups"


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Answerer = Callable[[socket.socket, Seen], None]


def answer(
    body: Any = None, status: int = 200, headers: dict[str, str] | None = None, *, raw: bytes | None = None
) -> Answerer:
    """Answer at once, with JSON or with ``raw`` as the body."""
    content = json.dumps(body).encode() if raw is None else raw
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content))} | (headers or {})
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return send(head.encode("latin-1") + b"\r\n" + content)


def send(data: bytes) -> Answerer:
    """Answer these bytes, whatever they are."""

    def write(connection: socket.socket, _: Seen) -> None:
        connection.sendall(data)

    return write


def drip(start: bytes, byte: bytes = b"x", pause: float = 0.02) -> Answerer:
    """Send ``start`` at once, then one byte after the other until the other side gives up."""

    def write(connection: socket.socket, _: Seen) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(byte)
            time.sleep(pause)

    return write


def cut(data: bytes = b"") -> Answerer:
    """Send ``data`` and close the connection."""

    def write(connection: socket.socket, _: Seen) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    return write


def reset() -> Answerer:
    """Reset the connection without a word."""

    def write(connection: socket.socket, _: Seen) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise ConnectionAbortedError

    return write


def silence(released: threading.Event) -> Answerer:
    """Say nothing until released."""

    def wait(connection: socket.socket, _: Seen) -> None:
        released.wait(10)
        raise ConnectionAbortedError

    return wait


class PeerServer:
    """A peer on a free port. ``answers`` maps "METHOD /path" to what is done about such a request.

    Unless told otherwise it logs everybody in, with tokens ``token-1``, ``token-2``, …, and knows no path.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: dict[str, Answerer] = {f"POST {TOKEN_PATH}": self._log_in}
        self.seen: list[Seen] = []
        self.logins = 0
        self.released = threading.Event()
        self._pause = 0.0
        self.catalogue: Any = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.catalogue = catalogue(self.url)
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"{self.url}/v3"

    def asked(self) -> list[str]:
        with self._lock:
            return [f"{seen.method} {seen.path}" for seen in self.seen]

    def read_later(self, seconds: float) -> None:
        """From now on wait between the head of a request and its body."""
        self._pause = seconds

    def connections(self) -> int:
        """Connections that were made to it so far."""
        with self._lock:
            return len(self._open)

    def last(self) -> Seen:
        with self._lock:
            return self.seen[-1]

    def __enter__(self) -> PeerServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _shut(connection)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open.append(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as reader:
                while self._serve_one(connection, reader):
                    pass
        except OSError:
            connection.close()

    def _serve_one(self, connection: socket.socket, reader: Any) -> bool:
        first = reader.readline().split()
        if len(first) < 2:
            return False
        headers: dict[str, str] = {}
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if self._pause and self.released.wait(self._pause):
            return False
        body = reader.read(int(headers.get("content-length", "0")))
        seen = Seen(first[0].decode(), first[1].decode(), headers, body)
        with self._lock:
            self.seen.append(seen)
        self.answers.get(f"{seen.method} {seen.path}", UNKNOWN)(connection, seen)
        return True

    def _log_in(self, connection: socket.socket, seen: Seen) -> None:
        with self._lock:
            self.logins += 1
            headers = {"X-Subject-Token": f"token-{self.logins}"}
        answer(token_body(self.catalogue), 201, headers)(connection, seen)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def catalogue(url: str, manager_path: str = "/v1.0", platform_path: str = "/v1") -> list[dict[str, Any]]:
    """A token's catalogue as sites have it: each service in several regions and interfaces."""
    return [
        {"type": "identity", "name": "keystone", "endpoints": [endpoint(f"{url}/v3", "RegionOne")]},
        {
            "type": "dcmanager",
            "name": "dcmanager",
            "endpoints": [
                endpoint("http://127.0.0.1:1/v1.0", "SystemController", "internal"),
                endpoint(f"{url}{manager_path}", "SystemController"),
            ],
        },
        {
            "type": "platform",
            "name": "sysinv",
            "endpoints": [
                endpoint("http://127.0.0.1:1/v1", "SystemController"),
                endpoint(f"{url}{platform_path}", "RegionOne"),
            ],
        },
    ]


def endpoint(url: str, region: str, interface: str = "public") -> dict[str, str]:
    return {"url": url, "interface": interface, "region": region, "region_id": region, "id": url}


def token_body(catalogue: Any) -> dict[str, Any]:
    return {
        "token": {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "1", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "catalog": catalogue,
        }
    }


UNKNOWN: Answerer = answer({"code": 404, "title": "Not Found", "description": "No such path"}, 404)


def manager_at(url: str) -> dict[str, object]:
    place = {"url": url, "interface": "public", "region": "SystemController"}
    return {"type": "dcmanager", "endpoints": [place]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def listener_saying(text: bytes) -> Iterator[int]:
    """A port that says the same to whoever comes first, before it is asked."""

    def speak(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(text)
            connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port whose connections are accepted by the system and never read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
