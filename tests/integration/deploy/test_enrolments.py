"""Playbooks that enroll a node that runs, or power one off: what they get, and what they give back."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dcapi.deploy.playbooks import outcome as playbook_outcome
from dcapi.deploy.port import Done, Failed, NamedFile, Phase
from tests.integration.deploy.playbooks import (
    HANG,
    Workshop,
    begun,
    destination_of,
    dump_variables,
    encoded,
    ended,
    needs_ansible,
    played,
    processes,
    wait_file,
    wait_for,
)
from tests.integration.deploy.test_secrets import files_that_tell, process_texts, told

pytestmark = needs_ansible

CANARY = "Seed*canary-88"
ARCHIVE = NamedFile("cloud_init_config", "seed.tar", f"\x00scripts {CANARY}\xff".encode("latin-1"))


def set_stats(**data: Any) -> dict[str, Any]:
    return {"ansible.builtin.set_stats": {"data": data}}


def test_the_archive_of_a_seed_is_there_for_the_run_alone(workshop: Workshop) -> None:
    dump, seen, gate = (workshop.folder / name for name in ("dump", "seen", "gate"))
    show = {"ansible.builtin.debug": {"msg": "{{ sysadmin_password }} {{ install_values.bmc_password }}"}}
    workshop.write(
        Phase.ENROLL_INIT,
        dump_variables(dump, "cloud_init_config_file", "install_values.enroll_overrides"),
        show,
        {"ansible.builtin.file": {"path": str(seen), "state": "touch"}},
        wait_for(gate),
    )
    values = {"bmc_password": encoded("Winch 3"), "enroll_overrides": {"enroll_reconfigured_oam": "10.9.0.3"}}
    target = destination_of(install_values=values, cloud_init_config=lambda: ARCHIVE)
    deployer = workshop.deployer()
    begun(deployer, Phase.ENROLL_INIT, target)
    wait_file(seen)
    found = json.loads(dump.read_text())
    path = Path(found["cloud_init_config_file"])
    assert found["install_values.enroll_overrides"] == {"enroll_reconfigured_oam": "10.9.0.3"}
    assert (path.name, path.read_bytes()) == ("seed.tar", ARCHIVE.content)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.is_relative_to(workshop.runs / "1" / "run")
    assert not [place for place, text in process_texts() if CANARY in text or told(text)]
    gate.touch()
    assert ended(deployer, Phase.ENROLL_INIT, target) == Done()
    assert not (workshop.runs / "1" / "run").exists()
    assert files_that_tell(workshop) == set()
    [output] = workshop.outputs()
    assert "****** ******" in output
    assert "Winch" not in output


def test_without_an_archive_its_path_is_none(workshop: Workshop) -> None:
    dump = workshop.folder / "dump"
    for phase in (Phase.ENROLL_INIT, Phase.ENROLL):
        workshop.write(phase, dump_variables(dump, "cloud_init_config_file"))
        assert played(workshop.deployer(), phase, destination_of()) == Done()
        wanted = None if phase is Phase.ENROLL_INIT else "(none)"
        assert json.loads(dump.read_text()) == {"cloud_init_config_file": wanted}


def test_an_enrolment_returns_the_region_name_that_it_found(workshop: Workshop) -> None:
    found = "ab" * 16
    workshop.write(Phase.ENROLL, set_stats(region_name=found, secret="{{ sysadmin_password }}"))
    deployer = workshop.deployer()
    assert played(deployer, Phase.ENROLL, destination_of()) == Done({"region_name": found})
    # Whoever asks again is told the same.
    assert workshop.deployer().poll(Phase.ENROLL, destination_of()) == Done({"region_name": found})
    assert files_that_tell(workshop) == set()


def test_an_enrolment_need_not_return_a_region_name(workshop: Workshop) -> None:
    workshop.write(Phase.ENROLL, {"ansible.builtin.ping": None})
    assert played(workshop.deployer(), Phase.ENROLL, destination_of()) == Done()


def test_other_phases_return_nothing(workshop: Workshop) -> None:
    workshop.write(Phase.BOOTSTRAP, set_stats(region_name="ab" * 16))
    assert played(workshop.deployer(), Phase.BOOTSTRAP, destination_of()) == Done()


@pytest.mark.parametrize("name", ["RegionOne", "", ["ab" * 16]])
def test_what_can_be_no_region_name_fails_the_enrolment(workshop: Workshop, name: Any) -> None:
    workshop.write(Phase.ENROLL, set_stats(region_name=name))
    assert played(workshop.deployer(), Phase.ENROLL, destination_of()) == Failed(
        f"playbook enroll.yml: {name!r} can be no region_name"
    )


def test_what_powers_a_node_off_gets_the_bmc_and_no_password_of_the_system(workshop: Workshop) -> None:
    dump = workshop.folder / "dump"
    workshop.write(
        Phase.SHUTDOWN,
        dump_variables(dump, "install_values.bmc_password", "sysadmin_password", "ansible_ssh_pass"),
    )
    target = destination_of(install_values={"bmc_password": encoded("Winch 3")})
    assert played(workshop.deployer(), Phase.SHUTDOWN, target) == Done()
    assert json.loads(dump.read_text()) == {
        "install_values.bmc_password": "Winch 3",
        "sysadmin_password": "(none)",
        "ansible_ssh_pass": "(none)",
    }


def test_a_node_that_is_not_off_in_time_is_left_to_its_bmc(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert playbook_outcome.LIMITS == {Phase.SHUTDOWN: 60.0}
    monkeypatch.setattr(playbook_outcome, "LIMITS", {Phase.SHUTDOWN: 2.0})
    workshop.write(Phase.SHUTDOWN, HANG)
    with caplog.at_level(logging.WARNING):
        assert played(workshop.deployer(), Phase.SHUTDOWN, destination_of()) == Done()
    assert "playbook shutdown.yml: took longer than 2 s" in caplog.text
    assert processes(workshop.token(Phase.SHUTDOWN)) == []


def test_a_bmc_that_refuses_is_a_failure(workshop: Workshop) -> None:
    workshop.write(Phase.SHUTDOWN, {"name": "Power off", "ansible.builtin.fail": {"msg": "403 from the BMC"}})
    assert played(workshop.deployer(), Phase.SHUTDOWN, destination_of()) == Failed(
        "playbook shutdown.yml: task 'Power off': 403 from the BMC"
    )
