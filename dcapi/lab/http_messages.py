"""HTTP/1.1 messages on the wire: read whole, kept as they came, looked into as far as a proxy needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BufferedReader

# Answers with these codes have no body, whatever their headers say (RFC 9110, 6.4.1).
BODILESS_CODES = {204, 304}


class BrokenMessageError(Exception):
    """The connection ended, or the text stopped being HTTP, in the middle of a message."""


@dataclass(frozen=True)
class Message:
    """One request or answer: its first line in words, its headers by lower-case name, and its bytes."""

    first_line: tuple[str, str, str]
    headers: dict[str, str]
    head: bytes
    body: bytes = field(repr=False)

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def code(self) -> int:
        """The status code of an answer."""
        return int(self.first_line[1])


def read_request(stream: BufferedReader) -> Message | None:
    """Read one request; None when the connection ended before it began. Raises BrokenMessageError."""
    head = _read_head(stream)
    if not head:
        return None
    first_line, headers = _parsed(head)
    return Message(first_line, headers, head, _read_body(stream, headers, to_the_end=False))


def read_answer(stream: BufferedReader, *, method: str) -> Message:
    """Read the answer to a request of that method. Raises BrokenMessageError, also when there is none."""
    head = _read_head(stream)
    if not head:
        raise BrokenMessageError("the connection ended instead of an answer")
    first_line, headers = _parsed(head)
    if method == "HEAD" or int(first_line[1]) in BODILESS_CODES:
        return Message(first_line, headers, head, b"")
    return Message(first_line, headers, head, _read_body(stream, headers, to_the_end=True))


def answer(code: int, body: bytes, content_type: str = "application/json") -> bytes:
    """The bytes of an answer."""
    head = f"HTTP/1.1 {code} Lab\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _read_head(stream: BufferedReader) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line and head:
            raise BrokenMessageError("the connection ended within a head")
        if not line:
            return b""
        head += line
    return head


def _parsed(head: bytes) -> tuple[tuple[str, str, str], dict[str, str]]:
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2:
        raise BrokenMessageError(f"no HTTP: {first[:80]!r}")
    headers = (line.partition(":") for line in rest)
    named = {name.strip().lower(): value.strip() for name, _, value in headers}
    return (words[0], words[1], words[2] if len(words) > 2 else ""), named


def _read_body(stream: BufferedReader, headers: dict[str, str], *, to_the_end: bool) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _read_chunks(stream)
    if "content-length" in headers:
        return _read_exactly(stream, int(headers["content-length"]))
    return stream.read() if to_the_end else b""


def _read_chunks(stream: BufferedReader) -> bytes:
    body = b""
    while True:
        line = stream.readline()
        body += line
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise BrokenMessageError(f"no chunk size: {line[:80]!r}") from error
        if size == 0:
            return body + _read_trailer(stream)
        body += _read_exactly(stream, size + len(b"\r\n"))


def _read_trailer(stream: BufferedReader) -> bytes:
    trailer = b""
    while not trailer.endswith(b"\r\n"):
        trailer += stream.readline() or b"\r\n"
    return trailer


def _read_exactly(stream: BufferedReader, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise BrokenMessageError(f"the connection ended {size - len(body)} bytes early")
    return body
