"""A deployer that runs the operator's own ansible playbooks, one for each phase.

A playbook runs below a process of its own (``supervisor``), which outlives the worker that began it: what
runs, and how it ended, stands in the subcloud's folder, where any worker of this host finds it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcapi.deploy.playbooks import abort as playbook_abort
from dcapi.deploy.playbooks.abort import is_aborted
from dcapi.deploy.playbooks.files import files_for, path_of, secrets_in
from dcapi.deploy.playbooks.folder import CONFIG_FILE, PlaybookFolder, PlaybookRun, take_slot
from dcapi.deploy.playbooks.outcome import FACTS, late, limit_of, outcome
from dcapi.deploy.playbooks.paths import OPTIONAL_PHASES, ansible_environment, playbook_of, playbooks_of
from dcapi.deploy.playbooks.supervision import Supervisors, ask_to_end, has_ansible
from dcapi.deploy.playbooks.supervisor.playbook import CANCELLED
from dcapi.deploy.playbooks.supervisor.processes import end_everything
from dcapi.deploy.playbooks.values import RunPaths, as_data, inventory_of, secrets_of, variables_of
from dcapi.deploy.port import AbortState, Done, Failed, Phase, Running, StepState, Target
from dcapi.errors import SettingsError
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

logger = logging.getLogger(__name__)

FOLDER = "playbooks"
# Read as a phase begins: a run goes on with what it began with, whatever is uploaded meanwhile.
FILE_FIELDS = frozenset({"files", "cloud_init_config"})
# So often a playbook is begun anew after the process that ran it died, before the phase counts as failed.
MOST_INTERRUPTIONS = 2
# Of a playbook that was cut off, and cannot be begun anew.
LOST = "the playbook was cut off, and what it needs to be begun anew was lost or has expired"
# Seconds between two looks: short at first, a tenth of what it took by now later on.
SHORTEST_LOOK, LONGEST_LOOK = 0.3, 10.0
# Seconds that the supervisor of a playbook has beyond its limit.
GRACE_SECONDS = 60.0


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
    if importlib.util.find_spec("ansible_runner") is None or not has_ansible():
        raise SettingsError(
            "DCAPI_DEPLOYER=ansible needs ansible-runner: pip install -r requirements-ansible.txt"
        )
    deployer = AnsibleDeployer(
        PlaybookSettings(
            playbooks=playbooks_of(settings),
            folder=InstanceFolder.of(settings).path / FOLDER,
            seconds=settings.PLAYBOOK_SECONDS,
            at_once=settings.PLAYBOOKS_AT_ONCE,
            outputs=settings.PLAYBOOK_OUTPUTS,
            output_limit=settings.PLAYBOOK_OUTPUT_LIMIT,
        )
    )
    deployer.tidy()
    return deployer


class AnsibleDeployer:
    def __init__(self, settings: PlaybookSettings) -> None:
        self._settings = settings
        self._supervisors = Supervisors()
        # Folders of playbooks that this process looks after: it began them, or their worker died.
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
            if lock is None:
                self._attended[folder.path] = folder
            return playbook_abort.abort(folder, phase, is_free=lock is not None, now=_now())

    def delete(self, target: Target) -> None:
        folder = self._folder(target)
        if folder.path.exists():
            self._supervisors.end(run.token for run in folder.runs())
            folder.remove()

    def close(self) -> None:
        """End the playbooks of this process; the phases are begun anew after the next start."""
        with self._starting:
            self._closed = True
        runs = [run for folder in list(self._attended.values()) for run in folder.runs()]
        self._supervisors.end(run.token for run in runs)
        self._supervisors.wait()

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
        self._supervisors.reap()
        folder = self._folder(target)
        folder.make()
        with folder.locked() as lock:
            yield folder, lock

    def _has_playbook(self, phase: Phase) -> bool:
        return playbook_of(self._settings.playbooks, phase).is_file()

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
            if run.digest == _digest(target, run.token) and not is_aborted(folder, run):
                self._attended[folder.path] = folder
                return Running(SHORTEST_LOOK)
            folder.write_run(replace(run, discarded=True))
            folder.forget_abort_request(phase)
            ask_to_end(run.token)
        else:
            folder.forget(phase)
        if phase is Phase.DELETE:
            for other in folder.runs():
                ask_to_end(other.token)
        return Running(SHORTEST_LOOK)

    def _look(self, folder: PlaybookFolder, phase: Phase) -> StepState:
        """How it goes where a playbook runs, of this phase or of another one that has to end first."""
        self._attended[folder.path] = folder
        run = folder.run(phase)
        if run is None or run.discarded or folder.result(run) is not None:
            return Running(SHORTEST_LOOK)
        age = _now() - run.began_at
        limit = limit_of(phase, self._settings.seconds)
        if age > limit + GRACE_SECONDS:
            end_everything(run.token)
            return late(phase, f"took longer than {limit:g} s")
        return Running(min(max(age / 10, SHORTEST_LOOK), LONGEST_LOOK))

    def _outcome(self, folder: PlaybookFolder, lock: int, phase: Phase, target: Target) -> StepState:
        """What became of a playbook that runs no longer; one that was cut off is begun anew."""
        run = folder.run(phase)
        if run is not None and is_aborted(folder, run):
            return Running(SHORTEST_LOOK)
        if run is None or run.discarded:
            return self._start(folder, lock, phase, target)
        result = folder.result(run)
        if result is None:
            return self._interrupted(folder, lock, run, target)
        if result.status == CANCELLED:
            return self._start(folder, lock, phase, target)
        return outcome(run, result)

    def _interrupted(self, folder: PlaybookFolder, lock: int, run: PlaybookRun, target: Target) -> StepState:
        if run.interruptions >= MOST_INTERRUPTIONS:
            folder.clear()
            return Failed(f"playbook {run.phase}.yml: its process was killed {run.interruptions + 1} times")
        logger.warning("subcloud %s: the process of its playbook %s.yml died", target.name, run.phase)
        return self._start(folder, lock, Phase(run.phase), target, run.interruptions + 1)

    # -- Starting and ending --

    def _start(
        self, folder: PlaybookFolder, lock: int, phase: Phase, target: Target, interruptions: int = 0
    ) -> StepState:
        folder.clear()
        if not target.can_begin:
            return Failed(LOST)
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
            self._supervisors.start(folder, token, (lock, slot), self._job(folder, run, target))
        logger.info("subcloud %s: playbook %s.yml, output in %s", target.name, phase.value, output)
        return Running(SHORTEST_LOOK)

    def _job(self, folder: PlaybookFolder, run: PlaybookRun, target: Target) -> dict[str, Any]:
        """What the supervisor of a playbook is told (``dcapi/deploy/playbooks/supervisor/``)."""
        phase = Phase(run.phase)
        uploaded = files_for(phase, target)
        paths = RunPaths(
            deploy_config=str(folder.work / CONFIG_FILE),
            not_abortable=str(folder.not_abortable),
            uploaded={file.part: str(folder.work / path_of(file)) for file in uploaded},
        )
        files = {
            "inventory.yml": inventory_of(target),
            "run/overrides.yml": as_data(variables_of(phase, target, paths)),
        }
        if target.deploy_config is not None:
            files[f"run/{CONFIG_FILE}"] = target.deploy_config
        return {
            "token": run.token,
            "project": str(self._settings.playbooks),
            "playbook": str(playbook_of(self._settings.playbooks, phase)),
            "seconds": limit_of(phase, self._settings.seconds),
            "facts": FACTS.get(phase, ()),
            "files": files,
            "uploaded": {f"run/{path_of(file)}": b64encode(file.content).decode() for file in uploaded},
            "secrets": sorted({*secrets_of(target), *secrets_in(uploaded)}),
            "output": run.output,
            "result": str(folder.result_path(run.phase)),
            "output_limit": self._settings.output_limit,
            "environment": ansible_environment(self._settings.playbooks),
        }


def _now() -> float:
    """Seconds on a clock that all processes of this host share, and nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _digest(target: Target, token: str) -> str:
    """Tells two targets apart, and shows nothing of their secrets."""
    values = [value for name, value in vars(target).items() if name not in FILE_FIELDS]
    return hashlib.sha256(f"{token}{json.dumps(values, sort_keys=True, default=str)}".encode()).hexdigest()
