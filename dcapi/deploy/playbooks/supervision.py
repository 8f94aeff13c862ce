"""The supervisors of playbooks, seen from the worker: how one is started, found again and ended."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dcapi.deploy.playbooks import supervisor
from dcapi.deploy.playbooks.folder import PlaybookFolder
from dcapi.deploy.playbooks.supervisor.processes import (
    SUPERVISOR_MARK,
    end_everything,
    is_marked,
    marked_processes,
)

logger = logging.getLogger(__name__)

PROGRAM = Path(supervisor.__file__).with_name("__main__.py")
# What a playbook gets of the service's own environment; the rest is nobody else's business.
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
INHERITED = ("TZ", "SSH_AUTH_SOCK", *PROXIES)
# Seconds that a supervisor has to end in when it is told to.
END_SECONDS = 5.0
# Seconds between two looks for the mark of a process that was just started: mostly it takes less.
MARK_LOOK_SECONDS = 0.001


class Supervisors:
    """The supervisors that this process has started."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, folder: PlaybookFolder, token: str, locks: tuple[int, ...], job: dict[str, Any]) -> None:
        """Start one, which inherits the locks."""
        self._processes[token] = _launch(folder, token, locks, job)

    def end(self, tokens: Iterable[str]) -> None:
        """End these, whoever started them: all are asked, those that go on are killed."""
        asked = [token for token in tokens if ask_to_end(token)]
        deadline = time.monotonic() + END_SECONDS
        for token in asked:
            while is_running(token) and time.monotonic() < deadline:
                time.sleep(0.05)
            end_everything(token)
            self._wait(token)

    def wait(self) -> None:
        """Wait for the ends of all that were ended."""
        for token in list(self._processes):
            self._wait(token)

    def reap(self) -> None:
        """Let no zombies be left of those that have ended."""
        for token, process in list(self._processes.items()):
            if process.poll() is not None:
                self._processes.pop(token, None)

    def _wait(self, token: str) -> None:
        """Wait for the end of one that was ended; one that another worker started is none of ours."""
        process = self._processes.pop(token, None)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)


def ask_to_end(token: str) -> bool:
    """Ask a supervisor to end; returns whether there is one."""
    found = marked_processes(SUPERVISOR_MARK, token)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return bool(found)


def is_running(token: str) -> bool:
    return bool(marked_processes(SUPERVISOR_MARK, token))


def has_ansible() -> bool:
    """Whether the program that plays playbooks is there."""
    return shutil.which("ansible-playbook", path=_path()) is not None


def _path() -> str:
    """The search path of programs, those beside this Python first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _launch(
    folder: PlaybookFolder, token: str, locks: tuple[int, ...], job: dict[str, Any]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 (a list of arguments, and no shell)
        # Isolated, so that nothing but what is installed can be imported.
        [sys.executable, "-I", str(PROGRAM), str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder.path,
        env=_environment(folder, token),
        pass_fds=locks,
        start_new_session=True,
    )
    assert process.stdin is not None
    _wait_for_mark(process, token)
    try:
        with process.stdin as stdin:
            stdin.write(json.dumps(job).encode())
    except BrokenPipeError:  # it died: the next look finds that out
        logger.warning("the process of a playbook died as it began: %s", folder.path)
    return process


def _wait_for_mark(process: subprocess.Popen[bytes], token: str) -> None:
    """Wait until a new process can be found: before that, nobody who wants to end it would see it."""
    deadline = time.monotonic() + END_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_marked(process.pid, SUPERVISOR_MARK, token):
            return
        time.sleep(MARK_LOOK_SECONDS)


def _environment(folder: PlaybookFolder, token: str) -> dict[str, str]:
    """The environment of the process, and of all that the playbook starts on this host."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "LC_ALL": "C.UTF-8",
        "PATH": _path(),
        "HOME": str(folder.work),
        SUPERVISOR_MARK: token,
    }
