"""The minimal playbooks that docs/deployers.md shows, run with programs that note what they were given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dcapi.deploy.port import Done, NamedFile, Phase, Target
from dcapi.instance import PROJECT_ROOT
from tests.integration.deploy.playbooks import (
    CANARY,
    Workshop,
    destination_of,
    encoded,
    needs_ansible,
    played,
)

pytestmark = needs_ansible

PAGE = (PROJECT_ROOT / "docs" / "deployers.md").read_text()
SAMPLES = dict(re.findall(r"<!-- sample (\S+\.yml): a test runs it -->\s*```yaml\n(.*?)```", PAGE, re.DOTALL))

REGION = "ab" * 16
INSTALL_VALUES = {"bmc_address": "10.72.0.20", "bmc_username": "root", "bmc_password": encoded("Winch 3")}
PLAIN_VALUES = {**INSTALL_VALUES, "bmc_password": "Winch 3"}
TARGET = destination_of(install_values=INSTALL_VALUES)
ARCHIVE = NamedFile("cloud_init_config", "seed.tar", b"\x00")

# Programs of the samples, and what each does beside noting its arguments.
IS_HELD = 'if [ -e "$HOME/not_abortable" ]; then echo held; else echo free; fi'
PROGRAMS = {
    "write-medium": IS_HELD,
    "install-node": f"{IS_HELD}; cat",
    "boot-seed": "cat",
    "region-of-node": f"echo {REGION} >&3",
    "join-node": "cat",
    "ipmitool": 'echo "$IPMI_PASSWORD"',
}


@pytest.fixture
def notes(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the programs note."""
    folder, noted = workshop.folder / "programs", workshop.folder / "noted"
    folder.mkdir()
    for name, does in PROGRAMS.items():
        script = f'#!/bin/sh\nexec 3>&1 >> {noted}\necho {name} "$@"\n{does}\n'
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return noted


def lines(workshop: Workshop, notes: Path, phase: Phase, target: Target, done: Done) -> list[Any]:
    (workshop.playbooks / f"{phase.value}.yml").write_text(SAMPLES[f"{phase.value}.yml"])
    assert played(workshop.deployer(), phase, target) == done
    return notes.read_text().splitlines()


def test_every_sample_is_tried() -> None:
    assert SAMPLES.keys() == {"install.yml", "enroll-init.yml", "enroll.yml", "shutdown.yml"}


def test_an_installation_is_held_while_it_writes_the_medium(workshop: Workshop, notes: Path) -> None:
    *others, values = lines(workshop, notes, Phase.INSTALL, TARGET, Done())
    assert others == ["write-medium quay-1 24.09", "held", "install-node quay-1", "free"]
    assert json.loads(values) == PLAIN_VALUES


def test_a_seed_is_booted_with_its_archive(workshop: Workshop, notes: Path) -> None:
    target = destination_of(install_values=INSTALL_VALUES, cloud_init_config=lambda: ARCHIVE)
    call, values = lines(workshop, notes, Phase.ENROLL_INIT, target, Done())
    assert re.fullmatch(r"boot-seed quay-1 /\S+/cloud_init_config/seed\.tar", call)
    assert json.loads(values) == PLAIN_VALUES
    notes.unlink()
    assert lines(workshop, notes, Phase.ENROLL_INIT, TARGET, Done())[0] == "boot-seed quay-1"


def test_an_enrolled_node_keeps_its_region(workshop: Workshop, notes: Path) -> None:
    assert lines(workshop, notes, Phase.ENROLL, TARGET, Done({"region_name": REGION})) == [
        "region-of-node 10.71.9.20",
        f"join-node quay-1 {REGION}",
        CANARY,
    ]


def test_a_node_is_powered_off_and_its_bmcs_password_is_in_no_argument(
    workshop: Workshop, notes: Path
) -> None:
    assert lines(workshop, notes, Phase.SHUTDOWN, TARGET, Done()) == [
        "ipmitool -I lanplus -E -H 10.72.0.20 -U root chassis power off",
        "Winch 3",
    ]
