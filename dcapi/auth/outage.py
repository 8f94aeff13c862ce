"""What a site does while a service that it depends on is away: one request finds out, no other one waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from dcapi.errors import Unavailable

Answer = TypeVar("Answer")


class Outage:
    """Keeps threads from waiting, one after the other, for what has just not answered.

    ``answered`` are the exceptions that come with an answer: after any other one the service counts as away,
    until a question gets through again.
    """

    def __init__(self, message: str, answered: tuple[type[Exception], ...]) -> None:
        self._message = message
        self._answered = answered
        self._away = False
        self._finding_out = threading.Lock()

    @property
    def is_on(self) -> bool:
        """Whether the service did not answer when it was asked last."""
        return self._away

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """Ask and return the answer, or raise what the question raises.

        Raises Unavailable at once while the service is away and another thread is finding out whether it is
        back.
        """
        if not self._away:
            return self._noted(question)
        if not self._finding_out.acquire(blocking=False):
            raise Unavailable(self._message)
        try:
            return self._noted(question)
        finally:
            self._finding_out.release()

    def _noted(self, question: Callable[[], Answer]) -> Answer:
        answered = False
        try:
            answer = question()
            answered = True
        except self._answered:
            answered = True
            raise
        finally:
            self._away = not answered
        return answer
