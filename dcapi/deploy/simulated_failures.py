"""Failures of simulated phases: those that the settings name, and those that an operator plans meanwhile.

What is planned stands in the instance folder, one file each, where all processes of this host find it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dcapi.deploy.port import Phase, Target
from dcapi.errors import SettingsError
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

FOLDER = "simulated-failures"
# What can fail besides a phase: its abort.
ABORT = "abort"
WORDS = (*(phase.value for phase in Phase), ABORT)


@dataclass(frozen=True)
class Failure:
    """A phase or an abort that fails for a subcloud, by its name, its bootstrap address, or both together."""

    word: str
    name: str | None = None
    address: str | None = None
    # Which of the two it is cannot be told from the setting.
    either: str | None = None

    def hits(self, word: str, target: Target) -> bool:
        address = canonical(target.bootstrap_address)
        if word != self.word:
            return False
        if self.either is not None:
            return target.name == self.either or address == canonical(self.either)
        return target.name == self.name and address == self.address


Failures = frozenset[Failure]


def failures_of(text: str) -> Failures:
    """Read ``NAME:PHASE,ADDRESS:PHASE,NAME@ADDRESS:PHASE``; raises SettingsError."""
    return frozenset(_failure(pair.strip()) for pair in text.split(",") if pair.strip())


def _failure(pair: str) -> Failure:
    subject, _, word = pair.rpartition(":")
    name, at, address = subject.rpartition("@")
    if word not in WORDS or not address or (at and not name):
        raise SettingsError(
            f"DCAPI_DEPLOY_FAILURES: {pair!r} is not NAME:PHASE, ADDRESS:PHASE or NAME@ADDRESS:PHASE "
            f"with one of {', '.join(WORDS)}"
        )
    if at:
        return Failure(word, name=name, address=canonical(address))
    return Failure(word, either=subject)


def canonical(address: str | None) -> str | None:
    """An address in its one spelling; what is none stays as it is."""
    try:
        return None if address is None else str(ipaddress.ip_address(address))
    except ValueError:
        return address


class PlannedFailures:
    """Each is used up by the first phase that it makes fail, which goes on to fail until it begins again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, settings: Settings) -> PlannedFailures:
        return cls(InstanceFolder.of(settings).path / FOLDER)

    def plan(self, subcloud_id: int, word: str) -> None:
        """Let the next such phase, or abort, of this subcloud fail."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._planned(subcloud_id, word).touch(mode=0o600)

    def strike(self, subcloud_id: int, word: str) -> bool:
        """Whether it fails; of several processes that ask, one uses the plan up, and all are told so."""
        used = self._used(subcloud_id, word)
        try:
            self._planned(subcloud_id, word).replace(used)
        except FileNotFoundError:
            return used.exists()
        return True

    def begin(self, subcloud_id: int, phase: Phase) -> None:
        """The phase begins, so what was used up before is over."""
        for word in (phase.value, ABORT):
            self._used(subcloud_id, word).unlink(missing_ok=True)

    def forget(self, subcloud_id: int) -> None:
        places = ((self._planned(subcloud_id, word), self._used(subcloud_id, word)) for word in WORDS)
        for path in chain.from_iterable(places):
            path.unlink(missing_ok=True)

    def _planned(self, subcloud_id: int, word: str) -> Path:
        return self._folder / f"{subcloud_id}.{word}"

    def _used(self, subcloud_id: int, word: str) -> Path:
        return self._folder / f"{subcloud_id}.{word}.used"
