"""One playbook from its beginning to its end, and the result that it leaves."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .diary import Diary, Output, one_line
from .masking import Masker
from .processes import SUPERVISOR_MARK, TASK_MARK, adopt_orphans, end_tasks

# How a run ended: by itself, well or not; because it was asked to; because its time was over.
DONE, FAILED, CANCELLED, LATE = "done", "failed", "cancelled", "late"


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended, why, and what it found out."""

    status: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Watch(threading.Thread):
    """Ends the playbook when it is told to, or when its time is over; ``outcome`` says which."""

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
            self.outcome = LATE
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


def write_result(path: Path, token: str, outcome: Outcome) -> None:
    """Leave the result of the run with this token; a reader sees all of it, or nothing."""
    draft = path.with_name(f".{token}.result.json")
    _write_private(draft, json.dumps({"token": token, **asdict(outcome)}))
    draft.replace(path)


def _play(job: dict[str, Any], folder: Path, masker: Masker, watch: Watch) -> Outcome:
    """Run the playbook; returns how it ended. Nothing secret, and no process, is left behind."""
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
        outcome = judged(code, diary, watch, job)
        if outcome.status != DONE:
            output.write(f"{Path(job['playbook']).name}: {outcome.reason}\n")
    return outcome


def _write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, text)


def judged(code: int, diary: Diary, watch: Watch, job: Mapping[str, Any]) -> Outcome:
    """How it ended; one that came to its end by itself was not ended, whoever asked for that."""
    if code == 0:
        return Outcome(DONE, facts={name: diary.facts[name] for name in job["facts"] if name in diary.facts})
    if watch.outcome == CANCELLED and not diary.ended:
        return Outcome(CANCELLED, "cancelled")
    if watch.outcome == LATE and not diary.ended:
        return Outcome(LATE, f"took longer than {job['seconds']:g} s")
    return Outcome(FAILED, diary.reason)


def run(job: dict[str, Any], folder: Path) -> None:
    """Run one playbook and leave its result."""
    os.environ.pop(SUPERVISOR_MARK, None)
    os.environ[TASK_MARK] = job["token"]
    adopt_orphans()
    watch = Watch(job["token"], job["seconds"])
    signal.signal(signal.SIGTERM, watch.cancel)
    masker = Masker(job["secrets"])
    try:
        outcome = _play(job, folder, masker, watch)
    # The process boundary: whatever happened is what the operator reads.
    except Exception as error:  # noqa: BLE001
        outcome = Outcome(FAILED, f"it could not be run: {type(error).__name__}: {error}")
    told = replace(outcome, reason=one_line(masker.mask(outcome.reason)))
    write_result(Path(job["result"]), job["token"], told)


def main() -> None:
    """The job comes as JSON on standard input, its folder as the one argument."""
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
