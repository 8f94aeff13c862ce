"""A TCP proxy between the sites: it records the requests that pass, and troubles befall their bytes."""

from __future__ import annotations

import contextlib
import itertools
import random
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from io import BufferedReader

from dcapi.lab.http_messages import BrokenMessageError, Message, read_answer, read_request
from dcapi.lab.ports import Port
from tests.faults.app import MARK_HEADER
from tests.faults.pace import paced
from tests.faults.record import Mark, Passed
from tests.faults.troubles import Broken, Trouble

LINGER_ZERO = struct.pack("ii", 1, 0)
ACCEPT_SECONDS = 0.2
# A site may take so long to answer a request whose sender has gone; it is recorded until then.
LONGEST_ANSWER = paced(30.0)

Wanted = Callable[[Passed], bool]


class Held:
    """Keeps one request that is wanted until it is released."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.passed: Passed | None = None
        self.taken = threading.Event()
        self.released = threading.Event()

    def release(self) -> None:
        self.released.set()


class Wire:
    """Listens on a port of its own and passes requests on to a site, while no ``trouble`` befalls them."""

    def __init__(self, site: tuple[str, int]) -> None:
        self.site = site
        self.port = Port()
        self.trouble: Trouble | None = None
        self.chance = random.Random(0)
        self._held: list[Held] = []
        self._passed: list[Passed] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._listener = self.port.listen()
        self._open: set[socket.socket] = set()
        self._stopping = False

    @property
    def url(self) -> str:
        return self.port.url

    def start(self) -> None:
        self._listener.settimeout(ACCEPT_SECONDS)
        threading.Thread(target=self._accept, daemon=True, name="wire").start()

    def stop(self) -> None:
        """Close everything and give the port back."""
        self._stopping = True
        self.lift()
        self._listener.close()
        self.cut_all()
        self.port.release()

    def befall(self, trouble: Trouble) -> None:
        """Let a trouble begin; the one before it ends."""
        self.lift()
        self.trouble = trouble

    def lift(self) -> None:
        """End the trouble and let go what it, or somebody, holds."""
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            trouble.lifted.set()
        with self._lock:
            held, self._held = self._held, []
        for each in held:
            each.release()

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        with self._lock:
            still_open = list(self._open)
        for each in still_open:
            _shut(each)

    @contextlib.contextmanager
    def hold(self, wanted: Wanted) -> Iterator[Held]:
        """Hold the next request that is wanted, at most until the end of the block."""
        held = Held(wanted)
        with self._lock:
            self._held.append(held)
        try:
            yield held
        finally:
            held.release()
            with self._lock, contextlib.suppress(ValueError):
                self._held.remove(held)

    def passed_since(self, moment: float) -> list[Passed]:
        with self._lock:
            return [one for one in self._passed if one.came >= moment]

    def forget(self) -> None:
        """Drop the record: what has passed is of no interest any more."""
        with self._lock:
            self._passed = []

    # -- What its threads do --

    def _accept(self) -> None:
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            client.settimeout(None)
            threading.Thread(target=self._serve, args=(client,), daemon=True, name="wire connection").start()

    def _serve(self, client: socket.socket) -> None:
        number = next(self._numbers)
        with client, self._kept_open(client):
            try:
                with socket.create_connection(self.site) as site, self._kept_open(site):
                    site.settimeout(LONGEST_ANSWER)
                    self._relay(number, client, site)
            except Broken as broken:
                if broken.reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            except (OSError, BrokenMessageError):
                # One of the two went away, as it may at any time; the other one is told by closing.
                pass

    @contextlib.contextmanager
    def _kept_open(self, opened: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(opened)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(opened)

    def _relay(self, number: int, client: socket.socket, site: socket.socket) -> None:
        with client.makefile("rb") as from_client, site.makefile("rb") as from_site:
            while client in _stirring(client, site):
                request = read_request(from_client)
                if request is None:
                    return
                passed = self._note(number, request)
                try:
                    self._pass_on(passed, request, client, site, from_site)
                finally:
                    passed.ended = passed.ended or time.monotonic()

    def _pass_on(
        self,
        passed: Passed,
        request: Message,
        client: socket.socket,
        site: socket.socket,
        from_site: BufferedReader,
    ) -> None:
        self._keep(passed)
        trouble = self.trouble
        if trouble is not None and self.chance.random() < trouble.share:
            trouble.before(site, request.raw)
        else:
            trouble = None
        # What its sender has given up must not arrive any more: that is what the sender goes by.
        if _has_left(client):
            passed.abandoned = time.monotonic()
            raise Broken
        site.sendall(request.raw)
        passed.delivered = time.monotonic()
        if site not in _stirring(client, site):
            # As networks do, tell the site that its client has gone; see what it does all the same.
            passed.abandoned = time.monotonic()
            site.shutdown(socket.SHUT_WR)
        reply = read_answer(from_site, method=passed.method)
        # The site is done with it; how long its answer is under way is the wire's matter, and whether anybody
        # waits for that is not seen.
        passed.code, passed.ended = reply.code, time.monotonic()
        if trouble is not None:
            trouble.after(client, reply.raw)
        else:
            client.sendall(reply.raw)

    def _keep(self, passed: Passed) -> None:
        with self._lock:
            held = next(
                (each for each in self._held if not each.taken.is_set() and each.wanted(passed)), None
            )
            if held is None:
                return
            held.passed = passed
            held.taken.set()
        held.released.wait()

    def _note(self, connection: int, request: Message) -> Passed:
        method, target, _ = request.first_line
        mark = Mark.of(request.headers.get(MARK_HEADER.lower(), ""))
        passed = Passed(connection, method, target.partition("?")[0], mark, request.body, time.monotonic())
        with self._lock:
            self._passed.append(passed)
        return passed


def _stirring(*sockets: socket.socket) -> set[object]:
    """Wait until one of the sockets has something to say, or ends; returns those that have."""
    with selectors.DefaultSelector() as both:
        for each in sockets:
            both.register(each, selectors.EVENT_READ)
        return {key.fileobj for key, _ in both.select(LONGEST_ANSWER * 10)}


def _has_left(client: socket.socket) -> bool:
    with selectors.DefaultSelector() as one:
        one.register(client, selectors.EVENT_READ)
        return bool(one.select(timeout=0)) and not client.recv(1, socket.MSG_PEEK)


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
