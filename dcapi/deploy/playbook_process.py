"""One playbook from its beginning to its end: the process that runs it, apart from the service.

It is started by its path, in a session of its own, and imports nothing of this project: a playbook outlives
the worker that asked for it, and costs no second copy of the service. What is to be done comes as JSON over
standard input, because arguments and environment can be read by others. The lock of the subcloud's folder
comes as an open file; whoever can take that lock knows that no playbook runs there.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

# In the environment of this process, and of those that the playbook starts: how they are found again.
SUPERVISOR_MARK = "PLAYBOOK_SUPERVISOR"
TASK_MARK = "PLAYBOOK_RUN"

# From linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36

DONE, FAILED, CANCELLED = "done", "failed", "cancelled"

MASK = "******"
REASON_LIMIT = 500
# Shorter lines of a secret of many lines are no secrets.
SHORTEST_LINE = 4
# Seconds that processes have to die in after a SIGKILL, and ansible-runner to notice it.
DEATH_SECONDS = 10.0
UNREADABLE = (OSError, ValueError)


# -- Processes --


def marked_processes(mark: str, token: str) -> list[int]:
    """Process ids of this user's processes with this mark in their environment."""
    return [pid for pid in _all_processes() if is_marked(pid, mark, token)]


def is_marked(pid: int, mark: str, token: str) -> bool:
    """Whether a process shows this mark; one that was just started does so a moment later."""
    return f"{mark}={token}".encode() in _environment(pid)


def _all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except UNREADABLE:  # it ended, or is somebody else's
        return []


def _parent(pid: int) -> int | None:
    """None for a process that has ended, though it may still be listed."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except UNREADABLE:
        return None
    return None if state in "ZX" else int(parent)


def _with_descendants(roots: Iterable[int]) -> set[int]:
    """The processes and all that descend from them, whatever environment those have."""
    parents = {pid: _parent(pid) for pid in _all_processes()}
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def adopt_orphans() -> None:
    """Let what loses its parent below this process become its child, so that it can be found."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_tasks(token: str) -> None:
    """Kill whatever the playbook of this process started: each task may have a session of its own."""
    _kill_all(lambda: [*marked_processes(TASK_MARK, token), os.getpid()])


def end_everything(token: str) -> None:
    """Kill a playbook together with the process that runs it."""
    _kill_all(lambda: marked_processes(SUPERVISOR_MARK, token))
    _kill_all(lambda: marked_processes(TASK_MARK, token))


def _kill_all(roots: Callable[[], list[int]]) -> None:
    """Kill these processes and all that descend from them, but for this one, until none is left."""
    deadline = time.monotonic() + DEATH_SECONDS
    while found := _with_descendants(roots()) - {os.getpid()}:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


# -- Secrets --


class Masker:
    """Takes secrets out of texts, in every spelling that ansible's output may give them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        ordered = sorted(spellings, key=len, reverse=True)
        # Ansible breaks long lines, so a secret may go on in the next one.
        patterns = (r"(?:\r?\n)?".join(map(re.escape, spelling)) for spelling in ordered)
        self._pattern = re.compile("|".join(patterns)) if ordered else None
        # Characters of the longest one, with a line end after each of them.
        self._longest = 3 * len(ordered[0]) if ordered else 0

    def mask(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def mask_beginning(self, text: str) -> tuple[str, str]:
        """Mask a text that goes on; returns what is sure by now, and the rest as it is.

        In the rest begins, perhaps, a secret; or one that is there is the beginning of a longer one.
        """
        sure, end, masked = max(len(text) - self._longest, 0), 0, []
        for match in self._pattern.finditer(text) if self._pattern is not None else ():
            if match.start() >= sure:
                break
            masked += [text[end : match.start()], MASK]
            end = match.end()
        masked.append(text[end:sure])
        return "".join(masked), text[max(end, sure) :]


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield from (line for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE)
    for ascii_only in (True, False):
        quoted = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield quoted
        yield json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    yield shlex.quote(secret)
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield base64.b64encode(secret.encode()).decode()


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


# -- What went wrong --


class Diary:
    """Notes what ansible-runner tells of a playbook: the output, and the task that failed last."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._item_message = ""
        self._last_line = ""
        self._error_line = ""
        self.failure = ""

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


# -- The run --


