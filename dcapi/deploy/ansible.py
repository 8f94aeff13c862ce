"""A deployer that runs the operator's own ansible playbooks, one for each phase.

A playbook runs in a process of its own (``playbook_process``), which outlives the worker that began it: what
runs, and how it ended, stands in the subcloud's folder, where any worker of this host finds it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcapi.deploy import playbook_process
from dcapi.deploy.playbook_files import files_for, path_of, secrets_in
from dcapi.deploy.playbook_folder import PlaybookFolder, PlaybookResult, PlaybookRun, take_slot
from dcapi.deploy.playbook_values import CONFIG_FILE, as_data, inventory_of, secrets_of, variables_of
from dcapi.deploy.port import Aborted, AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.errors import SettingsError
from dcapi.instance import PROJECT_ROOT, InstanceFolder
from dcapi.settings import Settings

logger = logging.getLogger(__name__)

FOLDER = "playbooks"
# Phases that have nothing to do when the operator has no playbook for them.
OPTIONAL_PHASES = frozenset({Phase.CREATE, Phase.CONFIG, Phase.SHUTDOWN, Phase.DELETE})
# Read as a phase begins: a run goes on with what it began with, whatever is uploaded meanwhile.
FILE_FIELDS = frozenset({"files", "cloud_init_config"})
# What a playbook gets of the service's own environment; the rest is nobody else's business.
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
INHERITED = ("TZ", "SSH_AUTH_SOCK", *PROXIES)
# So often a playbook is begun anew after the process that ran it died, before the phase counts as failed.
MOST_INTERRUPTIONS = 2
# Seconds between two looks: short at first, a tenth of what it took by now later on.
SHORTEST_LOOK, LONGEST_LOOK = 0.3, 10.0
# Seconds that the process of a playbook has beyond its limit, and to end in when it is told to.
GRACE_SECONDS = 60.0
END_SECONDS = 5.0
# Seconds between two looks for the mark of a process that was just started: mostly it takes less.
MARK_LOOK_SECONDS = 0.001


@dataclass(frozen=True)
class PlaybookSettings:
    """Where the playbooks are, and within what limits they run."""

    playbooks: Path
    folder: Path
    seconds: float
    at_once: int
    outputs: int
    output_limit: int


def from_settings(settings: Settings) -> AnsibleDeployer:
    """The deployer of a site; raises SettingsError when there is no ansible-runner, or no playbook."""
    if importlib.util.find_spec("ansible_runner") is None or _ansible_playbook() is None:
        raise SettingsError(
            "DCAPI_DEPLOYER=ansible needs ansible-runner: pip install -r requirements-ansible.txt"
        )
    deployer = AnsibleDeployer(
        PlaybookSettings(
            playbooks=_playbooks(settings.PLAYBOOKS),
            folder=InstanceFolder.of(settings).path / FOLDER,
            seconds=settings.PLAYBOOK_SECONDS,
            at_once=settings.PLAYBOOKS_AT_ONCE,
            outputs=settings.PLAYBOOK_OUTPUTS,
            output_limit=settings.PLAYBOOK_OUTPUT_LIMIT,
        )
    )
    deployer.tidy()
    return deployer


def _ansible_playbook() -> str | None:
    return shutil.which("ansible-playbook", path=_path())


def _path() -> str:
    """The search path of programs, those beside this Python first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _playbooks(name: str) -> Path:
    if not name:
        raise SettingsError("DCAPI_DEPLOYER=ansible also needs DCAPI_PLAYBOOKS, the folder of the playbooks")
    folder = (PROJECT_ROOT / name).resolve()
    if not folder.is_dir():
        raise SettingsError(f"DCAPI_PLAYBOOKS={name!r} is not a folder")
    if not any(_playbook(folder, phase).is_file() for phase in Phase):
        names = ", ".join(f"{phase.value}.yml" for phase in Phase)
        raise SettingsError(f"DCAPI_PLAYBOOKS={name!r} holds none of {names}")
    return folder


