"""What ansible tells of a playbook: the output that is kept, why it failed, and what it found out."""

from __future__ import annotations

from collections import deque
from typing import Any, TextIO

from .masking import Masker

REASON_LIMIT = 500


class Output:
    """The kept output of a playbook: masked, its beginning and its end when the whole is too long."""

    def __init__(self, file: TextIO, masker: Masker, limit: int) -> None:
        self._file = file
        self._masker = masker
        self._room = limit // 2
        self._held = ""
        self._tail: deque[str] = deque()
        self._tail_length = 0
        self._tail_limit = limit // 2
        self._left_out = False

    def write(self, text: str) -> None:
        sure, self._held = self._masker.mask_beginning(self._held + text)
        self._keep(sure)

    def close(self) -> None:
        self._keep(self._masker.mask(self._held))
        if self._left_out:
            self._file.write("\n... output omitted: it was too long ...\n")
        self._file.write("".join(self._tail))
        self._file.close()

    def _keep(self, text: str) -> None:
        now, later = text[: self._room], text[self._room :]
        self._room -= len(now)
        self._file.write(now)
        self._file.flush()
        if later:
            self._tail.append(later[-self._tail_limit :])
            self._left_out = self._left_out or len(later) > self._tail_limit
            self._tail_length += len(self._tail[-1])
        while self._tail_length > self._tail_limit and len(self._tail) > 1:
            self._tail_length -= len(self._tail.popleft())
            self._left_out = True


class Diary:
    """Notes what ansible-runner tells of a playbook: the output, the task that failed last, and the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._item_message = ""
        self._last_line = ""
        self._error_line = ""
        self.failure = ""
        # Whether the playbook came to its end, well or not; one that was killed does not.
        self.ended = False
        # What it set with ``set_stats`` for the whole run.
        self.facts: dict[str, Any] = {}

    def note(self, event: dict[str, Any]) -> bool:
        """ansible-runner's event handler; False lets it keep no file of the event."""
        text = str(event.get("stdout") or "")
        if text:
            self._output.write(text + ("" if text.endswith("\n") else "\n"))
            self._note_lines(text)
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind == "runner_item_on_failed":
            self._item_message = _message(data)
        elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            self._note_failure(data)
        elif kind == "playbook_on_stats":
            self.ended = True
            self.facts = dict(data.get("artifact_data") or {})
        return False

    def _note_failure(self, data: dict[str, Any]) -> None:
        message = self._item_message or _message(data)
        self._item_message = ""
        self.failure = f"task {str(data.get('task') or 'without a name')!r}: {message}"

    def _note_lines(self, text: str) -> None:
        for line in filter(None, map(str.strip, text.splitlines())):
            self._last_line = line
            if line.startswith(("ERROR", "[ERROR]", "fatal:")):
                self._error_line = line

    @property
    def reason(self) -> str:
        """Why the playbook failed; a playbook that cannot be read has no task that failed."""
        return self.failure or self._error_line or self._last_line or "it wrote no output"


def _message(data: dict[str, Any]) -> str:
    result = data.get("res")
    if not isinstance(result, dict):
        return str(result or "no message")
    if "censored" in result:
        return "its message is hidden by no_log"
    message = str(result.get("msg") or result.get("exception") or "no message")
    said = str(result.get("stderr") or result.get("module_stderr") or "").strip()
    return f"{message}: {said.splitlines()[-1]}" if said else message


def one_line(text: str) -> str:
    """The text on one line that is not too long for a list of subclouds."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= REASON_LIMIT else line[: REASON_LIMIT - 3] + "..."
