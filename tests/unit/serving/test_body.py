"""Bodies as they come in, in whatever pieces."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkExtension,
    InvalidChunkSize,
    LimitRequestHeaders,
)
from gunicorn.http.message import Request

from dcapi.serving import body
from dcapi.serving.body import Ahead, BodyRoom, ChunkedBody, IncomingBody, NeedMore
from dcapi.serving.refusals import Refused

LIMIT = 1000
CHUNKS = b"5;name=value\r\nhello\r\n0a\r\n, world!\r\n\r\n000\r\nX-Sum: 1\r\n\r\n"
TEXT = b"hello, world!\r\n"
NEXT = b"GET / HTTP/1.1\r\n"


def chunked(room: BodyRoom | None = None, limit: int = LIMIT) -> ChunkedBody:
    head = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader = Request(Config(), Ahead(head), ("127.0.0.1", 1), 1).body.reader
    return ChunkedBody(reader, limit, room or BodyRoom(LIMIT))


def test_the_parser_hears_that_a_head_is_not_whole() -> None:
    with pytest.raises(NeedMore):
        Request(Config(), Ahead(b"GET / HTTP/1.1\r\nHost: he"), ("127.0.0.1", 1), 1)


@pytest.mark.parametrize("size", range(1, len(CHUNKS) + 1))
def test_chunks_in_pieces_of_any_size_make_one_body(size: int) -> None:
    incoming, ahead = chunked(), bytearray()
    for start in range(0, len(CHUNKS), size):
        assert not incoming.is_whole
        ahead += CHUNKS[start : start + size]
        incoming.take(ahead)
    assert incoming.is_whole
    assert incoming.reader().read() == TEXT
    assert not ahead


def test_what_follows_the_last_chunk_is_left_for_the_next_request() -> None:
    ahead = bytearray(CHUNKS + NEXT)
    chunked().take(ahead)
    assert ahead == NEXT


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"five\r\n", InvalidChunkSize),
        (b"\r\n", InvalidChunkSize),
        (b"-1\r\n", InvalidChunkSize),
        (b"0x5\r\n", InvalidChunkSize),
        (b"1" * 9000, InvalidChunkSize),
        (b"5;\x01\r\n", InvalidChunkExtension),
        (b"5\r\nhelloX", ChunkMissingTerminator),
        (b"0\r\n" + b"X: 1\r\n" * 5000, LimitRequestHeaders),
    ],
)
def test_chunks_that_are_none_are_refused(sent: bytes, error: type[Exception]) -> None:
    incoming, ahead = chunked(), bytearray(sent)
    with pytest.raises(error):
        incoming.take(ahead)


def test_chunks_beyond_the_limit_are_refused_before_their_end() -> None:
    with pytest.raises(Refused) as refused:
        chunked(limit=10).take(bytearray(b"ff\r\nhello, world"))
    assert refused.value.failure.code == 413


def test_a_length_beyond_the_limit_is_refused_from_the_head() -> None:
    with pytest.raises(Refused) as refused:
        IncomingBody(LIMIT, BodyRoom(LIMIT), LIMIT + 1)
    assert refused.value.failure.code == 413


def test_a_body_takes_no_more_than_its_length() -> None:
    ahead = bytearray(b"{}" + NEXT)
    incoming = IncomingBody(LIMIT, BodyRoom(LIMIT), 2)
    incoming.take(ahead)
    assert (incoming.is_whole, bytes(ahead)) == (True, NEXT)
    assert incoming.reader().read() == b"{}"


def test_all_bodies_together_have_a_limit() -> None:
    room = BodyRoom(LIMIT)
    first, second = (IncomingBody(LIMIT, room, 600) for _ in range(2))
    first.take(bytearray(600))
    with pytest.raises(Refused) as refused:
        second.take(bytearray(600))
    assert refused.value.failure.code == 503
    assert refused.value.failure.headers == {"Retry-After": "1"}
    first.close()
    first.close()
    second.close()
    third = IncomingBody(LIMIT, room, LIMIT)
    third.take(bytearray(LIMIT))
    assert third.is_whole


def test_a_large_body_lies_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "IN_MEMORY", 10)
    incoming = IncomingBody(LIMIT, BodyRoom(LIMIT), 20)
    incoming.take(bytearray(b"0123456789"))
    assert incoming.reader().read() == b"0123456789"
    incoming.take(bytearray(b"abcdefghij"))
    assert incoming.reader().fileno() > 0
    assert incoming.reader().read() == b"0123456789abcdefghij"
    incoming.close()


def test_a_body_that_finds_no_file_is_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no file is left")

    monkeypatch.setattr(body, "IN_MEMORY", 1)
    monkeypatch.setattr(body, "temporary_file", refuse)
    with pytest.raises(Refused) as refused:
        IncomingBody(LIMIT, BodyRoom(LIMIT), 2).take(bytearray(2))
    assert refused.value.failure.code == 503


def test_a_body_that_stalls_is_slow_however_much_has_come() -> None:
    incoming = IncomingBody(LIMIT, BodyRoom(LIMIT), LIMIT)
    incoming.take(bytearray(500))
    assert not incoming.is_slow(0.0, rate=10, every=10)
    assert not incoming.is_slow(9.0, rate=10, every=10)
    incoming.take(bytearray(100))
    assert not incoming.is_slow(10.0, rate=10, every=10)
    assert incoming.is_slow(20.0, rate=10, every=10)
