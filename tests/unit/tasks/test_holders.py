"""Holders of leases, judged by what a machine shows: a live one is never taken for dead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcapi.tasks.holders import (
    INITIAL_NAMESPACE,
    Life,
    ProcessState,
    System,
    holder_of,
    life_of,
    own_name,
    read_state,
)

BOOT = "c6142506-26f9-49b0-9f90-93c3ead10111"
EARLIER_BOOT = "0b8e2f9e-8a0e-4d0f-8f3c-1f5b8e9a7c11"
MACHINE_ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"
# What the column of a lease's owner takes, less what is appended for each thread.
LONGEST_NAME = 255 - len("/0123abcd")


class Machine(System):
    """A machine with the processes that a test puts there, seen by the first of them."""

    def __init__(
        self, *, host: str = "controller-0", boot: str = BOOT, namespace: str = INITIAL_NAMESPACE
    ) -> None:
        self.host, self.own = host, 1
        self.files = {"/proc/sys/kernel/random/boot_id": f"{boot}\n", "/etc/machine-id": f"{MACHINE_ID}\n"}
        self.links = {"/proc/self": "1", "/proc/self/ns/pid": f"pid:[{namespace}]"}
        self.processes: set[int] = set()
        self.run(1)

    def run(
        self, process: int, *, start: int = 5000, state: str = "S", threads: int = 1, name: str = "gunicorn"
    ) -> None:
        self.processes.add(process)
        before, between = " ".join("0" * 14), f"20 0 {threads} 0"
        line = f"{process} ({name}) {state} {before} {between} {start} 3133440 378\n"
        self.files[f"/proc/{process}/stat"] = line

    def end(self, process: int) -> None:
        self.processes.remove(process)
        del self.files[f"/proc/{process}/stat"]

    def host_name(self) -> str:
        return self.host

    def process_id(self) -> int:
        return self.own

    def read(self, path: str) -> str:
        return _shown(self.files, path)

    def link(self, path: str) -> str:
        return _shown(self.links, path)

    def is_gone(self, process: int) -> bool:
        return process not in self.processes


def _shown(there: dict[str, str], path: str) -> str:
    if path not in there:
        raise FileNotFoundError(path)
    return there[path]


def name_on(machine: Machine, process: int = 200, **shown: int | str) -> str:
    """The name that another process of the machine has."""
    machine.run(process, **shown)  # type: ignore[arg-type]
    machine.own, machine.links["/proc/self"] = process, str(process)
    name = own_name(machine)
    machine.own, machine.links["/proc/self"] = 1, "1"
    return name


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_name_tells_the_process_and_hides_the_machine_id(machine: Machine) -> None:
    holder = holder_of(own_name(machine))

    assert holder is not None
    assert (holder.host, holder.boot, holder.namespace) == ("controller-0", BOOT, INITIAL_NAMESPACE)
    assert (holder.process, holder.start) == (1, 5000)
    assert MACHINE_ID not in own_name(machine)


def test_a_name_fits_its_column_whatever_the_host_is_called() -> None:
    machine = Machine(host="h" * 255)

    assert holder_of(own_name(machine)) is not None
    assert len(own_name(machine)) <= LONGEST_NAME


def test_a_process_has_another_name_each_time(machine: Machine) -> None:
    assert own_name(machine) != own_name(machine)


@pytest.mark.parametrize("name", ["gunicorn", "a (b) c) Z 1", "py\nthon", ""])
@pytest.mark.parametrize("state", ["S", "R", "D", "T", "I"])
def test_a_process_that_is_there_is_alive_whatever_its_name(machine: Machine, name: str, state: str) -> None:
    owner = name_on(machine, name=name, state=state)

    assert read_state(machine, 200) == ProcessState(state, 1, 5000)
    assert life_of(owner, machine) is Life.ALIVE


def test_what_is_appended_for_a_thread_changes_nothing(machine: Machine) -> None:
    name = f"{name_on(machine)}/0123abcd"

    assert life_of(name, machine) is Life.ALIVE
    machine.end(200)
    assert life_of(name, machine) is Life.DEAD


def test_a_process_knows_that_it_lives_itself(machine: Machine) -> None:
    assert life_of(own_name(machine), machine) is Life.ALIVE


def test_a_process_that_is_gone_is_dead(machine: Machine) -> None:
    name = name_on(machine)
    machine.end(200)

    assert life_of(name, machine) is Life.DEAD


def test_a_process_of_another_start_is_another_one(machine: Machine) -> None:
    name = name_on(machine)
    machine.run(200, start=5001)

    assert life_of(name, machine) is Life.DEAD


@pytest.mark.parametrize("state", ["Z", "X", "x"])
def test_a_zombie_is_dead(machine: Machine, state: str) -> None:
    name = name_on(machine)
    machine.run(200, state=state)

    assert life_of(name, machine) is Life.DEAD


def test_threads_that_outlive_the_first_one_keep_a_process_alive(machine: Machine) -> None:
    name = name_on(machine)
    machine.run(200, state="Z", threads=2)

    assert life_of(name, machine) is Life.ALIVE


def test_a_process_that_the_system_hides_may_be_alive(machine: Machine) -> None:
    name = name_on(machine)
    del machine.files["/proc/200/stat"]

    assert life_of(name, machine) is Life.UNKNOWN


@pytest.mark.parametrize("line", ["", "200 (gunicorn) S 1 2 3", "200 (gunicorn)" + " x" * 30])
def test_a_line_that_cannot_be_read_tells_nothing(machine: Machine, line: str) -> None:
    name = name_on(machine)
    machine.files["/proc/200/stat"] = line

    assert life_of(name, machine) is Life.UNKNOWN


def hide_boot(machine: Machine) -> None:
    del machine.files["/proc/sys/kernel/random/boot_id"]


def hide_namespace(machine: Machine) -> None:
    del machine.links["/proc/self/ns/pid"]


def show_the_processes_of_another_namespace(machine: Machine) -> None:
    machine.links["/proc/self"] = "4711"


@pytest.mark.parametrize("blind", [hide_boot, hide_namespace, show_the_processes_of_another_namespace])
def test_who_does_not_see_its_machine_judges_nobody(blind: Callable[[Machine], None]) -> None:
    name = name_on(Machine())
    machine = Machine()
    blind(machine)

    assert life_of(name, machine) is Life.UNKNOWN
    assert holder_of(own_name(machine)) is None


OTHERS = {
    "another host": Machine(host="controller-1"),
    "another host, booted later": Machine(host="controller-1", boot=EARLIER_BOOT),
    "another pid namespace": Machine(namespace="4026532500"),
    "another pid namespace, booted later": Machine(namespace="4026532500", boot=EARLIER_BOOT),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_process_out_of_sight_waits_for_its_expiry(machine: Machine, other: Machine) -> None:
    assert life_of(name_on(machine), other) is Life.UNKNOWN
    assert life_of(name_on(other), machine) is Life.UNKNOWN


def test_a_host_with_the_name_of_another_one_judges_nobody_there(machine: Machine) -> None:
    name = name_on(machine)
    machine = Machine()
    machine.files["/etc/machine-id"] = MACHINE_ID[::-1]

    assert life_of(name, machine) is Life.UNKNOWN


def test_a_process_of_an_earlier_boot_is_dead(machine: Machine) -> None:
    name = name_on(Machine(boot=EARLIER_BOOT))
    machine.run(200)

    assert life_of(name, machine) is Life.DEAD


@pytest.mark.parametrize("machine_id", [None, "", "uninitialized\n"])
def test_without_a_machine_id_no_earlier_boot_is_known(machine: Machine, machine_id: str | None) -> None:
    earlier = Machine(boot=EARLIER_BOOT)
    for one in (earlier, machine):
        del one.files["/etc/machine-id"]
        if machine_id is not None:
            one.files["/etc/machine-id"] = machine_id

    assert life_of(name_on(earlier), machine) is Life.UNKNOWN
    assert life_of(name_on(machine), machine) is Life.ALIVE


def test_a_container_outlives_the_boot_of_a_machine(machine: Machine) -> None:
    earlier = Machine(boot=EARLIER_BOOT, namespace="4026532500")
    later = Machine(namespace="4026532500")

    assert life_of(name_on(earlier), later) is Life.UNKNOWN


@pytest.mark.parametrize("owner", ["", "the watcher", "controller-0/100/0123abcd", "h/100/0123abcd/4567cdef"])
def test_an_owner_of_the_old_form_waits_for_its_expiry(machine: Machine, owner: str) -> None:
    assert life_of(owner, machine) is Life.UNKNOWN


PARTS = st.sampled_from(
    ["controller-0", BOOT, INITIAL_NAMESPACE, "-", "0", "-1", "200", "9" * 30, "٣", "ccd617ed8a4f19de", ""]
)


@given(owner=st.text() | st.lists(PARTS, max_size=9).map("/".join))
def test_any_text_as_an_owner_is_judged_without_an_error(owner: str) -> None:
    life_of(owner, Machine())


@given(host=st.text(), process=st.integers(2, 2**22), start=st.integers(0, 2**63))
def test_every_name_is_read_as_the_process_that_took_it(host: str, process: int, start: int) -> None:
    machine = Machine(host=host)
    name = name_on(machine, process, start=start)

    holder = holder_of(name)
    assert holder is not None
    assert (holder.process, holder.start) == (process, start)
    assert life_of(name, machine) is Life.ALIVE
    machine.end(process)
    assert life_of(name, machine) is Life.DEAD


LINES = st.builds(
    lambda state, threads, start: (state, threads, start),
    st.sampled_from("RSDTtIZXx"),
    st.integers(1, 50),
    st.integers(4999, 5001),
)


@given(line=LINES)
def test_a_process_counts_as_dead_only_when_it_ended_or_is_another(line: tuple[str, int, int]) -> None:
    state, threads, start = line
    machine = Machine()
    name = name_on(machine, start=5000)
    machine.run(200, state=state, threads=threads, start=start)

    is_another = start != 5000
    ended = state in "Xx" or (state == "Z" and threads == 1)
    assert (life_of(name, machine) is Life.DEAD) == (is_another or ended)


def test_this_process_is_alive_where_it_runs_now() -> None:
    name = own_name()

    assert life_of(name) is (Life.UNKNOWN if holder_of(name) is None else Life.ALIVE)