def trouble_of_playbooks(settings: Settings) -> str:
    """``missing`` for a folder without playbooks, ``broken`` for one that cannot be read, else empty."""
    try:
        for file in _playbooks(settings.PLAYBOOKS).iterdir():
            if file.suffix == ".yml":
                file.open("rb").close()
    except SettingsError:
        return "missing"
    except OSError:
        return "broken"
    return ""


def _playbook(folder: Path, phase: Phase) -> Path:
    return folder / f"{phase.value}.yml"


class AnsibleDeployer:
    def __init__(self, settings: PlaybookSettings) -> None:
        self._settings = settings
        # Playbooks that this process looks after: those that it began, and those whose worker died.
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._attended: dict[Path, PlaybookFolder] = {}
        self._starting = threading.Lock()
        self._closed = False

    # -- The port --

    @property
    def longest_pause(self) -> float:
        return LONGEST_LOOK

    def begin(self, phase: Phase, target: Target) -> StepState:
        if not self._has_playbook(phase):
            return self._without_playbook(phase, target)
        with self._locked_folder(target) as (folder, lock):
            if lock is None:
                return self._join(folder, phase, target)
            return self._start(folder, lock, phase, target)

    def poll(self, phase: Phase, target: Target) -> StepState:
        if not self._has_playbook(phase):
            return self._without_playbook(phase, target)
        with self._locked_folder(target) as (folder, lock):
            if lock is None:
                return self._look(folder, phase)
            return self._outcome(folder, lock, phase, target)

    def abort(self, phase: Phase, target: Target) -> AbortState:
        with self._locked_folder(target) as (folder, lock):
            run = folder.run(phase)
            if run is None or run.discarded:
                return Aborted()
            result = folder.result(run)
            if result is not None and result.status != playbook_process.CANCELLED:
                return _told(run, result)
            if lock is None:
                _ask_to_end(run.token)
                return Running(SHORTEST_LOOK)
            self._clear(folder)
            folder.forget(phase)
            return Aborted()

    def delete(self, target: Target) -> None:
        folder = self._folder(target)
        if folder.path.exists():
            self._end(folder.runs())
            folder.remove()

    def close(self) -> None:
        """End the playbooks of this process; the phases are begun anew after the next start."""
        with self._starting:
            self._closed = True
        self._end([run for folder in list(self._attended.values()) for run in folder.runs()])
        for token in list(self._processes):
            self._wait(token)

    def tidy(self) -> None:
        """Remove what playbooks were told from folders in which none runs: their processes were killed."""
        for left in self._settings.folder.glob("*/run"):
            folder = PlaybookFolder(left.parent)
            with folder.locked() as lock:
                if lock is not None:
                    folder.forget_secrets()

    # -- What runs --

    def _folder(self, target: Target) -> PlaybookFolder:
        return PlaybookFolder(self._settings.folder / str(target.subcloud_id))

    @contextmanager
    def _locked_folder(self, target: Target) -> Iterator[tuple[PlaybookFolder, int | None]]:
        """The subcloud's folder and the lock on it, which is None while a playbook runs there."""
        self._reap()
        folder = self._folder(target)
        folder.make()
        with folder.locked() as lock:
            yield folder, lock

    def _has_playbook(self, phase: Phase) -> bool:
        return _playbook(self._settings.playbooks, phase).is_file()

    def _without_playbook(self, phase: Phase, target: Target) -> StepState:
        if phase in OPTIONAL_PHASES:
            logger.info(
                "subcloud %s: no playbook for the phase %s, nothing is done", target.name, phase.value
            )
            return Done()
        return Failed(
            f"there is no playbook for the phase {phase.value}: {phase.value}.yml in DCAPI_PLAYBOOKS"
        )

    def _join(self, folder: PlaybookFolder, phase: Phase, target: Target) -> StepState:
        """Something runs already: the same thing is what is wanted, anything else has to end first."""
        run = folder.run(phase)
        if run is not None and folder.result(run) is None:
            if run.digest == _digest(target, run.token):
                return self._look(folder, phase)
            folder.write_run(replace(run, discarded=True))
            _ask_to_end(run.token)
        else:
            folder.forget(phase)
        if phase is Phase.DELETE:
            for other in folder.runs():
                _ask_to_end(other.token)
        return Running(SHORTEST_LOOK)

    def _look(self, folder: PlaybookFolder, phase: Phase) -> StepState:
        """How it goes where a playbook runs, of this phase or of another one that has to end first."""
        self._attended[folder.path] = folder
        run = folder.run(phase)
        if run is None or run.discarded or folder.result(run) is not None:
            return Running(SHORTEST_LOOK)
        age = _now() - run.began_at
        if age > self._settings.seconds + GRACE_SECONDS:
            playbook_process.end_everything(run.token)
            return Failed(self._too_long())
        return Running(min(max(age / 10, SHORTEST_LOOK), LONGEST_LOOK))

    def _too_long(self) -> str:
        return f"took longer than {self._settings.seconds:g} s"

    def _outcome(self, folder: PlaybookFolder, lock: int, phase: Phase, target: Target) -> StepState:
        """What became of a playbook that runs no longer; one that was cut off is begun anew."""
        run = folder.run(phase)
        if run is None or run.discarded:
            return self._start(folder, lock, phase, target)
        result = folder.result(run)
        if result is None:
            return self._interrupted(folder, lock, run, target)
        if result.status == playbook_process.CANCELLED:
            return self._start(folder, lock, phase, target)
        return _told(run, result)

    def _interrupted(self, folder: PlaybookFolder, lock: int, run: PlaybookRun, target: Target) -> StepState:
        if run.interruptions >= MOST_INTERRUPTIONS:
            self._clear(folder)
            return Failed(f"playbook {run.phase}.yml: its process was killed {run.interruptions + 1} times")
        logger.warning("subcloud %s: the process of its playbook %s.yml died", target.name, run.phase)
        return self._start(folder, lock, Phase(run.phase), target, run.interruptions + 1)

    # -- Starting and ending --

    def _start(
        self, folder: PlaybookFolder, lock: int, phase: Phase, target: Target, interruptions: int = 0
    ) -> StepState:
        self._clear(folder)
        folder.forget(phase)
        with self._starting, take_slot(self._settings.folder / "slots", self._settings.at_once) as slot:
            if slot is None or self._closed:
                return Running(LONGEST_LOOK if self._closed else 1.0)
            token = uuid.uuid4().hex
            output = folder.new_output(phase, self._settings.outputs)
            digest = _digest(target, token)
            run = PlaybookRun(token, phase.value, digest, _now(), str(output), interruptions)
            folder.write_run(run)
            self._attended[folder.path] = folder
            self._processes[token] = _launch(folder, token, (lock, slot), self._job(folder, run, target))
        logger.info("subcloud %s: playbook %s.yml, output in %s", target.name, phase.value, output)
        return Running(SHORTEST_LOOK)

    def _clear(self, folder: PlaybookFolder) -> None:
        """End what killed processes left running, and remove what they were told; under the lock."""
        for run in folder.runs():
            playbook_process.end_everything(run.token)
        folder.forget_secrets()

    def _job(self, folder: PlaybookFolder, run: PlaybookRun, target: Target) -> dict[str, Any]:
        """What the process of a playbook is told; see playbook_process."""
        phase = Phase(run.phase)
        uploaded = files_for(phase, target)
        paths = {file.part: str(folder.path / "run" / path_of(file)) for file in uploaded}
        config = folder.path / "run" / CONFIG_FILE
        files = {
            "inventory.yml": inventory_of(target),
            "run/overrides.yml": as_data(variables_of(phase, target, str(config), paths)),
        }
        if target.deploy_config is not None:
            files[f"run/{CONFIG_FILE}"] = target.deploy_config
        return {
            "token": run.token,
            "project": str(self._settings.playbooks),
            "playbook": str(_playbook(self._settings.playbooks, phase)),
            "seconds": self._settings.seconds,
            "files": files,
            "uploaded": {f"run/{path_of(file)}": b64encode(file.content).decode() for file in uploaded},
            "secrets": sorted({*secrets_of(target), *secrets_in(uploaded)}),
            "output": run.output,
            "result": str(folder.result_path(run.phase)),
            "output_limit": self._settings.output_limit,
            "environment": _ansible_environment(self._settings.playbooks),
        }

    def _end(self, runs: list[PlaybookRun]) -> None:
        """End playbooks: all are asked, those that go on are killed."""
        asked = [run for run in runs if _ask_to_end(run.token)]
        deadline = time.monotonic() + END_SECONDS
        for run in asked:
            while _is_running(run.token) and time.monotonic() < deadline:
                time.sleep(0.05)
            playbook_process.end_everything(run.token)
            self._wait(run.token)

    def _reap(self) -> None:
        """Let no zombies be left of processes that have ended."""
        for token, process in list(self._processes.items()):
            if process.poll() is not None:
                self._processes.pop(token, None)

    def _wait(self, token: str) -> None:
        """Wait for the end of a process that was ended; one that another worker began is none of ours."""
        process = self._processes.pop(token, None)
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)


