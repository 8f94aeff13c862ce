"""Playbooks that are aborted, in every moment and by any worker: they end, and nobody begins them anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dcapi.deploy.playbooks import abort as playbook_abort
from dcapi.deploy.playbooks.supervisor.processes import SUPERVISOR_MARK, TASK_MARK, marked_processes
from dcapi.deploy.port import Aborted, Done, Failed, Phase, Running
from tests.integration.deploy.playbooks import (
    HANG,
    Task,
    Workshop,
    aborted,
    append,
    begun,
    destination_of,
    ended,
    kill_supervisor,
    needs_ansible,
    played,
    processes,
    wait_file,
    wait_for,
)

pytestmark = needs_ansible

TARGET = destination_of()


def assert_nothing_is_left(workshop: Workshop, token: str) -> None:
    assert processes(token) == []
    assert not (workshop.runs / "1" / "run").exists()


def assert_it_stays_aborted(workshop: Workshop, token: str) -> None:
    """Whatever a worker asks that has not heard of the abort."""
    late = workshop.deployer()
    assert isinstance(late.poll(Phase.INSTALL, TARGET), Running)
    assert late.abort(Phase.INSTALL, TARGET) == Aborted()
    assert workshop.token(Phase.INSTALL) == token
    assert_nothing_is_left(workshop, token)


def hold(reached: Path, gate: Path) -> list[Task]:
    """Say that the playbook must not be ended now, until the gate is there."""
    file = "{{ not_abortable_file }}"
    return [
        {"name": "Hold", "ansible.builtin.file": {"path": file, "state": "touch", "mode": "0600"}},
        append(reached, "reached"),
        wait_for(gate),
        {"name": "Let go", "ansible.builtin.file": {"path": file, "state": "absent"}},
    ]


def test_a_playbook_is_ended_with_all_that_it_started(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    hang = {"ansible.builtin.shell": f"(setsid env -i sleep 600 &) ; echo begun >> {lines}; sleep 600"}
    workshop.write(Phase.INSTALL, hang, append(lines, "went on"))
    begun(workshop.deployer(), Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(lines)
    # Not the worker that began it.
    assert aborted(workshop.deployer(), Phase.INSTALL, TARGET) == Aborted()
    assert lines.read_text() == "begun\n"
    assert len(workshop.outputs()) == 1
    assert_it_stays_aborted(workshop, token)


def test_a_playbook_is_ended_before_anybody_has_looked_at_it(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    workshop.write(Phase.INSTALL, HANG, append(lines, "went on"))
    begun(workshop.deployer(), Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    assert aborted(workshop.deployer(), Phase.INSTALL, TARGET) == Aborted()
    assert not lines.exists()
    assert_it_stays_aborted(workshop, token)


def test_a_playbook_that_waits_for_its_turn_is_never_begun(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "{{ subcloud_id }}"), wait_for(gate))
    deployer, other = workshop.deployer(at_once=1), destination_of(2)
    begun(deployer, Phase.INSTALL, other)
    begun(deployer, Phase.INSTALL, TARGET)
    assert workshop.deployer(at_once=1).abort(Phase.INSTALL, TARGET) == Aborted()
    gate.touch()
    assert ended(deployer, Phase.INSTALL, other) == Done()
    assert_it_stays_aborted(workshop, workshop.token(Phase.INSTALL))
    assert lines.read_text() == "2\n"
    # Who asks for the phase again gets it.
    assert played(deployer, Phase.INSTALL, TARGET) == Done()
    assert lines.read_text() == "2\n1\n"


def test_a_playbook_that_waits_for_another_phase_is_never_begun(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.PRESTAGE, append(lines, "prestage"), wait_for(gate))
    workshop.write(Phase.INSTALL, append(lines, "install"))
    deployer = workshop.deployer()
    begun(deployer, Phase.PRESTAGE, TARGET)
    wait_file(lines)
    begun(deployer, Phase.INSTALL, TARGET)
    assert deployer.abort(Phase.INSTALL, TARGET) == Aborted()
    assert isinstance(deployer.poll(Phase.INSTALL, TARGET), Running)
    gate.touch()
    assert ended(deployer, Phase.PRESTAGE, TARGET) == Done()
    assert_it_stays_aborted(workshop, workshop.token(Phase.INSTALL))
    assert lines.read_text() == "prestage\n"


def test_what_was_never_begun_is_aborted_at_once(workshop: Workshop) -> None:
    assert workshop.deployer().abort(Phase.INSTALL, TARGET) == Aborted()


@pytest.mark.parametrize(
    ("task", "outcome"),
    [
        ({"ansible.builtin.ping": None}, Done()),
        (
            {"name": "Boot", "ansible.builtin.fail": {"msg": "no power"}},
            Failed("playbook install.yml: task 'Boot': no power"),
        ),
    ],
    ids=["done", "failed"],
)
def test_a_playbook_that_ended_by_itself_keeps_its_own_outcome(
    workshop: Workshop, task: Task, outcome: Done | Failed
) -> None:
    workshop.write(Phase.INSTALL, task)
    assert played(workshop.deployer(), Phase.INSTALL, TARGET) == outcome
    assert workshop.deployer().abort(Phase.INSTALL, TARGET) == outcome


def test_a_playbook_is_not_ended_while_it_says_so(workshop: Workshop) -> None:
    gate, reached, lines = (workshop.folder / name for name in ("gate", "reached", "lines"))
    workshop.write(Phase.INSTALL, *hold(reached, gate), HANG, append(lines, "went on"))
    begun(workshop.deployer(), Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)
    other = workshop.deployer()
    assert [other.abort(Phase.INSTALL, TARGET) for _ in range(3)] == [Running(1.0)] * 3
    assert marked_processes(TASK_MARK, token)
    gate.touch()
    assert aborted(other, Phase.INSTALL, TARGET) == Aborted()
    assert not lines.exists()
    assert_it_stays_aborted(workshop, token)


def test_a_playbook_that_ends_well_while_it_is_held_is_done(workshop: Workshop) -> None:
    gate, reached = workshop.folder / "gate", workshop.folder / "reached"
    workshop.write(Phase.INSTALL, *hold(reached, gate)[:-1])
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    wait_file(reached)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    gate.touch()
    assert aborted(deployer, Phase.INSTALL, TARGET) == Done()
    assert ended(deployer, Phase.INSTALL, TARGET) == Done()


def test_a_playbook_that_says_so_too_long_is_ended(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = workshop.folder / "reached"
    workshop.write(Phase.INSTALL, *hold(reached, workshop.folder / "never"))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    wait_file(reached)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    monkeypatch.setattr(playbook_abort, "HELD_SECONDS", -1.0)
    assert aborted(deployer, Phase.INSTALL, TARGET) == Aborted()
    assert_it_stays_aborted(workshop, workshop.token(Phase.INSTALL))


@pytest.mark.parametrize("asked_before", [False, True], ids=["killed first", "asked first"])
def test_a_playbook_whose_supervisor_is_killed_is_not_begun_anew(
    workshop: Workshop, asked_before: bool
) -> None:
    reached = workshop.folder / "reached"
    workshop.write(Phase.INSTALL, *hold(reached, workshop.folder / "never"))
    begun(workshop.deployer(), Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)
    other = workshop.deployer()
    if asked_before:
        assert isinstance(other.abort(Phase.INSTALL, TARGET), Running)
    kill_supervisor(workshop)
    if asked_before:
        assert isinstance(workshop.deployer().poll(Phase.INSTALL, TARGET), Running)
        assert workshop.token(Phase.INSTALL) == token
    assert other.abort(Phase.INSTALL, TARGET) == Aborted()
    assert_it_stays_aborted(workshop, token)


def test_a_site_that_ends_meanwhile_leaves_nothing_to_begin_anew(workshop: Workshop) -> None:
    reached = workshop.folder / "reached"
    workshop.write(Phase.INSTALL, *hold(reached, workshop.folder / "never"))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    deployer.close()
    late = workshop.deployer()
    assert isinstance(late.poll(Phase.INSTALL, TARGET), Running)
    assert late.abort(Phase.INSTALL, TARGET) == Aborted()
    assert_it_stays_aborted(workshop, token)


def stop_supervisor(token: str) -> None:
    for pid in marked_processes(SUPERVISOR_MARK, token):
        os.kill(pid, signal.SIGSTOP)


def test_a_supervisor_that_does_not_end_is_killed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = workshop.folder / "reached"
    workshop.write(Phase.INSTALL, append(reached, "reached"), HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)
    stop_supervisor(token)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    monkeypatch.setattr(playbook_abort, "KILL_SECONDS", -1.0)
    assert aborted(deployer, Phase.INSTALL, TARGET) == Aborted()
    assert_it_stays_aborted(workshop, token)


def test_what_cannot_be_ended_is_a_failure(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = workshop.folder / "reached"
    workshop.write(Phase.INSTALL, append(reached, "reached"), HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    wait_file(reached)
    stop_supervisor(workshop.token(Phase.INSTALL))
    monkeypatch.setattr(playbook_abort, "end_everything", lambda _token: None)
    monkeypatch.setattr(playbook_abort, "GIVE_UP_SECONDS", -1.0)
    assert deployer.abort(Phase.INSTALL, TARGET) == Failed("playbook install.yml: it could not be ended")


def test_a_phase_that_is_begun_during_its_abort_begins_anew(workshop: Workshop) -> None:
    gate, reached = workshop.folder / "gate", workshop.folder / "reached"
    workshop.write(Phase.INSTALL, *hold(reached, gate))
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(reached)
    assert isinstance(deployer.abort(Phase.INSTALL, TARGET), Running)
    begun(deployer, Phase.INSTALL, TARGET)
    gate.touch()
    assert ended(deployer, Phase.INSTALL, TARGET) == Done()
    assert workshop.token(Phase.INSTALL) != token
    assert reached.read_text() == "reached\n" * 2


def test_a_phase_that_waits_for_its_own_earlier_run_is_never_begun(workshop: Workshop) -> None:
    lines = workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "{{ bootstrap_address }}"), HANG)
    deployer, corrected = workshop.deployer(), destination_of(bootstrap_address="10.71.9.21")
    begun(deployer, Phase.INSTALL, TARGET)
    token = workshop.token(Phase.INSTALL)
    wait_file(lines)
    stop_supervisor(token)
    begun(deployer, Phase.INSTALL, corrected)
    assert isinstance(deployer.abort(Phase.INSTALL, corrected), Running)
    kill_supervisor(workshop)
    assert isinstance(workshop.deployer().poll(Phase.INSTALL, corrected), Running)
    assert deployer.abort(Phase.INSTALL, corrected) == Aborted()
    assert_it_stays_aborted(workshop, token)
    assert lines.read_text() == "10.71.9.20\n"
