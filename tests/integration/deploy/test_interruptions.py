"""Playbooks whose workers end, in good order or not: one runs at a time, and none is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from dcapi.deploy.ansible import LOST
from dcapi.deploy.playbooks.supervisor import processes as supervised
from dcapi.deploy.port import Done, Failed, Phase, Running
from tests.integration.deploy.playbooks import (
    HANG,
    Workshop,
    append,
    begun,
    destination_of,
    ended,
    kill_supervisor,
    needs_ansible,
    processes,
    wait_file,
    wait_for,
    wait_gone,
)

pytestmark = needs_ansible


def test_a_playbook_outlives_its_worker_and_another_one_gets_the_outcome(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "begun"), wait_for(gate))
    begun(workshop.deployer(), Phase.INSTALL, destination_of())
    wait_file(lines)
    other = workshop.deployer()
    # The first worker died before it had written that the phase has begun, so it is begun again.
    assert isinstance(other.begin(Phase.INSTALL, destination_of()), Running)
    assert isinstance(other.poll(Phase.INSTALL, destination_of()), Running)
    gate.touch()
    assert ended(other, Phase.INSTALL, destination_of()) == Done()
    assert lines.read_text() == "begun\n"
    # Who asks again before the row is written is told the same.
    assert other.poll(Phase.INSTALL, destination_of()) == Done()


def test_ending_worker_ends_its_playbooks_and_the_next_begins_anew(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "begun"), wait_for(gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    wait_file(lines)
    deployer.close()
    assert processes(token) == []
    assert isinstance(deployer.poll(Phase.INSTALL, destination_of()), Running)
    assert isinstance(deployer.begin(Phase.BOOTSTRAP, destination_of(2)), Failed | Running)
    assert processes(token) == []
    gate.touch()
    assert ended(workshop.deployer(), Phase.INSTALL, destination_of()) == Done()
    assert lines.read_text() == "begun\nbegun\n"


def test_a_playbook_runs_to_its_end_after_what_it_needs_was_lost(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "begun"), wait_for(gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    wait_file(lines)
    lost = replace(destination_of(), can_begin=False)
    assert isinstance(deployer.poll(Phase.INSTALL, lost), Running)
    gate.touch()
    assert ended(deployer, Phase.INSTALL, lost) == Done()


def test_a_playbook_that_was_cut_off_is_not_begun_without_what_it_needs(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "begun"), HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    wait_file(lines)
    deployer.close()
    lost = replace(destination_of(), can_begin=False)
    assert workshop.deployer().poll(Phase.INSTALL, lost) == Failed(LOST)
    assert lines.read_text() == "begun\n"


def test_a_worker_ends_what_it_looks_after_for_one_that_died(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, HANG)
    begun(workshop.deployer(), Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    other = workshop.deployer()
    assert isinstance(other.poll(Phase.INSTALL, destination_of()), Running)
    other.close()
    assert processes(token) == []


def test_a_worker_that_ends_right_after_it_began_a_playbook_ends_it_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the kernel has set up a new process, it shows an empty environment: nobody finds its mark."""
    looks: Counter[int] = Counter()
    read = supervised._environment

    def read_late(pid: int) -> list[bytes]:
        looks[pid] += 1
        return read(pid) if looks[pid] > 3 else []

    monkeypatch.setattr(supervised, "_environment", read_late)
    workshop.write(Phase.INSTALL, HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    deployer.close()
    monkeypatch.undo()
    assert processes(workshop.token(Phase.INSTALL)) == []


def test_playbook_of_a_killed_process_is_ended_before_a_new_begin(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "begun"), wait_for(gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    wait_file(lines)
    kill_supervisor(workshop)
    assert isinstance(workshop.deployer().poll(Phase.INSTALL, destination_of()), Running)
    assert processes(token) == []
    assert workshop.token(Phase.INSTALL) != token
    gate.touch()
    assert ended(deployer, Phase.INSTALL, destination_of()) == Done()
    assert lines.read_text() == "begun\nbegun\n"


def test_a_playbook_whose_process_is_killed_again_and_again_has_failed(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    for _ in range(2):
        kill_supervisor(workshop)
        assert isinstance(deployer.poll(Phase.INSTALL, destination_of()), Running)
    token = workshop.token(Phase.INSTALL)
    kill_supervisor(workshop)
    state = deployer.poll(Phase.INSTALL, destination_of())
    assert isinstance(state, Failed)
    assert "killed 3 times" in state.reason
    assert processes(token) == []
    assert not (workshop.runs / "1" / "run").exists()


def test_a_start_removes_what_a_killed_process_was_told(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    overrides = workshop.runs / "1" / "run" / "overrides.yml"
    wait_file(overrides)
    workshop.deployer().tidy()
    assert overrides.exists()  # it runs
    kill_supervisor(workshop)
    workshop.deployer().tidy()
    assert not overrides.exists()


def test_the_same_phase_with_other_values_ends_the_first_one(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    hang = {**HANG, "when": "bootstrap_address == '10.71.9.20'"}
    workshop.write(Phase.REHOME, append(lines, "{{ bootstrap_address }}"), hang)
    deployer = workshop.deployer()
    begun(deployer, Phase.REHOME, destination_of())
    token = workshop.token(Phase.REHOME)
    wait_file(lines)
    corrected = destination_of(bootstrap_address="10.71.9.21")
    begun(deployer, Phase.REHOME, corrected)
    assert ended(deployer, Phase.REHOME, corrected) == Done()
    assert processes(token) == []
    assert lines.read_text() == "10.71.9.20\n10.71.9.21\n"


def test_second_phase_waits_for_the_first_and_both_have_outcomes(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.PRESTAGE, append(lines, "prestage"), wait_for(gate))
    workshop.write(Phase.RECONFIGURE, append(lines, "reconfigure"))
    deployer = workshop.deployer()
    begun(deployer, Phase.PRESTAGE, destination_of())
    wait_file(lines)
    begun(deployer, Phase.RECONFIGURE, destination_of())
    assert isinstance(deployer.poll(Phase.RECONFIGURE, destination_of()), Running)
    assert lines.read_text() == "prestage\n"
    gate.touch()
    assert ended(deployer, Phase.RECONFIGURE, destination_of()) == Done()
    assert ended(deployer, Phase.PRESTAGE, destination_of()) == Done()
    assert lines.read_text() == "prestage\nreconfigure\n"


def test_a_deletion_ends_whatever_runs(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "install"), HANG)
    workshop.write(Phase.DELETE, append(lines, "delete"))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    wait_file(lines)
    begun(deployer, Phase.DELETE, destination_of())
    wait_gone(token)
    assert ended(deployer, Phase.DELETE, destination_of()) == Done()
    assert lines.read_text() == "install\ndelete\n"


def test_a_process_that_does_not_end_in_time_is_killed_by_whoever_looks(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = Phase.REHOME
    workshop.write(phase, HANG)
    deployer = workshop.deployer()
    begun(deployer, phase, destination_of())
    token = workshop.token(phase)
    monkeypatch.setattr("dcapi.deploy.ansible.GRACE_SECONDS", -1.0)
    late = workshop.deployer(seconds=0.0)
    state = late.poll(phase, destination_of())
    assert isinstance(state, Failed)
    assert "took longer" in state.reason
    assert processes(token) == []