def _told(run: PlaybookRun, result: PlaybookResult) -> Done | Failed:
    """What a playbook that ended by itself came to."""
    if result.status == playbook_process.DONE:
        return Done()
    return Failed(f"playbook {run.phase}.yml: {result.reason}")


def _now() -> float:
    """Seconds on a clock that all processes of this host share, and nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _digest(target: Target, token: str) -> str:
    """Tells two targets apart, and shows nothing of their secrets."""
    values = [value for name, value in vars(target).items() if name not in FILE_FIELDS]
    return hashlib.sha256(f"{token}{json.dumps(values, sort_keys=True, default=str)}".encode()).hexdigest()


def _ask_to_end(token: str) -> bool:
    """Ask the process of a playbook to end; returns whether there is one."""
    found = playbook_process.marked_processes(playbook_process.SUPERVISOR_MARK, token)
    for pid in found:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    return bool(found)


def _is_running(token: str) -> bool:
    return bool(playbook_process.marked_processes(playbook_process.SUPERVISOR_MARK, token))


def _launch(
    folder: PlaybookFolder, token: str, locks: tuple[int, ...], job: dict[str, Any]
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 (a list of arguments, and no shell)
        # Isolated, so that nothing but what is installed can be imported.
        [sys.executable, "-I", playbook_process.__file__, str(folder.path)],
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
    mark = playbook_process.SUPERVISOR_MARK
    while process.poll() is None and time.monotonic() < deadline:
        if playbook_process.is_marked(process.pid, mark, token):
            return
        time.sleep(MARK_LOOK_SECONDS)


def _environment(folder: PlaybookFolder, token: str) -> dict[str, str]:
    """The environment of the process, and of all that the playbook starts on this host."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "LC_ALL": "C.UTF-8",
        "PATH": _path(),
        "HOME": str(folder.path / "run"),
        playbook_process.SUPERVISOR_MARK: token,
    }


def _ansible_environment(playbooks: Path) -> dict[str, str]:
    """Settings of ansible that win over the operator's ansible.cfg: secrets must reach no log."""
    config = playbooks / "ansible.cfg"
    return {
        **({"ANSIBLE_CONFIG": str(config)} if config.is_file() else {}),
        "ANSIBLE_LOG_PATH": os.devnull,
        "ANSIBLE_NO_TARGET_SYSLOG": "True",
        "ANSIBLE_NOCOLOR": "True",
    }
