"""Deploy files reach a playbook as paths in the folder of its run, and nothing of them stays."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dcapi.deploy.port import Done, NamedFile, Phase, Running
from dcapi.instance import PROJECT_ROOT
from tests.integration.deploy.playbooks import (
    Workshop,
    append,
    begun,
    destination_of,
    dump_variables,
    ended,
    needs_ansible,
    played,
    wait_file,
    wait_for,
)
from tests.integration.deploy.test_secrets import process_texts

pytestmark = needs_ansible

CANARY = "Registry*canary-52"
OVERRIDES = f"registry:\n  password: {CANARY}\n".encode()
FILES = (
    NamedFile("deploy_playbook", "site.yml", b"- hosts: all\n"),
    NamedFile("deploy_overrides", "dm.tgz", OVERRIDES),
    NamedFile("deploy_chart", "dm.tgz", b"\x1f\x8b\x00\xff"),
)
VARIABLES = (
    "deploy_playbook_file",
    "deployment_manager_overrides",
    "deployment_manager_chart",
    "deployment_config",
    "user_uploaded_artifacts",
    "image_list_file",
)


def given(*files: NamedFile, **changes: Any) -> Any:
    def read() -> Sequence[NamedFile]:
        return files

    return destination_of(files=read, **changes)


def told(workshop: Workshop, phase: Phase, target: Any) -> dict[str, Any]:
    """The variables that a playbook of this phase sees."""
    dump = workshop.folder / "dump"
    workshop.write(phase, dump_variables(dump, *VARIABLES))
    assert played(workshop.deployer(), phase, target) == Done()
    found: dict[str, Any] = json.loads(dump.read_text())
    return found


def test_a_configuration_gets_its_files_for_itself_alone(workshop: Workshop) -> None:
    dump, seen, gate = (workshop.folder / name for name in ("dump", "seen", "gate"))
    show = {"ansible.builtin.debug": {"msg": "{{ lookup('file', deployment_manager_overrides) }}"}}
    workshop.write(
        Phase.CONFIG,
        dump_variables(dump, *VARIABLES),
        show,
        {"ansible.builtin.file": {"path": str(seen), "state": "touch"}},
        wait_for(gate),
    )
    deployer, target = workshop.deployer(), given(*FILES, deploy_config="a: 1")
    begun(deployer, Phase.CONFIG, target)
    wait_file(seen)
    names = json.loads(dump.read_text())
    paths = {name: Path(str(names[name])) for name in VARIABLES[:4]}
    assert [path.name for path in paths.values()] == ["site.yml", "dm.tgz", "dm.tgz", "deploy_config.yml"]
    contents = [path.read_bytes() for path in paths.values()]
    assert contents == [*(file.content for file in FILES), b"a: 1"]
    for path in paths.values():
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.is_relative_to(workshop.runs / "1" / "run")
    assert names["user_uploaded_artifacts"] is True
    assert not [place for place, text in process_texts() if CANARY in text]
    gate.touch()
    assert ended(deployer, Phase.CONFIG, target) == Done()
    assert not any(path.exists() for path in paths.values())
    left = [path for path in workshop.runs.rglob("*") if path.is_file() and CANARY in path.read_text()]
    assert left == []
    assert "******" in workshop.outputs()[0]


def test_what_was_not_uploaded_is_none(workshop: Workshop) -> None:
    found = told(workshop, Phase.CONFIG, given(FILES[2]))
    assert found["deployment_manager_chart"].endswith("/dm.tgz")
    assert (found["deploy_playbook_file"], found["deployment_manager_overrides"]) == (None, None)
    assert found["user_uploaded_artifacts"] is False
    assert found["image_list_file"] == "(none)"


def test_prestaging_gets_the_list_of_images(workshop: Workshop) -> None:
    found = told(workshop, Phase.PRESTAGE, given(NamedFile("prestage_images", "a.lst", b"a:1")))
    assert found["image_list_file"].endswith("/prestage_images/a.lst")
    assert found["deployment_manager_chart"] == "(none)"


def test_other_phases_read_no_files(workshop: Workshop) -> None:
    def fail() -> Sequence[NamedFile]:
        raise AssertionError("nobody needs them")

    assert told(workshop, Phase.INSTALL, destination_of(files=fail))["deployment_manager_chart"] == "(none)"


def test_bootstrap_values_name_no_path_of_theirs(workshop: Workshop) -> None:
    values = {"deployment_manager_chart": "/etc/shadow", "image_list_file": "/etc/shadow"}
    found = told(workshop, Phase.CONFIG, destination_of(bootstrap_values=values))
    assert found["deployment_manager_chart"] is None
    assert found["image_list_file"] == "(none)"


def test_an_upload_meanwhile_starts_nothing_again(workshop: Workshop) -> None:
    lines, gate = workshop.folder / "lines", workshop.folder / "gate"
    workshop.write(Phase.CONFIG, append(lines, "x"), wait_for(gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.CONFIG, given(FILES[0]))
    wait_file(lines)
    assert isinstance(deployer.begin(Phase.CONFIG, given(*FILES)), Running)
    gate.touch()
    assert ended(deployer, Phase.CONFIG, given(*FILES)) == Done()
    assert lines.read_text() == "x\n"


def sample() -> str:
    page = (PROJECT_ROOT / "docs" / "deployers.md").read_text()
    found = re.search(r"<!-- sample of deploy files[^>]*-->\s*```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_sample_installs_chart_and_configuration(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, called = workshop.folder / "programs", workshop.folder / "called"
    programs.mkdir()
    for name in ("helm", "kubectl"):
        (programs / name).write_text(
            f'#!/bin/sh\nfor each; do [ -f "$each" ] || echo "$each"; done | xargs echo {name} >> {called}\n'
            f'for each; do [ ! -f "$each" ] || cat "$each" >> {called}; done\n'
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    (workshop.playbooks / "config.yml").write_text(sample())
    chart = NamedFile("deploy_chart", "dm.tgz", b"the chart\n")
    target = given(chart, FILES[1], deploy_config="kind: Host\n")
    assert played(workshop.deployer(), Phase.CONFIG, target) == Done()
    access = "--kubeconfig /etc/subclouds/quay-1.conf"
    assert called.read_text() == (
        f"helm upgrade --install dm --values {access}\nthe chart\n{OVERRIDES.decode()}"
        f"kubectl apply --filename {access}\nkind: Host\n"
    )
    called.unlink()
    assert played(workshop.deployer(), Phase.CONFIG, given(subcloud_id=2)) == Done()
    assert not called.exists()
