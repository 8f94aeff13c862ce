"""What goes wrong on purpose: the lab's faults, applied to what a site serves or sends."""

from __future__ import annotations

import threading
from io import BufferedReader, BytesIO
from typing import TypeVar

from dcapi.lab.faults import Fault
from dcapi.lab.http_messages import Message, read_answer

AnyFault = TypeVar("AnyFault", bound=Fault)


class Failures:
    """The faults of one direction; of several that match a request, the newest one strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: AnyFault) -> AnyFault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def release(self) -> None:
        """Take all of them away and let go what they keep."""
        with self._lock:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.release()

    def of(self, method: str, path: str) -> Fault | None:
        """The fault that takes this request, if one does; it counts the request as taken."""
        request = Message((method, path, "HTTP/1.1"), {}, b"", b"")
        with self._lock:
            return next((fault for fault in reversed(self._faults) if fault.takes(request)), None)


def strike(fault: Fault | None, method: str, *, on_answer: bool) -> Message | None:
    """Let a fault do what it does at this moment: wait, raise CutError, or return an answer to give."""
    if fault is None or fault.on_answer != on_answer:
        return None
    substitute = fault.strike()
    if substitute is None:
        return None
    return read_answer(BufferedReader(BytesIO(substitute)), method=method)
