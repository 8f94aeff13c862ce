"""The processes of a playbook on this host: how they are found, and how they are ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

# In the environment of the supervisor, and of what the playbook starts: how they are found again.
SUPERVISOR_MARK = "PLAYBOOK_SUPERVISOR"
TASK_MARK = "PLAYBOOK_RUN"

# From linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36

# Seconds that processes have to die in after a SIGKILL.
DEATH_SECONDS = 10.0
UNREADABLE = (OSError, ValueError)


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
