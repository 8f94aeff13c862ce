"""The body of a request, as it comes in: kept until it is whole, in memory or in a file."""

from __future__ import annotations

import threading
from contextlib import suppress
from io import BytesIO
from typing import IO

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ChunkMissingTerminator
from gunicorn.http.unreader import Unreader

from dcapi.serving.refusals import Refused
from dcapi.serving.temporary_files import temporary_file

# Bytes of a body that are kept in memory; more lie in a file.
IN_MEMORY = 1024 * 1024
# Bytes of the trailers after the last chunk, which are parsed again whenever more of them has come.
LONGEST_TRAILERS = 16 * 1024
TOO_MANY_BODIES = "Too many large requests at once, please try again."
CRLF = b"\r\n"


class NeedMore(Exception):
    """What has come so far is not all of it."""


class Ahead(Unreader):
    """Gives gunicorn's parser what was read ahead, and says when that is not enough."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def chunk(self, size_hint: int | None = None) -> bytes:  # noqa: ARG002 (gunicorn's)
        data, self._data = self._data, b""
        if not data:
            raise NeedMore
        return data

    def rest(self) -> bytes:
        """What the parser has not used."""
        return bytes(self.take_buffered()) + self._data


class BodyRoom:
    """How many bytes all bodies of a worker may take that are not whole yet, or being worked on."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Raises Refused when there is no room for so many more."""
        with self._lock:
            if self._used + size > self._limit:
                raise Refused(503, TOO_MANY_BODIES)
            self._used += size

    def give_back(self, size: int) -> None:
        with self._lock:
            self._used -= size


class IncomingBody:
    """A body of known length, or none; takes it out of what was read."""

    def __init__(self, limit: int, room: BodyRoom, length: int = 0) -> None:
        """``limit``: bytes of the largest body. Raises Refused for one that announces more."""
        self.size = 0
        # When its speed was looked at, and its size then.
        self._seen: tuple[float, int] | None = None
        self._limit = limit
        self._room = room
        self._left = length
        self._file: IO[bytes] = BytesIO()
        if length > limit:
            raise self._too_large()

    @property
    def is_whole(self) -> bool:
        return not self._left

    def take(self, ahead: bytearray) -> None:
        """Take out what belongs to it. Raises Refused."""
        data = bytes(ahead[: self._left])
        del ahead[: self._left]
        self._left -= len(data)
        if data:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self.size + len(data) > self._limit:
            raise self._too_large()
        self._room.take(len(data))
        self.size += len(data)
        try:
            if isinstance(self._file, BytesIO) and self.size > IN_MEMORY:
                kept, self._file = self._file, temporary_file()
                self._file.write(kept.getvalue())
            self._file.write(data)
        except OSError as error:  # the disk is full, or no file is left
            raise Refused(503, TOO_MANY_BODIES) from error

    def is_slow(self, now: float, rate: float, every: float) -> bool:
        """Whether less than ``rate`` bytes a second have come since the last look; however often it is
        asked, it looks ``every`` so many seconds."""
        if self._seen is None:
            self._seen = now, self.size
        since, size = self._seen
        if now - since < every:
            return False
        self._seen = now, self.size
        return self.size - size < rate * (now - since)

    def _too_large(self) -> Refused:
        return Refused(413, f"The body is larger than {self._limit} bytes")

    def reader(self) -> IO[bytes]:
        """The whole body, as a file that is read from its beginning."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give its room back; more than once does no harm."""
        self._room.give_back(self.size)
        self.size = 0
        self._file.close()


class ChunkedBody(IncomingBody):
    """A body in chunks; gunicorn's own functions say how a chunk begins and how the last one ends."""

    def __init__(self, reader: ChunkedReader, limit: int, room: BodyRoom) -> None:
        super().__init__(limit, room)
        self._reader = reader
        reader.limit_trailer_section = LONGEST_TRAILERS
        self._ended = False
        # Whether the line break after a chunk is next.
        self._at_break = False

    @property
    def is_whole(self) -> bool:
        return self._ended

    def take(self, ahead: bytearray) -> None:
        """Take out the chunks that are there. Raises Refused, and what gunicorn raises of a wrong one."""
        at = 0
        with suppress(NeedMore):
            while not self._ended:
                at = self._take_piece(ahead, at)
        # A line that is not whole is read again.
        del ahead[:at]

    def _take_piece(self, ahead: bytearray, at: int) -> int:
        """Take the next piece, from this position on; returns the position after it. Raises NeedMore."""
        if self._left:
            end = min(at + self._left, len(ahead))
            if end == at:
                raise NeedMore
            self._write(bytes(ahead[at:end]))
            self._left -= end - at
            self._at_break = not self._left
            return end
        if self._at_break:
            return self._skip_break(ahead, at)
        return self._begin_chunk(ahead, at)

    def _skip_break(self, ahead: bytearray, at: int) -> int:
        found = bytes(ahead[at : at + 2])
        if not CRLF.startswith(found):
            raise ChunkMissingTerminator(found)
        if found != CRLF:
            raise NeedMore
        self._at_break = False
        return at + 2

    def _begin_chunk(self, ahead: bytearray, at: int) -> int:
        end = ahead.find(CRLF, at)
        line = bytes(ahead[at : end + 2]) if end >= 0 else bytes(ahead[at:])
        # After the last chunk its trailers follow, else its data: no business of this.
        is_last = end >= 0 and line.lstrip(b"0")[:1] in (b"\r", b";", b" ", b"\t")
        rest = Ahead(bytes(ahead[end + 2 :]) if is_last else b"")
        self._left, _ = self._reader.parse_chunk_size(rest, line)
        if self._left:
            return end + 2
        self._ended = True
        return len(ahead) - len(rest.rest())
