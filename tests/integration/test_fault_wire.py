"""What the wire of the fault runs writes down."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from dcapi.lab.polling import wait_until
from tests.faults.troubles import Trouble
from tests.faults.wire import Wire


class HeldAnswer(Trouble):
    """Keeps an answer until it is lifted."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.reached = threading.Event()

    def after(self, client: socket.socket, answer: bytes) -> None:
        self.reached.set()
        self.lifted.wait()
        client.sendall(answer)


@Request.application
def site(_request: Request) -> Response:
    return Response("{}")


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = make_server("127.0.0.1", 0, site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = Wire(("127.0.0.1", server.port))
    made.start()
    try:
        yield made
    finally:
        made.stop()
        server.shutdown()
        thread.join()
        server.server_close()


def test_request_has_ended_once_the_site_answered(wire: Wire) -> None:
    """Otherwise the next write of somebody else would seem to meet it on the way."""
    trouble = HeldAnswer()
    wire.befall(trouble)
    calling = threading.Thread(target=requests.patch, args=(wire.url,), kwargs={"timeout": 30})
    calling.start()
    assert trouble.reached.wait(30)
    [passed] = wire.passed_since(0.0)
    ended = passed.ended
    assert ended is not None
    assert ended <= time.monotonic()
    wire.lift()
    calling.join()
    wait_until("the end of the connection", lambda: passed.code == 200)
    assert passed.ended == ended
