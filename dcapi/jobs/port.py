"""What runs later, as the floors above see it: jobs by name, keyed, bounded, drained at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# A job carries ids, never rows: what it needs beyond them it reads in a session of its own.
Id = int | str
# Takes its ids as keyword arguments; everything else is bound when it is registered.
JobFunction = Callable[..., None]


class Jobs(Protocol):
    """An engine that runs jobs. A job only makes sooner what the reconciler would find outstanding later."""

    def register(self, name: str, function: JobFunction) -> None:
        """Say what a job of this name does; raises ValueError when the name is taken."""

    def submit(self, name: str, key: str, /, *, delay: float = 0.0, **ids: Id) -> bool:
        """Hint that a job is due in ``delay`` seconds; never blocks.

        Of the jobs of one key one runs at a time, whatever their names. A job that waits already (same name,
        key and ids) is not queued twice; the earlier due time wins. One that runs is queued once more.
        Returns False when the hint was dropped, because too many wait or the engine stops. Raises LookupError
        for a name that is not registered and TypeError for an id that is neither int nor str.
        """

    def start(self) -> None:
        """Begin to run jobs; those submitted before have waited."""

    def drain(self, seconds: float) -> bool:
        """Take no more jobs, drop those not yet due, give the others ``seconds``; True when all ended."""

    @property
    def stopping(self) -> bool:
        """Whether draining has begun: a long job looks at this between two steps."""

    def wait_idle(self, seconds: float, *, delayed: bool = False) -> bool:
        """Wait until nothing runs and nothing due waits (``delayed``: nothing at all); False when too late.

        For tests. What is due is run by whoever runs jobs in this engine.
        """

    def counts(self) -> dict[str, dict[str, int]]:
        """How often each job ended how: name → done, failed, dropped, coalesced → count, since the start."""
