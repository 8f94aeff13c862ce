"""How uploaded files are handed to a playbook: as paths in the folder of its run. None is run here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dcapi.deploy.playbooks.config_secrets import config_secrets
from dcapi.deploy.port import NamedFile, Phase, Target

# Phase → part of the upload → the variable with the path of that file.
VARIABLES: dict[Phase, dict[str, str]] = {
    Phase.CONFIG: {
        "deploy_playbook": "deploy_playbook_file",
        "deploy_overrides": "deployment_manager_overrides",
        "deploy_chart": "deployment_manager_chart",
    },
    Phase.ENROLL_INIT: {"cloud_init_config": "cloud_init_config_file"},
    Phase.PRESTAGE: {"prestage_images": "image_list_file"},
}
# What makes the configuration that of the operator's own files.
ARTIFACTS = frozenset({"deploy_playbook", "deploy_chart"})
FOLDER = "uploaded"
# Larger texts take long to be read for secrets. Overrides never are.
LARGEST_READ = 1024 * 1024


def files_for(phase: Phase, target: Target) -> Sequence[NamedFile]:
    """The uploaded files that a phase takes; reads them."""
    if phase is Phase.ENROLL_INIT:
        archive = target.cloud_init_config()
        return () if archive is None else (archive,)
    return tuple(target.files()) if phase in VARIABLES else ()


def path_of(file: NamedFile) -> str:
    """Where a file is in the folder of a run; two files of one name do not meet."""
    return f"{FOLDER}/{file.part}/{file.file_name}"


def file_variables(
    phase: Phase, target: Target, config_path: str, paths: Mapping[str, str]
) -> dict[str, Any]:
    """The variables with the paths of a phase's files, none for those that are not there."""
    found: dict[str, Any] = {name: paths.get(part) for part, name in VARIABLES.get(phase, {}).items()}
    if phase is Phase.CONFIG:
        found["deployment_config"] = None if target.deploy_config is None else config_path
        found["user_uploaded_artifacts"] = paths.keys() >= ARTIFACTS
    return found


def secrets_in(files: Iterable[NamedFile]) -> set[str]:
    """Every secret in the files that are texts, for those who must not say them."""
    return {secret for file in files for secret in _secrets_in(file)}


def _secrets_in(file: NamedFile) -> set[str]:
    if file.part != "deploy_overrides" and len(file.content) > LARGEST_READ:
        return set()
    try:
        return config_secrets(file.content.decode())
    except UnicodeDecodeError:
        return set()
