"""What can go wrong on the way to a site: rules that a proxy applies to the requests that they match."""

from __future__ import annotations

import re
import threading
from types import TracebackType
from typing import Self

from dcapi.lab.http_messages import Message, answer
from dcapi.lab.polling import wait_until


class CutError(Exception):
    """The connection ends here: with a reset, or as if the other side had closed it."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "closed")
        self.reset = reset


class Fault:
    """One rule: the requests that it takes, and what happens to them.

    ``method`` is a method or ``*``; ``path`` a regular expression for the whole path (without query).
    The first ``skip`` requests that match are left alone, after ``times`` taken ones so are the others.
    ``on_answer``: the request reaches the site, it is the answer that suffers.
    A fault is a context manager: at the end of the block it is off, and what it kept goes on.
    """

    def __init__(
        self,
        method: str = "*",
        path: str = ".*",
        *,
        skip: int = 0,
        times: int | None = None,
        on_answer: bool = False,
    ) -> None:
        self.method = method
        self.path = re.compile(path)
        self.skip = skip
        self.times = times
        self.on_answer = on_answer
        self.taken = 0
        self._matched = 0
        self._lock = threading.Lock()
        self._released = threading.Event()

    def takes(self, request: Message) -> bool:
        """Say whether this request is one for the fault, and count it."""
        method, target, _ = request.first_line
        if self._released.is_set() or self.method not in ("*", method):
            return False
        if not self.path.fullmatch(target.partition("?")[0]):
            return False
        with self._lock:
            self._matched += 1
            taken = self._matched > self.skip and (self.times is None or self.taken < self.times)
            self.taken += taken
            return taken

    def strike(self) -> bytes | None:
        """Do it on the connection's thread: return to go on, return an answer to give it; raises CutError."""
        raise NotImplementedError

    def wait_taken(self, count: int = 1, *, within: float = 30.0) -> None:
        """Wait until so many requests were taken; raises OverdueError."""
        wait_until(
            f"{count} requests at {self}", lambda: self.taken, lambda taken: taken >= count, within=within
        )

    def release(self) -> None:
        """Let go what is kept, and take no more."""
        self._released.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} {self.method} {self.path.pattern}"


class Stall(Fault):
    """Keeps requests until they are released; then they go on as if nothing had been."""

    def strike(self) -> bytes | None:
        self._released.wait()
        return None


class Delay(Fault):
    """Lets each request wait for a while."""

    def __init__(
        self, seconds: float, method: str = "*", path: str = ".*", *, on_answer: bool = False
    ) -> None:
        super().__init__(method, path, on_answer=on_answer)
        self.seconds = seconds

    def strike(self) -> bytes | None:
        self._released.wait(self.seconds)
        return None


class Hang(Fault):
    """Takes requests and never answers; once released, the connection is closed."""

    def strike(self) -> bytes | None:
        self._released.wait()
        raise CutError(reset=False)


class Close(Fault):
    """Closes the connection instead of answering."""

    def strike(self) -> bytes | None:
        raise CutError(reset=False)


class Reset(Fault):
    """Resets the connection instead of answering."""

    def strike(self) -> bytes | None:
        raise CutError(reset=True)


class Answer(Fault):
    """Answers in the site's place."""

    def __init__(
        self,
        code: int,
        body: bytes = b"",
        method: str = "*",
        path: str = ".*",
        *,
        skip: int = 0,
        times: int | None = None,
        on_answer: bool = False,
    ) -> None:
        super().__init__(method, path, skip=skip, times=times, on_answer=on_answer)
        self.answer = answer(code, body)

    def strike(self) -> bytes | None:
        return self.answer
