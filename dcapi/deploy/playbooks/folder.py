"""The folder of one subcloud's playbooks: its lock, what ran last of each phase, and the kept outputs.

Everything in it is for this site's user alone. The lock is held by the process that runs a playbook, so it
is free exactly when none runs, whichever processes died.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dcapi.deploy.playbooks.supervisor.playbook import Outcome, write_result
from dcapi.deploy.playbooks.supervisor.processes import end_everything
from dcapi.deploy.port import Phase

OUTPUTS = "output"
# What a playbook works with while it runs, secrets included.
WORK = "run"
# The uploaded configuration in it.
CONFIG_FILE = "deploy_config.yml"
# A playbook makes this file in it while it must not be ended.
NOT_ABORTABLE = "not_abortable"


@dataclass(frozen=True)
class PlaybookRun:
    """A playbook that was begun."""

    # Names the run among all; its processes bear it in their environment.
    token: str
    phase: str
    # A digest that tells whether a target is the one that it was begun for.
    digest: str = field(repr=False)
    # Seconds since this host was started.
    began_at: float
    output: str
    # How often it was begun anew because the process that ran it had died.
    interruptions: int = 0
    # What it is worth no longer counts: something else was asked for meanwhile.
    discarded: bool = False


@dataclass(frozen=True)
class AbortRequest:
    """That a run is to be aborted; ``asked_at`` and ``end_asked_at`` are times as ``began_at``."""

    token: str
    asked_at: float
    # Since when its process is asked to end; None: not yet.
    end_asked_at: float | None = None


@dataclass(frozen=True)
class PlaybookResult:
    """How a run ended."""

    token: str
    status: str
    reason: str
    # What the playbook returned of what it may return.
    facts: dict[str, Any] = field(default_factory=dict)


class PlaybookFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def work(self) -> Path:
        """Where a playbook finds what it is told; it is removed at the end of each."""
        return self.path / WORK

    @property
    def not_abortable(self) -> Path:
        return self.work / NOT_ABORTABLE

    def make(self) -> None:
        """Make it, and what is above it, for this user alone."""
        for folder in (self.path.parent, self.path, self.path / OUTPUTS):
            folder.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[int | None]:
        """Hold the lock, as an open file; None when a playbook runs. Who inherits the file holds it too."""
        with take_lock(self.path / "lock") as handle:
            yield handle

    def run(self, phase: Phase) -> PlaybookRun | None:
        """What runs or ran last of this phase."""
        found = _read(self.path / f"{phase.value}.run.json")
        return None if found is None else PlaybookRun(**found)

    def runs(self) -> list[PlaybookRun]:
        """Every run that has not ended in good order: one may run, the others were cut off."""
        found = (run for phase in Phase if (run := self.run(phase)) is not None)
        return [run for run in found if self.result(run) is None]

    def write_run(self, run: PlaybookRun) -> None:
        self._write(f"{run.phase}.run.json", asdict(run))

    def abort_request(self, run: PlaybookRun) -> AbortRequest | None:
        """What was asked of that run; not a part of it, because others may write that at the same time."""
        found = _read(self._abort_path(run.phase))
        request = None if found is None else AbortRequest(**found)
        return request if request is not None and request.token == run.token else None

    def write_abort_request(self, phase: str, request: AbortRequest) -> None:
        self._write(self._abort_path(phase).name, asdict(request))

    def forget_abort_request(self, phase: Phase) -> None:
        self._abort_path(phase.value).unlink(missing_ok=True)

    def _abort_path(self, phase: str) -> Path:
        return self.path / f"{phase}.abort.json"

    def _write(self, name: str, content: dict[str, Any]) -> None:
        draft = self.path / f".{name}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
        draft.replace(self.path / name)

    def result_path(self, phase: str) -> Path:
        return self.path / f"{phase}.result.json"

    def result(self, run: PlaybookRun) -> PlaybookResult | None:
        """How that run ended; None when it did not, or was ended from outside."""
        found = _read(self.result_path(run.phase))
        result = None if found is None else PlaybookResult(**found)
        return result if result is not None and result.token == run.token else None

    def write_result(self, run: PlaybookRun, outcome: Outcome) -> None:
        write_result(self.result_path(run.phase), run.token, outcome)

    def forget(self, phase: Phase) -> None:
        """Let nobody take an earlier run of this phase for a later one."""
        (self.path / f"{phase.value}.run.json").unlink(missing_ok=True)
        self.forget_abort_request(phase)
        self.result_path(phase.value).unlink(missing_ok=True)

    def forget_secrets(self) -> None:
        """Remove what a playbook was told; to be called under the lock."""
        shutil.rmtree(self.work, ignore_errors=True)

    def clear(self) -> None:
        """End what killed processes left running, and remove what they were told; under the lock."""
        for run in self.runs():
            end_everything(run.token)
        self.forget_secrets()

    def new_output(self, phase: Phase, keep: int) -> Path:
        """Where a new run writes its output; only the newest ones stay."""
        outputs = self.path / OUTPUTS
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for old in sorted(outputs.iterdir())[: -(keep - 1) or None]:
            old.unlink(missing_ok=True)
        return outputs / f"{now}-{phase.value}.log"

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else None
    return None


@contextmanager
def take_lock(path: Path) -> Iterator[int | None]:
    """Hold a lock between processes, without waiting; None when another one has it.

    The lock lasts until the last process that inherited the open file has closed it.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)


@contextmanager
def take_slot(folder: Path, slots: int) -> Iterator[int | None]:
    """Hold one of so many locks; None when all are taken."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(slots):
        with take_lock(folder / str(number)) as handle:
            if handle is not None:
                yield handle
                return
    yield None
