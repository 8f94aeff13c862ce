"""An answer is written at once, and sent as its client takes it."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.serving import outbox
from dcapi.serving.outbox import Outbox


class SlowSocket:
    """Takes so many bytes, then nothing until it is told otherwise."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""

    def send(self, data: memoryview) -> int:
        if not self.room:
            raise BlockingIOError
        part = bytes(data[: self.room])
        self.room -= len(part)
        self.taken += part
        return len(part)


def outbox_to(client: Any) -> Outbox:
    return Outbox(client)


@pytest.mark.parametrize("in_memory", [4, 1000], ids=["in a file", "in memory"])
def test_a_slow_client_gets_the_whole_answer_in_order(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(outbox, "IN_MEMORY", in_memory)
    client = SlowSocket(0)
    answer = outbox_to(client)
    for part in (b"head", b"body", b"more"):
        answer.sendall(part)
    assert not answer.send_some()
    for _ in range(6):
        client.room = 2
        answer.send_some()
    client.room = 1
    assert answer.send_some()
    assert client.taken == b"headbodymore"


def test_an_outbox_is_used_for_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "IN_MEMORY", 4)
    client = SlowSocket(1000)
    answer = outbox_to(client)
    for part in (b"the first one", b"the second"):
        answer.sendall(part)
        assert answer.send_some()
    assert client.taken == b"the first onethe second"


def test_an_answer_that_fails_on_its_way_is_taken_back() -> None:
    client = SlowSocket(1000)
    answer = outbox_to(client)
    answer.sendall(b"HTTP/1.1 200 OK")
    answer.take_back()
    answer.sendall(b"HTTP/1.1 503")
    assert answer.send_some()
    assert client.taken == b"HTTP/1.1 503"


def test_an_answer_that_finds_no_file_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no file is left")

    monkeypatch.setattr(outbox, "IN_MEMORY", 1)
    monkeypatch.setattr(outbox, "temporary_file", refuse)
    client = SlowSocket(1000)
    answer = outbox_to(client)
    answer.sendall(b"large")
    assert answer.send_some()
    assert client.taken == b"large"


def test_others_have_their_turn_before_a_large_answer_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 4)
    client = SlowSocket(1000)
    answer = outbox_to(client)
    answer.sendall(b"a large one")
    assert not answer.send_some()
