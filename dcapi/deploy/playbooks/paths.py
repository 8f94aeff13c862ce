"""The operator's playbooks: where they are, what they are called, and what it means that one is missing."""

from __future__ import annotations

import os
from pathlib import Path

from dcapi.deploy.port import Phase
from dcapi.errors import SettingsError
from dcapi.instance import PROJECT_ROOT
from dcapi.settings import Settings

# Phases that have nothing to do when the operator has no playbook for them.
OPTIONAL_PHASES = frozenset({Phase.CREATE, Phase.CONFIG, Phase.SHUTDOWN, Phase.DELETE})


def playbooks_of(settings: Settings) -> Path:
    """The folder of the playbooks; raises SettingsError when there is none, or no playbook in it."""
    name = settings.PLAYBOOKS
    if not name:
        raise SettingsError("DCAPI_DEPLOYER=ansible also needs DCAPI_PLAYBOOKS, the folder of the playbooks")
    folder = (PROJECT_ROOT / name).resolve()
    if not folder.is_dir():
        raise SettingsError(f"DCAPI_PLAYBOOKS={name!r} is not a folder")
    if not any(playbook_of(folder, phase).is_file() for phase in Phase):
        names = ", ".join(f"{phase.value}.yml" for phase in Phase)
        raise SettingsError(f"DCAPI_PLAYBOOKS={name!r} holds none of {names}")
    return folder


def trouble_of_playbooks(settings: Settings) -> str:
    """``missing`` for a folder without playbooks, ``broken`` for one that cannot be read, else empty."""
    try:
        for file in playbooks_of(settings).iterdir():
            if file.suffix == ".yml":
                file.open("rb").close()
    except SettingsError:
        return "missing"
    except OSError:
        return "broken"
    return ""


def playbook_of(folder: Path, phase: Phase) -> Path:
    return folder / f"{phase.value}.yml"


def ansible_environment(playbooks: Path) -> dict[str, str]:
    """Settings of ansible that win over the operator's ansible.cfg: secrets must reach no log."""
    config = playbooks / "ansible.cfg"
    return {
        **({"ANSIBLE_CONFIG": str(config)} if config.is_file() else {}),
        "ANSIBLE_LOG_PATH": os.devnull,
        "ANSIBLE_NO_TARGET_SYSLOG": "True",
        "ANSIBLE_NOCOLOR": "True",
    }
