"""Real playbooks on this machine: what they are told, and what becomes of a phase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcapi.deploy.port import Done, Failed, Phase
from tests.integration.deploy.playbooks import (
    CANARY,
    HANG,
    Workshop,
    append,
    begun,
    destination_of,
    dump_variables,
    encoded,
    ended,
    needs_ansible,
    played,
    processes,
    touch,
    wait_file,
    wait_for,
    wait_gone,
)

pytestmark = needs_ansible

VARIABLES = (
    "system_mode",
    "admin_password",
    "sysadmin_password",
    "ansible_ssh_pass",
    "ansible_become_pass",
    "install_values",
    "deployment_phase",
    "subcloud_id",
    "subcloud_name",
    "region_name",
    "software_version",
    "install_release_version",
    "bootstrap_address",
)
FAIL = {"name": "Ask for power", "ansible.builtin.fail": {"msg": "no power at {{ bootstrap_address }}"}}


@pytest.mark.parametrize("phase", [Phase.INSTALL, Phase.BOOTSTRAP, Phase.REHOME, Phase.DELETE])
def test_a_phase_is_done_when_its_playbook_ended_well(workshop: Workshop, phase: Phase) -> None:
    trace = workshop.folder / "trace"
    workshop.write(phase, touch(trace))
    assert played(workshop.deployer(), phase, destination_of()) == Done()
    assert trace.exists()
    [output] = workshop.outputs()
    assert "Leave a trace" in output


def test_a_playbook_runs_against_the_subcloud_of_its_inventory(workshop: Workshop) -> None:
    seen = workshop.folder / "seen.json"
    workshop.write(
        Phase.BOOTSTRAP,
        dump_variables(seen, "inventory_hostname", "ansible_host", "ansible_user"),
        hosts="all",
        vars={"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    )
    assert played(workshop.deployer(), Phase.BOOTSTRAP, destination_of()) == Done()
    assert json.loads(seen.read_text()) == {
        "inventory_hostname": "quay-1",
        "ansible_host": "10.71.9.20",
        "ansible_user": "sysadmin",
    }


def test_a_playbook_gets_the_values_with_plain_passwords(workshop: Workshop) -> None:
    seen = workshop.folder / "seen.json"
    read = {"ansible.builtin.command": "cat {{ deploy_config_file }}", "register": "read"}
    workshop.write(Phase.INSTALL, read, dump_variables(seen, *VARIABLES, "read.stdout"))
    target = destination_of(
        install_values={"bmc_address": "10.72.0.20", "bmc_password": encoded("Winch 3")},
        deploy_config="kind: Host",
    )
    assert played(workshop.deployer(), Phase.INSTALL, target) == Done()
    assert json.loads(seen.read_text()) == {
        "system_mode": "simplex",
        "admin_password": "Bollard*7",
        "sysadmin_password": CANARY,
        "ansible_ssh_pass": CANARY,
        "ansible_become_pass": CANARY,
        "install_values": {"bmc_address": "10.72.0.20", "bmc_password": "Winch 3"},
        "deployment_phase": "install",
        "subcloud_id": 1,
        "subcloud_name": "quay-1",
        "region_name": "0" * 31 + "1",
        "software_version": "24.09",
        "install_release_version": "24.09",
        "bootstrap_address": "10.71.9.20",
        "read.stdout": "kind: Host",
    }


def test_what_a_caller_of_the_api_sent_is_evaluated_nowhere(workshop: Workshop) -> None:
    seen, harm = workshop.folder / "seen.json", workshop.folder / "harm"
    template = "{{ lookup('ansible.builtin.pipe', 'touch " + str(harm) + "') }}"
    workshop.write(
        Phase.BOOTSTRAP,
        dump_variables(seen, "description", "nested", "ansible_python_interpreter", "subcloud_name"),
    )
    values = {
        "description": template,
        "nested": [{"deep": template}],
        "ansible_python_interpreter": f"touch {harm}; true",
        "ansible_connection": "nothing",
    }
    target = destination_of(bootstrap_values=values, name=template, bootstrap_address=template)
    assert played(workshop.deployer(), Phase.BOOTSTRAP, target) == Done()
    found = json.loads(seen.read_text())
    assert (found["description"], found["nested"], found["subcloud_name"]) == (
        template,
        [{"deep": template}],
        template,
    )
    assert "touch" not in found["ansible_python_interpreter"]
    assert not harm.exists()


def test_the_message_of_the_task_that_failed_is_the_reason(workshop: Workshop) -> None:
    ignored = {"name": "Try", "ansible.builtin.fail": {"msg": "never mind"}, "ignore_errors": True}
    workshop.write(Phase.INSTALL, ignored, FAIL, touch(workshop.folder / "trace"))
    assert played(workshop.deployer(), Phase.INSTALL, destination_of()) == Failed(
        "playbook install.yml: task 'Ask for power': no power at 10.71.9.20"
    )
    assert not (workshop.folder / "trace").exists()


def test_a_reason_is_one_line_that_fits_and_tells_no_secret(workshop: Workshop) -> None:
    message = "it broke\n\nwith {{ sysadmin_password }} \x1b[31m" + 400 * "and more "
    workshop.write(Phase.INSTALL, {"name": "Break", "ansible.builtin.fail": {"msg": message}})
    state = played(workshop.deployer(), Phase.INSTALL, destination_of())
    assert isinstance(state, Failed)
    assert state.reason.startswith(
        "playbook install.yml: task 'Break': it broke with ****** [31mand more and"
    )
    assert len(state.reason) < 550
    assert state.reason.isprintable()


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            {"ansible.builtin.shell": "echo no route to host >&2; exit 4"},
            "non-zero return code: no route to host",
        ),
        ({"ansible.builtin.fail": {"msg": "{{ item }} is dark"}, "loop": ["bay 1"]}, "bay 1 is dark"),
        ({"ansible.builtin.fail": {"msg": "{{ sysadmin_password }}"}, "no_log": True}, "hidden by no_log"),
        ({"ansible.builtin.debug": {"msg": "{{ nobody_knows }}"}}, "nobody_knows"),
    ],
    ids=["command", "loop", "no_log", "undefined"],
)
def test_every_kind_of_failure_says_why(workshop: Workshop, task: dict[str, object], expected: str) -> None:
    workshop.write(Phase.REHOME, {"name": "Break", **task})
    state = played(workshop.deployer(), Phase.REHOME, destination_of())
    assert isinstance(state, Failed)
    assert "task 'Break'" in state.reason
    assert expected in state.reason


def test_a_playbook_that_cannot_be_read_says_why(workshop: Workshop) -> None:
    (workshop.playbooks / "install.yml").write_text("- hosts: localhost\n  tasks: [{no_such_module: {}}]\n")
    state = played(workshop.deployer(), Phase.INSTALL, destination_of())
    assert isinstance(state, Failed)
    assert "no_such_module" in state.reason


def test_a_host_that_cannot_be_reached_is_named(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, {"ansible.builtin.ping": None}, hosts="all", connection="ssh")
    state = played(workshop.deployer(), Phase.INSTALL, destination_of(bootstrap_address="127.0.0.1:nowhere"))
    assert isinstance(state, Failed)
    assert "ping" in state.reason


OPTIONAL = [Phase.CREATE, Phase.CONFIG, Phase.SHUTDOWN, Phase.DELETE]


@pytest.mark.parametrize("phase", OPTIONAL)
def test_a_phase_that_an_operator_need_not_have_is_done_without_a_playbook(
    workshop: Workshop, phase: Phase
) -> None:
    assert workshop.deployer().begin(phase, destination_of()) == Done()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in OPTIONAL])
def test_any_other_phase_fails_without_a_playbook_and_names_it(workshop: Workshop, phase: Phase) -> None:
    state = workshop.deployer().begin(phase, destination_of())
    assert isinstance(state, Failed)
    assert f"the phase {phase.value}: {phase.value}.yml" in state.reason


def test_a_playbook_that_hangs_is_cut_with_all_that_it_started(workshop: Workshop) -> None:
    started = workshop.folder / "started"
    # A session of its own, no parent, and no environment by which it could be known.
    hang = {
        "name": "Hang",
        "ansible.builtin.shell": f"(setsid env -i sleep 600 &) ; touch {started}; sleep 600",
    }
    workshop.write(Phase.INSTALL, hang)
    deployer = workshop.deployer(seconds=12.0)
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    wait_file(started)
    assert ended(deployer, Phase.INSTALL, destination_of()) == Failed(
        "playbook install.yml: took longer than 12 s"
    )
    assert processes(token) == []
    assert _sleepers() == []


def _sleepers() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", b"600"]:
            found.append(str(path))
    return found


def test_what_a_playbook_left_running_is_ended_with_it(workshop: Workshop) -> None:
    left = {"name": "Leave", "ansible.builtin.command": "sleep 600", "async": 600, "poll": 0}
    workshop.write(Phase.INSTALL, left)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    assert ended(deployer, Phase.INSTALL, destination_of()) == Done()
    assert processes(token) == []


def test_what_cannot_be_written_fails_the_phase_and_says_why(workshop: Workshop) -> None:
    workshop.write(Phase.CONFIG, touch(workshop.folder / "trace"))
    state = played(
        workshop.deployer(), Phase.CONFIG, destination_of(deploy_config="half a character: \ud800")
    )
    assert isinstance(state, Failed)
    assert "it could not be run: UnicodeEncodeError" in state.reason


def test_a_deletion_waits_for_no_other_subcloud(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, HANG)
    deployer = workshop.deployer()
    for number in (1, 2):
        begun(deployer, Phase.INSTALL, destination_of(number))
    deployer.delete(destination_of(2))
    assert processes(workshop.token(Phase.INSTALL, 1)) != []
    assert not (workshop.runs / "2").exists()


def test_outputs_are_bounded_in_number_and_size(workshop: Workshop) -> None:
    speak = {"name": "Speak", "ansible.builtin.debug": {"msg": "{{ 'x' * 20000 }}"}}
    workshop.write(Phase.INSTALL, {"name": "First words", "ansible.builtin.debug": {"msg": "a"}}, speak, FAIL)
    deployer = workshop.deployer(outputs=2, output_limit=4000)
    for _ in range(3):
        assert isinstance(played(deployer, Phase.INSTALL, destination_of()), Failed)
    outputs = workshop.outputs()
    assert len(outputs) == 2
    for output in outputs:
        assert len(output) < 4200
        assert "First words" in output
        assert "output omitted" in output
        assert output.endswith("no power at 10.71.9.20\n")


def test_no_more_playbooks_run_than_the_limit_says(workshop: Workshop) -> None:
    gate, lines = workshop.folder / "gate", workshop.folder / "lines"
    workshop.write(Phase.INSTALL, append(lines, "{{ subcloud_id }}"), wait_for(gate))
    one, other = workshop.deployer(at_once=2), workshop.deployer(at_once=2)
    targets = [destination_of(number) for number in (1, 2, 3)]
    for deployer, target in zip((one, other, one), targets, strict=True):
        begun(deployer, Phase.INSTALL, target)
    wait_file(lines)
    for target in targets:
        other.poll(Phase.INSTALL, target)
    assert not (workshop.runs / "3" / "install.run.json").exists()
    gate.touch()
    assert [ended(one, Phase.INSTALL, target) for target in targets] == [Done()] * 3
    assert sorted(lines.read_text().split()) == ["1", "2", "3"]


def test_a_phase_can_be_played_again_with_other_values(workshop: Workshop) -> None:
    workshop.write(Phase.REHOME, {**FAIL, "when": "bootstrap_address == '10.71.9.20'"})
    deployer = workshop.deployer()
    assert isinstance(played(deployer, Phase.REHOME, destination_of()), Failed)
    assert played(deployer, Phase.REHOME, destination_of(bootstrap_address="10.71.9.21")) == Done()


def test_a_subcloud_that_is_deleted_leaves_nothing(workshop: Workshop) -> None:
    workshop.write(Phase.INSTALL, HANG)
    deployer = workshop.deployer()
    begun(deployer, Phase.INSTALL, destination_of())
    token = workshop.token(Phase.INSTALL)
    deployer.delete(destination_of())
    wait_gone(token)
    assert not (workshop.runs / "1").exists()
    deployer.delete(destination_of())
