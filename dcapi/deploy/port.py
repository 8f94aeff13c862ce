"""What turns a subcloud into a running one, seen from outside: the port that every deployer stands behind.

A deployment is a chain of short steps, so a deployer never waits: ``begin`` starts a phase, ``poll`` looks
how it goes, and between the two the process may be another one. Whatever a deployer must remember meanwhile,
it keeps outside of the process, found again by the target's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Phase(StrEnum):
    CREATE = "create"
    INSTALL = "install"
    BOOTSTRAP = "bootstrap"
    CONFIG = "config"
    ENROLL_INIT = "enroll-init"
    ENROLL = "enroll"
    # Powers the node off, after an aborted installation.
    SHUTDOWN = "shutdown"
    REHOME = "rehome"
    RECONFIGURE = "reconfigure"
    PRESTAGE = "prestage"
    DELETE = "delete"


@dataclass(frozen=True)
class NamedFile:
    """A file that was uploaded: what it is for, its base name, its content."""

    part: str
    file_name: str
    content: bytes = field(repr=False)


def no_files() -> Sequence[NamedFile]:
    return ()


def no_file() -> None:
    return None


@dataclass(frozen=True)
class Target:
    """The subcloud that is deployed, as plain values; secrets are in no ``repr`` and so in no log line."""

    subcloud_id: int
    name: str
    region_name: str
    software_version: str
    bootstrap_address: str | None = None
    bootstrap_values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    install_values: Mapping[str, Any] | None = field(default=None, repr=False)
    deploy_config: str | None = field(default=None, repr=False)
    sysadmin_password: str | None = field(default=None, repr=False)
    # How often this phase is tried by now, where somebody counts.
    attempt: int = 1
    # What one phase needs beyond that: the new network of ``reconfigure``, the release of ``prestage``.
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # False: what a phase needs was lost. One that runs goes on, and none is begun, nor begun anew.
    can_begin: bool = True
    # Reads the deploy files of ``config`` and ``prestage``: they are large, and needed as a phase begins.
    files: Callable[[], Sequence[NamedFile]] = field(default=no_files, repr=False, compare=False)
    # Reads the archive of scripts for the seed of ``enroll-init``, in the same way, as the part
    # ``cloud_init_config``; None: there is none.
    cloud_init_config: Callable[[], NamedFile | None] = field(default=no_file, repr=False, compare=False)


@dataclass(frozen=True)
class Running:
    """The phase is under way; look again in so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Done:
    """The phase ended well."""

    # What it found out: the ``region_name`` of a subcloud that was enrolled.
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Failed:
    """The phase ended badly; the reason is for the operator."""

    reason: str


@dataclass(frozen=True)
class Aborted:
    """The phase was ended before its end, or nothing ran."""


StepState = Running | Done | Failed
AbortState = StepState | Aborted


class Deployer(Protocol):
    # The most seconds after which it wants to be looked at again.
    @property
    def longest_pause(self) -> float: ...

    def begin(self, phase: Phase, target: Target) -> StepState:
        """Start a phase; one that runs already (a process died in between) is not started again.

        ``Failed`` means that it could not begin; what began and failed at once is told by ``poll``. Another
        phase of the same subcloud is waited for; ``delete`` ends it instead.
        """

    def poll(self, phase: Phase, target: Target) -> StepState:
        """How a phase that was begun is going.

        Takes the same target as ``begin``, secrets included: a phase that was cut off by the end of this
        service is begun anew.
        """

    def abort(self, phase: Phase, target: Target) -> AbortState:
        """End a phase, wherever it runs; to be asked again while the answer is ``Running``.

        ``Done`` and ``Failed`` are the phase's own outcome when it ended by itself, or ``Failed`` says why it
        could not be ended. Takes the same target as ``begin``, which alone begins the phase anew after this.
        """

    def delete(self, target: Target) -> None:
        """Forget a subcloud whose row is gone, and end what runs for it; one not known is no error.

        Takes no more than seconds. What tears a subcloud down is the phase ``delete``, before this.
        """

    def close(self) -> None:
        """The process ends: begin nothing more, and end what it looks after. Takes no more than seconds."""