class Watch(threading.Thread):
    """Ends the playbook when it is told to, or when its time is over."""

    def __init__(self, token: str, seconds: float) -> None:
        super().__init__(name="watch", daemon=True)
        self._token = token
        self._seconds = seconds
        self._woken = threading.Event()
        self.outcome = ""
        self.over = False

    def cancel(self, *_signal: object) -> None:
        self.outcome = self.outcome or CANCELLED
        self._woken.set()

    def finish(self) -> None:
        """The playbook is over."""
        self.over = True
        self._woken.set()

    def run(self) -> None:
        if not self._woken.wait(self._seconds):
            self.outcome = FAILED
        while not self.over:
            end_tasks(self._token)
            time.sleep(0.1)


# ansible-runner's own settings. They are read from a file alone: given as an argument, it forgets them.
# Without the first one it would write the output as it is, secrets included, beside ours.
RUNNER_SETTINGS = {"suppress_output_file": True, "suppress_ansible_output": True, "pexpect_timeout": 1}


def _run_playbook(job: dict[str, Any], folder: Path, diary: Diary) -> int:
    """Returns the exit code of ansible-playbook."""
    import ansible_runner  # here, so that a missing one is told like any other failure

    runner = ansible_runner.run(
        private_data_dir=str(folder / "run"),
        project_dir=job["project"],
        playbook=job["playbook"],
        inventory=str(folder / "inventory.yml"),
        cmdline=f"-e {shlex.quote('@' + str(folder / 'run' / 'overrides.yml'))}",
        envvars=job["environment"],
        event_handler=diary.note,
        cancel_callback=lambda: False,
        fact_cache_type="memory",
        suppress_env_files=True,
        quiet=True,
    )
    return int(runner.rc if runner.rc is not None else 1)


def _write_private(path: Path, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(raw)


def _write_result(path: Path, token: str, status: str, reason: str) -> None:
    draft = path.with_name(".result.json")
    _write_private(draft, json.dumps({"token": token, "status": status, "reason": reason}))
    draft.replace(path)


def _play(job: dict[str, Any], folder: Path, masker: Masker, watch: Watch) -> tuple[str, str]:
    """Run the playbook; returns how it ended and why. Nothing secret, and no process, is left behind."""
    with contextlib.ExitStack() as ending:
        control = tempfile.mkdtemp(prefix="playbook-")  # paths of sockets must be short
        ending.callback(shutil.rmtree, control, ignore_errors=True)
        ending.callback(shutil.rmtree, folder / "run", ignore_errors=True)
        job["environment"]["ANSIBLE_SSH_CONTROL_PATH_DIR"] = control
        _write_files(folder, {**job["files"], "run/env/settings": json.dumps(RUNNER_SETTINGS)})
        _write_files(folder, {name: base64.b64decode(text) for name, text in job["uploaded"].items()})
        output = Output(open(job["output"], "w", encoding="utf-8"), masker, job["output_limit"])  # noqa: SIM115
        ending.callback(output.close)
        ending.callback(end_tasks, job["token"])
        ending.callback(watch.finish)
        watch.start()
        diary = Diary(output)
        code = _run_playbook(job, folder, diary)
        status, reason = _judged(code, diary, watch, job["seconds"])
        if status != DONE:
            output.write(f"{Path(job['playbook']).name}: {reason}\n")
    return status, reason


def _write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, text)


def _judged(code: int, diary: Diary, watch: Watch, seconds: float) -> tuple[str, str]:
    if code == 0:
        return DONE, ""
    if watch.outcome == CANCELLED:
        return CANCELLED, "cancelled"
    if watch.outcome == FAILED:
        return FAILED, f"took longer than {seconds:g} s"
    return FAILED, diary.reason


def run(job: dict[str, Any], folder: Path) -> None:
    """Run one playbook and leave its result."""
    os.environ.pop(SUPERVISOR_MARK, None)
    os.environ[TASK_MARK] = job["token"]
    adopt_orphans()
    watch = Watch(job["token"], job["seconds"])
    signal.signal(signal.SIGTERM, watch.cancel)
    masker = Masker(job["secrets"])
    try:
        status, reason = _play(job, folder, masker, watch)
    # The process boundary: whatever happened is what the operator reads.
    except Exception as error:  # noqa: BLE001
        status, reason = FAILED, f"it could not be run: {type(error).__name__}: {error}"
    _write_result(Path(job["result"]), job["token"], status, one_line(masker.mask(reason)))


def main() -> None:
    """``playbook_process.py FOLDER`` with the job on standard input."""
    os.umask(0o077)
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)
    try:
        job = json.load(sys.stdin)
    except ValueError:
        sys.exit("the worker ended before it had told what to do")
    run(job, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
