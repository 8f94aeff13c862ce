"""Questions that many may have at once and that are asked once: all who wait get the one answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from dcapi.log import carrying_ids

Answer = TypeVar("Answer")


def in_background(work: Callable[[], Answer]) -> Future[Answer]:
    """Do work on a thread of its own; nobody has to wait for its end, the process neither."""
    future: Future[Answer] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 (whoever waits gets it)
            future.set_exception(error)

    threading.Thread(target=carrying_ids(do), name="question", daemon=True).start()
    return future


class SharedQuestions(Generic[Answer]):
    """Under each key at most one question is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Future[Answer | None]] = {}

    def ask(self, key: int, find_out: Callable[[], Answer | None], seconds: float) -> Answer | None:
        """What ``find_out`` says, called for this caller or for one who has asked already.

        None when it finds nothing, or does not return within ``seconds``. That there is nothing is believed
        only when the question was asked after this call came; else it is asked once more.
        """
        deadline = time.monotonic() + seconds
        for _ in range(2):
            question, is_own = self._join(key, find_out)
            try:
                answer = question.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return None
            if answer is not None or is_own:
                return answer
        return None

    def _join(self, key: int, find_out: Callable[[], Answer | None]) -> tuple[Future[Answer | None], bool]:
        """The open question, asked by this call if there was none."""
        with self._lock:
            known = self._open.get(key)
            if known is None:
                self._open[key] = in_background(lambda: self._find_out(key, find_out))
            return self._open[key], known is None

    def _find_out(self, key: int, find_out: Callable[[], Answer | None]) -> Answer | None:
        try:
            return find_out()
        finally:
            # Before anybody hears of it: who comes from now on asks anew.
            with self._lock:
                del self._open[key]
