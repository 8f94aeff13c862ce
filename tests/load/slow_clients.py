"""Clients that are slow or silent beside the traffic, and come back when the site closes them."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import Counter
from contextlib import suppress

from tests.trouble.crowd import HALF_BODY, HALF_HEAD, connect

EACH = 12
# Seconds that the site gives heads, bodies and answers while it is under load; the defaults are longer
# than a short run.
DEADLINE_SECONDS = 5
# Seconds after which a client leaves by itself: a close does not get through to who never reads an answer.
AGE_SECONDS = 4 * DEADLINE_SECONDS
PAUSE = 0.1

SITE_SETTINGS = dict.fromkeys(("HEAD_SECONDS", "BODY_SECONDS", "ANSWER_SECONDS"), str(DEADLINE_SECONDS))
UNREAD = "unread answers"
# So many requests at once that the system does not take all the answers off the site (4 MiB by default).
PIPELINED = 40
KINDS = {
    "half heads": HALF_HEAD,
    "half bodies": HALF_BODY,
    "silent": b"",
    UNREAD: b"GET /v1.0/openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * PIPELINED,
}


class SlowClients:
    """So many of each kind, as long as it is entered; what became of them is counted by kind."""

    def __init__(self, port: int) -> None:
        self.opened: Counter[str] = Counter()
        self.closed_by_site: Counter[str] = Counter()
        self._port = port
        self._open: dict[int, tuple[str, socket.socket, float]] = {}
        self._poll = select.poll()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._stay, name="slow-clients", daemon=True)

    def __enter__(self) -> SlowClients:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        for _kind, sock, _since in self._open.values():
            sock.close()

    def _stay(self) -> None:
        while not self._ending.wait(PAUSE):
            self._leave()
            self._come()

    def _come(self) -> None:
        """Fill up each kind; a site that is down refuses, and is tried again at the next look."""
        there = Counter(kind for kind, _, _ in self._open.values())
        for kind, said in KINDS.items():
            for _ in range(EACH - there[kind]):
                with suppress(OSError):
                    self._add(kind, said)

    def _add(self, kind: str, said: bytes) -> None:
        sock = connect(self._port, narrow=kind == UNREAD)
        try:
            sock.sendall(said)
        except OSError:
            sock.close()
            raise
        self._open[sock.fileno()] = (kind, sock, time.monotonic())
        # Not whether there is something to read: most of them read nothing, whatever comes.
        self._poll.register(sock, select.POLLRDHUP)
        self.opened[kind] += 1

    def _leave(self) -> None:
        for number, _ in self._poll.poll(0):
            self.closed_by_site[self._open[number][0]] += 1
            self._drop(number)
        now = time.monotonic()
        for number in [key for key, (_, _, since) in self._open.items() if now - since > AGE_SECONDS]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._poll.unregister(number)
        self._open.pop(number)[1].close()
