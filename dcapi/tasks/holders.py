"""Who holds a lease: a process, named so that others on its host can tell whether it is still there.

A live process must never be taken for a dead one. Whatever is in doubt is UNKNOWN, and its leases wait for
their expiry.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import uuid
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

# The number that Linux gives the pid namespace of the machine itself.
INITIAL_NAMESPACE = "4026531836"
NO_MACHINE_ID = "-"

HOST_LENGTH = 64
MACHINE_LENGTH = 16

OWNER = re.compile(
    r"(?P<host>[\w.-]+)/(?P<machine>[0-9a-f]{16}|-)/(?P<boot>[0-9a-f-]{36})/(?P<namespace>[0-9]{1,20})"
    r"/(?P<process>[1-9][0-9]{0,8})/(?P<start>[0-9]{1,20})/.*",
    re.ASCII,
)
NAMESPACE = re.compile(r"pid:\[([0-9]{1,20})\]")
BOOT_ID = re.compile(r"[0-9a-f-]{36}")
MACHINE_ID = re.compile(r"[0-9a-f]{32}")


class Life(Enum):
    ALIVE = auto()
    DEAD = auto()
    UNKNOWN = auto()


class System:
    """What a process sees of its machine. Reading raises OSError where the machine does not show it."""

    def host_name(self) -> str:
        return socket.gethostname()

    def process_id(self) -> int:
        return os.getpid()

    def read(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8", errors="replace")

    def link(self, path: str) -> str:
        return os.readlink(path)

    def is_gone(self, process: int) -> bool:
        """Whether no such process exists; False for one that the system merely hides."""
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


SYSTEM = System()


class Holder(NamedTuple):
    """A process on a machine; the start, in ticks since the boot, tells it from others of the same id."""

    host: str
    machine: str
    boot: str
    namespace: str
    process: int
    start: int


class ProcessState(NamedTuple):
    """What /proc/<pid>/stat says of a process."""

    state: str
    threads: int
    start: int

    @property
    def has_ended(self) -> bool:
        """A zombie has; but a process whose first thread ended before the others shows that state, too."""
        return self.state in "Xx" or (self.state == "Z" and self.threads <= 1)


def own_name(system: System = SYSTEM) -> str:
    """The name under which this process takes leases, another one each time. Anything may be appended."""
    random = uuid.uuid4().hex[:8]
    holder = own_holder(system)
    if holder is None:
        return f"{_host(system)}/{system.process_id()}/{random}"
    return "/".join([*map(str, holder), random])


def own_holder(system: System) -> Holder | None:
    """This process, None where the machine does not show enough of it."""
    try:
        return _read_holder(system, system.process_id())
    except (OSError, ValueError):
        return None


# All that a process is named by stays the same while it lives, and it is asked for at each look at a lease.
@lru_cache(maxsize=1)
def _read_holder(system: System, process: int) -> Holder:
    if system.link("/proc/self") != str(process):
        raise ValueError("/proc is that of another pid namespace: our numbers are other processes there")
    boot = BOOT_ID.fullmatch(system.read("/proc/sys/kernel/random/boot_id").strip())
    namespace = NAMESPACE.fullmatch(system.link("/proc/self/ns/pid"))
    if boot is None or namespace is None:
        raise ValueError("this system names its boot or its pid namespace in another way")
    start = read_state(system, process).start
    return Holder(_host(system), _machine(system), boot[0], namespace[1], process, start)


def holder_of(owner: str) -> Holder | None:
    """The process that an owner names; None for a name that says too little."""
    found = OWNER.fullmatch(owner)
    if found is None:
        return None
    host, machine, boot, namespace, process, start = found.groups()
    return Holder(host, machine, boot, namespace, int(process), int(start))


def life_of(owner: str, system: System = SYSTEM) -> Life:
    """Whether the process that an owner names is still there, as far as this one can tell."""
    holder, own = holder_of(owner), own_holder(system)
    if holder is None or own is None or (holder.host, holder.machine) != (own.host, own.machine):
        return Life.UNKNOWN
    if holder.boot != own.boot:
        return Life.DEAD if _is_of_the_machine(holder) and _is_of_the_machine(own) else Life.UNKNOWN
    if holder.namespace != own.namespace:
        return Life.UNKNOWN
    return _life_here(holder, system)


def _is_of_the_machine(holder: Holder) -> bool:
    """Whether it ends with its boot: a container may go to another machine, under the same host name."""
    return holder.machine != NO_MACHINE_ID and holder.namespace == INITIAL_NAMESPACE


def _life_here(holder: Holder, system: System) -> Life:
    try:
        found = read_state(system, holder.process)
    except OSError:
        # /proc may hide the processes of other users.
        return Life.DEAD if system.is_gone(holder.process) else Life.UNKNOWN
    except ValueError:
        return Life.UNKNOWN
    return Life.DEAD if found.start != holder.start or found.has_ended else Life.ALIVE


def read_state(system: System, process: int) -> ProcessState:
    """Read a process; raises OSError when it is not shown, ValueError when its line cannot be read."""
    # The name of the program stands in brackets and may hold anything, brackets and blanks too.
    fields = system.read(f"/proc/{process}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        raise ValueError("the line is too short")
    return ProcessState(state=fields[0], threads=int(fields[17]), start=int(fields[19]))


def _host(system: System) -> str:
    return re.sub(r"[^\w.-]", "_", system.host_name(), flags=re.ASCII)[:HOST_LENGTH] or "_"


def _machine(system: System) -> str:
    """The machine id, hashed: it is not to be shown to others."""
    try:
        found = MACHINE_ID.fullmatch(system.read("/etc/machine-id").strip())
    except OSError:
        return NO_MACHINE_ID
    if found is None:
        return NO_MACHINE_ID
    return hashlib.sha256(f"dcapi {found[0]}".encode()).hexdigest()[:MACHINE_LENGTH]
