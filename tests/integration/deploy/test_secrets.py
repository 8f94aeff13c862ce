"""Secrets that a playbook is told are found nowhere but in the one file that it reads them from."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcapi.deploy.port import Done, Failed, Phase
from tests.canary_values import CANARIES, spelled
from tests.integration.deploy.playbooks import (
    CANARY,
    Workshop,
    begun,
    destination_of,
    encoded,
    ended,
    needs_ansible,
    processes,
    wait_file,
    wait_for,
)

pytestmark = needs_ansible

# The canary as it may be written down: as it is, in base64, in JSON.
SPELLINGS = (CANARY, base64.b64encode(CANARY.encode()).decode(), json.dumps(CANARY)[1:-1])


def say_it_all(reached: Path, gate: Path) -> list[dict[str, object]]:
    return [
        {"name": "Say", "ansible.builtin.debug": {"var": "vars"}},
        {
            "name": "Tell {{ sysadmin_password }}",
            "ansible.builtin.debug": {"msg": "{{ ansible_become_pass }}"},
        },
        {
            "name": "Hand on",
            "ansible.builtin.shell": f"touch {reached}; while [ ! -e {gate} ]; do sleep 0.05; done; cat",
            "args": {"stdin": "{{ sysadmin_password }}"},
        },
        {"name": "Gather", "ansible.builtin.setup": {"gather_subset": ["!all"]}},
    ]


def told(text: str) -> list[str]:
    return [spelling for spelling in SPELLINGS if spelling in text]


def process_texts() -> Iterator[tuple[str, str]]:
    """Arguments and environments of all processes that may be read."""
    for kind in ("cmdline", "environ"):
        for path in Path("/proc").glob(f"[0-9]*/{kind}"):
            try:
                yield str(path), path.read_bytes().decode(errors="replace")
            except OSError:
                continue


def files_that_tell(workshop: Workshop) -> set[str]:
    texts = {path: path.read_text(errors="replace") for path in workshop.all_files() if path.exists()}
    return {str(path.relative_to(workshop.runs)) for path, text in texts.items() if told(text)}


@pytest.mark.parametrize("fails", [False, True], ids=["done", "failed"])
def test_a_password_is_found_nowhere(
    workshop: Workshop, fails: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DCAPI_ADMIN_PASSWORD", "Adm1n*of-the-site")
    reached, gate = workshop.folder / "reached", workshop.folder / "gate"
    tasks = say_it_all(reached, gate)
    if fails:
        tasks.append({"name": "Fail", "ansible.builtin.fail": {"msg": "it is {{ sysadmin_password }}"}})
    workshop.write(Phase.INSTALL, *tasks)
    deployer, target = workshop.deployer(), destination_of()
    begun(deployer, Phase.INSTALL, target)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)

    overrides = workshop.runs / "1" / "run" / "overrides.yml"
    assert overrides.stat().st_mode & 0o777 == 0o600
    assert CANARY.split("\\")[-1] in overrides.read_text()
    assert files_that_tell(workshop) <= {"1/run/overrides.yml"}
    assert [path for path, text in process_texts() if told(text)] == []
    own = {f"/proc/{pid}/environ" for pid in processes(token)}
    environments = [text for path, text in process_texts() if path in own]
    assert len(environments) > 2
    assert [text for text in environments if "DCAPI_" in text or "Adm1n" in text] == []

    gate.touch()
    state = ended(deployer, Phase.INSTALL, target)
    assert isinstance(state, Failed if fails else Done)
    assert files_that_tell(workshop) == set()
    assert not (workshop.runs / "1" / "run").exists()
    [output] = workshop.outputs()
    assert "Tell ******" in output
    assert told(caplog.text) == []
    assert told(str(state)) == []


def test_everything_is_for_the_sites_user_alone(workshop: Workshop) -> None:
    gate = workshop.folder / "gate"
    workshop.write(Phase.INSTALL, wait_for(gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    wait_file(workshop.runs / "1" / "run" / "overrides.yml")
    for path in workshop.runs.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert workshop.runs.stat().st_mode & 0o777 == 0o700
    gate.touch()
    assert ended(deployer, Phase.INSTALL, destination_of()) == Done()


def test_secrets_of_all_values_are_masked(workshop: Workshop) -> None:
    workshop.write(
        Phase.INSTALL,
        {"ansible.builtin.debug": {"var": "docker_registries"}},
        {"ansible.builtin.debug": {"var": "install_values"}},
        {"ansible.builtin.command": "cat {{ deploy_config_file }}", "register": "read"},
        {"ansible.builtin.debug": {"var": "read.stdout"}},
        {"ansible.builtin.debug": {"msg": "{{ new_password }}"}},
    )
    target = destination_of(
        bootstrap_values={"docker_registries": {"defaults": {"url": "quay", "password": "Registry*1"}}},
        install_values={"bmc_password": encoded("Bmc*22"), "bmc_address": "10.72.0.20"},
        deploy_config="spec:\n  password: Config*333\n",
        options={"new_password": "Option*4444"},
    )
    assert played_output(workshop, target) == []


def played_output(workshop: Workshop, target: object) -> list[str]:
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, target)  # type: ignore[arg-type]
    assert ended(deployer, Phase.INSTALL, target) == Done()  # type: ignore[arg-type]
    [output] = workshop.outputs()
    assert output.count("******") >= 5
    secrets = ["Registry*1", "Bmc*22", encoded("Bmc*22"), "Config*333", "Option*4444"]
    return [secret for secret in secrets if secret in output]


def test_no_canary_is_in_the_folder_of_a_playbook_that_has_ended(workshop: Workshop) -> None:
    hand_on = {"ansible.builtin.command": "cat", "args": {"stdin": "{{ boot }} {{ items }}"}}
    workshop.write(
        Phase.INSTALL,
        {"ansible.builtin.debug": {"var": "vars"}},
        {"ansible.builtin.debug": {"var": "install_values"}},
        {**hand_on, "register": "read"},
        {"ansible.builtin.debug": {"var": "read.stdout"}},
        {"ansible.builtin.fail": {"msg": "it is {{ github_token }}, {{ boot }} and {{ query }}"}},
    )
    target = destination_of(
        bootstrap_values=spelled(), install_values={"extra_boot_params": spelled()["boot"]}
    )
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, target)
    state = ended(deployer, Phase.INSTALL, target)
    assert isinstance(state, Failed)
    texts = [path.read_text(errors="replace") for path in workshop.runs.rglob("*") if path.is_file()]
    assert any("stx@sha256" in text for text in texts)
    found = [
        name for name, canary in CANARIES.items() if any(canary in text for text in (*texts, str(state)))
    ]
    assert found == []
