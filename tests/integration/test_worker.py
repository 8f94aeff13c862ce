"""Clients that are slow to hang up hold up nobody, and lose nothing of their answer."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import requests

from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from dcapi.serving import lingering
from dcapi.serving.lingering import Lingering

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
# So many would stop a main loop that waits two seconds for each of them for longer than is bearable.
SLOW_CLIENTS = 8


def is_closed(connection: socket.socket) -> bool:
    return connection.fileno() == -1


def test_clients_that_do_not_hang_up_hold_up_no_other_one(tmp_path: Path) -> None:
    site = LabSite("site-a", tmp_path / "a")
    slow: list[socket.socket] = []
    try:
        site.start()
        for _ in range(SLOW_CLIENTS):
            slow.append(socket.create_connection(("127.0.0.1", site.port.number)))
            slow[-1].sendall(REQUEST)
        for connection in slow:
            assert connection.recv(12) == b"HTTP/1.1 200"
        started = time.monotonic()
        assert requests.get(f"{site.url}/healthz", timeout=30).ok
        assert time.monotonic() - started < lingering.LINGER_SECONDS
    finally:
        for connection in slow:
            connection.close()
        site.close()


def test_a_client_hears_the_end_at_once_and_is_waited_for() -> None:
    here, there = socket.socketpair()
    with there:
        here.sendall(b"the answer")
        Lingering().end(here)
        there.settimeout(5)
        assert there.recv(100) + there.recv(100) == b"the answer"
        there.sendall(b"too late")  # no broken pipe: somebody still reads
        assert not is_closed(here)
        there.shutdown(socket.SHUT_WR)
        wait_until("the connection to be closed", lambda: is_closed(here), within=5)


def test_a_client_that_never_hangs_up_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGER_SECONDS", 0.1)
    here, there = socket.socketpair()
    with there:
        Lingering().end(here)
        wait_until("the connection to be closed", lambda: is_closed(here), within=5)


def test_a_client_that_keeps_sending_is_left() -> None:
    here, there = socket.socketpair()
    with there:
        Lingering().end(here)
        with pytest.raises(OSError):  # noqa: PT011 (a broken pipe or a reset, as the system has it)
            there.sendall(b"x" * 100 * lingering.LINGER_BYTES)
        assert is_closed(here)


def test_a_connection_that_is_broken_already_is_closed() -> None:
    here = socket.socket()
    Lingering().end(here)
    assert is_closed(here)
