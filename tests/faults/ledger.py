"""What site A was asked for and what it acknowledged: from that follows what it has to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import requests

from dcapi.lab.operator import RefusedError

SERVER_ERROR = 500


class Answered(Enum):
    """What became of a request."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    # No answer, or one that says that something broke: it may have been done, or still be done.
    UNKNOWN = "unknown"


@dataclass
class Slot:
    """One value at A: the one acknowledged last, and those that may have taken its place since."""

    acknowledged: Any
    floating: list[Any] = field(default_factory=list)

    def allows(self, seen: Any) -> bool:
        return seen == self.acknowledged or seen in self.floating

    def note(self, value: Any, answered: Answered) -> None:
        """A request whose outcome is not known may count at any time later, over newer ones too."""
        if answered is Answered.ACKNOWLEDGED:
            self.acknowledged = value
        elif answered is Answered.UNKNOWN:
            self.floating.append(value)

    def describe(self) -> str:
        others = f" or one of {self.floating!r}" if self.floating else ""
        return f"{self.acknowledged!r}{others}"


class Ledger:
    """Slots by name, such as ``("mill-3", "location")``."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, str], Slot] = {}

    def begin(self, thing: str, name: str, value: Any) -> None:
        """Enter what is there before anything is changed."""
        self._slots[thing, name] = Slot(value)

    def note(self, thing: str, name: str, value: Any, answered: Answered) -> None:
        self._slots[thing, name].note(value, answered)

    def acknowledged(self, thing: str, name: str) -> Any:
        return self._slots[thing, name].acknowledged

    def possible(self, thing: str, name: str) -> list[Any]:
        """The value that was acknowledged last, and those that may have taken its place."""
        slot = self._slots[thing, name]
        return [slot.acknowledged, *slot.floating]

    def is_certain(self, thing: str, name: str) -> bool:
        """Whether nothing may have taken the place of the value that was acknowledged last."""
        return not self._slots[thing, name].floating

    def unmet(self, thing: str, name: str, seen: Any) -> list[str]:
        """Why a value that is seen cannot be; empty when it can."""
        slot = self._slots[thing, name]
        return (
            []
            if slot.allows(seen)
            else [f"A lost a change: {name} of {thing} is {seen!r}, not {slot.describe()}"]
        )

    def names(self, thing: str) -> list[str]:
        return [name for owner, name in self._slots if owner == thing]


def attempt(call: Callable[[], Any]) -> tuple[Answered, Any]:
    """Make a request; returns what became of it, and the answer or what was raised."""
    try:
        return Answered.ACKNOWLEDGED, call()
    except RefusedError as error:
        return (Answered.UNKNOWN if error.code >= SERVER_ERROR else Answered.REFUSED), error
    except requests.RequestException as error:
        return Answered.UNKNOWN, error
