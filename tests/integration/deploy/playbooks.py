"""Playbooks for tests, which run on this machine, and an ansible deployer that is driven step by step."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcapi.deploy.ansible import AnsibleDeployer, PlaybookSettings
from dcapi.deploy.playbooks.folder import PlaybookFolder
from dcapi.deploy.playbooks.supervisor.processes import SUPERVISOR_MARK, TASK_MARK, marked_processes
from dcapi.deploy.port import AbortState, Phase, Running, StepState, Target
from dcapi.lab.polling import wait_until

SKIPPED = "ansible-runner is not installed: make install-ansible"
needs_ansible = pytest.mark.skipif(importlib.util.find_spec("ansible_runner") is None, reason=SKIPPED)

CANARY = 'Canary"sings\\loud 7'
WITHIN = 60.0

Task = dict[str, Any]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def write_playbook(folder: Path, phase: Phase, *tasks: Task, **play: Any) -> None:
    """A playbook of these tasks on this machine."""
    content = [
        {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks), **play}
    ]
    (folder / f"{phase.value}.yml").write_text(yaml.safe_dump(content))


def touch(path: Path) -> Task:
    return {
        "name": "Leave a trace",
        "ansible.builtin.file": {"path": str(path), "state": "touch", "mode": "0600"},
    }


def append(path: Path, text: str) -> Task:
    """Each run leaves a line."""
    return {"name": "Leave a line", "ansible.builtin.shell": f"echo '{text}' >> '{path}'"}


def dump_variables(path: Path, *names: str) -> Task:
    """Write variables to a file as JSON."""
    wanted = ", ".join(f"'{name}': {name} | default('(none)')" for name in names)
    content = "{{ {" + wanted + "} | to_json }}"
    return {"name": "Dump", "ansible.builtin.copy": {"content": content, "dest": str(path), "mode": "0600"}}


def wait_for(path: Path) -> Task:
    """Wait until a test makes this file."""
    command = f"while [ ! -e '{path}' ]; do sleep 0.05; done"
    return {"name": "Wait", "ansible.builtin.shell": command}


HANG: Task = {"name": "Hang", "ansible.builtin.command": "sleep 600"}


@dataclass
class Workshop:
    """A folder of playbooks and deployers that use it, each as a worker of its own would."""

    folder: Path
    limits: dict[str, Any] = field(default_factory=dict)
    deployers: list[AnsibleDeployer] = field(default_factory=list)

    @property
    def playbooks(self) -> Path:
        return self.folder / "books"

    @property
    def runs(self) -> Path:
        return self.folder / "instance" / "playbooks"

    def write(self, phase: Phase, *tasks: Task, **play: Any) -> None:
        write_playbook(self.playbooks, phase, *tasks, **play)

    def deployer(self, **limits: Any) -> AnsibleDeployer:
        values = {"seconds": 120.0, "at_once": 4, "outputs": 3, "output_limit": 100_000, **limits}
        made = AnsibleDeployer(PlaybookSettings(playbooks=self.playbooks, folder=self.runs, **values))
        self.deployers.append(made)
        return made

    def outputs(self, subcloud_id: int = 1) -> list[str]:
        return [path.read_text() for path in sorted((self.runs / str(subcloud_id) / "output").iterdir())]

    def token(self, phase: Phase, subcloud_id: int = 1) -> str:
        run = json.loads((self.runs / str(subcloud_id) / f"{phase.value}.run.json").read_text())
        return str(run["token"])

    def all_files(self) -> Iterator[Path]:
        return (path for path in self.folder.rglob("*") if path.is_file())

    def close(self) -> None:
        for deployer in self.deployers:
            deployer.close()


def processes(token: str) -> list[int]:
    """Everything that runs for a playbook on this machine."""
    return [*marked_processes(SUPERVISOR_MARK, token), *marked_processes(TASK_MARK, token)]


def destination_of(subcloud_id: int = 1, **changes: Any) -> Target:
    values: Mapping[str, Any] = {
        "subcloud_id": subcloud_id,
        "name": f"quay-{subcloud_id}",
        "region_name": f"{subcloud_id:032}",
        "software_version": "24.09",
        "bootstrap_address": "10.71.9.20",
        "bootstrap_values": {"system_mode": "simplex", "admin_password": encoded("Bollard*7")},
        "sysadmin_password": encoded(CANARY),
        **changes,
    }
    return Target(**values)


def begun(deployer: AnsibleDeployer, phase: Phase, target: Target) -> StepState:
    state = deployer.begin(phase, target)
    assert isinstance(state, Running)
    return state


def ended(deployer: AnsibleDeployer, phase: Phase, target: Target) -> StepState:
    """How a phase that was begun ends."""
    deadline = time.monotonic() + WITHIN
    while isinstance(state := deployer.poll(phase, target), Running):
        assert time.monotonic() < deadline, state
        time.sleep(min(state.seconds, 0.2))
    return state


def played(deployer: AnsibleDeployer, phase: Phase, target: Target) -> StepState:
    """Begin a phase and wait for its end."""
    state = deployer.begin(phase, target)
    return ended(deployer, phase, target) if isinstance(state, Running) else state


def wait_file(path: Path) -> None:
    wait_until(f"{path.name} to appear", path.exists, within=WITHIN)


def wait_gone(token: str) -> None:
    wait_until("no process to be left", lambda: not processes(token), within=WITHIN)


def aborted(deployer: AnsibleDeployer, phase: Phase, target: Target) -> AbortState:
    """How the abort of a phase ends."""
    deadline = time.monotonic() + WITHIN
    while isinstance(state := deployer.abort(phase, target), Running):
        assert time.monotonic() < deadline, state
        time.sleep(min(state.seconds, 0.2))
    return state


def kill_supervisor(workshop: Workshop, phase: Phase = Phase.INSTALL) -> None:
    """As the kernel does when memory runs out."""
    token = workshop.token(phase)
    wait_until("tasks to run", lambda: marked_processes(TASK_MARK, token), within=WITHIN)
    for pid in marked_processes(SUPERVISOR_MARK, token):
        os.kill(pid, signal.SIGKILL)
    wait_until("its end", lambda: is_free(workshop))


def is_free(workshop: Workshop) -> bool:
    with PlaybookFolder(workshop.runs / "1").locked() as lock:
        return lock is not None
