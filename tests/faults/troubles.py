"""What can befall the bytes of a request and of its answer on the way between two sites."""

from __future__ import annotations

import random
import socket
import threading
import time

from tests.faults.pace import PACE, paced_range

PIECE = 512
DELAY_SECONDS = paced_range(0.05, 1.5)


class Broken(Exception):
    """The connection ends here, with a reset or as if the other side had closed it."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("reset" if reset else "closed")
        self.reset = reset


class Trouble:
    """Befalls a ``share`` of the requests that come while it lasts. This one does nothing."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.lifted = threading.Event()

    def before(self, site: socket.socket, request: bytes) -> None:
        """Called with a whole request before it is delivered; raises Broken when it is not to be."""

    def after(self, client: socket.socket, answer: bytes) -> None:
        """Called with a whole answer, to deliver it."""
        client.sendall(answer)

    def __str__(self) -> str:
        return type(self).__name__


class Delay(Trouble):
    """Both directions take longer."""

    def __init__(self, seconds: float, share: float = 1.0) -> None:
        super().__init__(share)
        self.seconds = seconds

    def before(self, _site: socket.socket, _request: bytes) -> None:
        self.lifted.wait(self.seconds)

    def after(self, client: socket.socket, answer: bytes) -> None:
        self.lifted.wait(self.seconds)
        client.sendall(answer)


class BlackHole(Trouble):
    """Takes everything and lets nothing out, in one direction or in both."""

    def __init__(self, *, swallows_requests: bool, share: float = 1.0) -> None:
        super().__init__(share)
        self.swallows_requests = swallows_requests

    def before(self, _site: socket.socket, _request: bytes) -> None:
        if self.swallows_requests:
            self.lifted.wait()
            raise Broken

    def after(self, _client: socket.socket, _answer: bytes) -> None:
        self.lifted.wait()
        raise Broken


class Reset(Trouble):
    """Resets the connection before the request arrives, or after it did."""

    def __init__(self, *, after_arrival: bool, share: float) -> None:
        super().__init__(share)
        self.after_arrival = after_arrival

    def before(self, _site: socket.socket, _request: bytes) -> None:
        if not self.after_arrival:
            raise Broken(reset=True)

    def after(self, _client: socket.socket, _answer: bytes) -> None:
        raise Broken(reset=True)


class Cut(Trouble):
    """Lets half of a request, or half of an answer, through and ends the connection."""

    def __init__(self, *, cuts_request: bool, share: float) -> None:
        super().__init__(share)
        self.cuts_request = cuts_request

    def before(self, site: socket.socket, request: bytes) -> None:
        if self.cuts_request:
            site.sendall(request[: len(request) // 2])
            raise Broken

    def after(self, client: socket.socket, answer: bytes) -> None:
        client.sendall(answer[: len(answer) // 2])
        raise Broken


class Narrow(Trouble):
    """A line of little bandwidth, in bytes a second."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def before(self, _site: socket.socket, request: bytes) -> None:
        self.lifted.wait(len(request) / self.rate)

    def after(self, client: socket.socket, answer: bytes) -> None:
        for start in range(0, len(answer), PIECE):
            if not self.lifted.is_set():
                time.sleep(PIECE / self.rate)
            client.sendall(answer[start : start + PIECE])


def random_trouble(chance: random.Random) -> Trouble:
    """One of all, each as likely."""
    share = chance.uniform(0.2, 0.8)
    return chance.choice(
        (
            lambda: Delay(chance.uniform(*DELAY_SECONDS)),
            lambda: BlackHole(swallows_requests=True),
            lambda: BlackHole(swallows_requests=False, share=share),
            lambda: Reset(after_arrival=False, share=share),
            lambda: Reset(after_arrival=True, share=share),
            lambda: Cut(cuts_request=True, share=share),
            lambda: Cut(cuts_request=False, share=share),
            lambda: Narrow(chance.uniform(2_000, 20_000) / PACE),
        )
    )()
