"""One life of a site: what everything that runs in it works with, and its sudden end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dcapi.lab.original.clock import Clock
from dcapi.lab.original.failures import Failures
from dcapi.lab.original.login import Login
from dcapi.lab.original.record import Record
from dcapi.lab.original.rows import Rows
from dcapi.lab.original.version import Traits, Version

log = logging.getLogger(__name__)


class KilledError(Exception):
    """The site was killed: what runs in it goes no further."""


@dataclass
class Switches:
    """How a site behaves; a test may change it at any time. Seconds are those of the site's clock.

    The sets hold names of members whose takeover goes wrong: in the playbook, in what is prepared for it, or
    because the subcloud never comes online.
    """

    version: Version = Version.V3
    clock: Clock = field(default_factory=Clock)
    playbook_seconds: float = 2.0
    online_seconds: float = 2.0
    failing_playbooks: set[str] = field(default_factory=set)
    failing_preparations: set[str] = field(default_factory=set)
    never_online: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Identity:
    """Who a site is."""

    uuid: str
    name: str


@dataclass(frozen=True)
class Belongings:
    """What a site keeps over all its lives."""

    identity: Identity
    switches: Switches
    rows: Rows
    record: Record
    serving: Failures
    sending: Failures


class Life:
    """A site from one start to the next kill. After its end no row is written and no request is sent."""

    def __init__(self, belongings: Belongings) -> None:
        self.identity = belongings.identity
        self.switches = belongings.switches
        self.record = belongings.record
        self.serving = belongings.serving
        self.sending = belongings.sending
        # Logins at peers by their address; whoever uses one holds the lock.
        self.logins: dict[tuple[str, str, str], Login] = {}
        self.logins_lock = threading.Lock()
        self._rows = belongings.rows
        self._ended = threading.Event()

    @property
    def traits(self) -> Traits:
        return self.switches.version.value

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        """The tables, to read and write while nobody else does; raises KilledError after the end."""
        with self._rows.lock:
            self.check()
            yield self._rows

    def check(self) -> None:
        """Raise KilledError after the end."""
        if self._ended.is_set():
            raise KilledError

    def pause(self, seconds: float) -> None:
        """Wait by the site's clock; raises KilledError when the end comes meanwhile."""
        self._ended.wait(self.switches.clock.real(seconds))
        self.check()

    def spawn(self, work: Callable[..., object], *arguments: Any) -> threading.Thread:
        """Do some work on a thread of its own, up to the end of this life."""
        name = f"{self.identity.name}: {getattr(work, '__name__', 'work')}"
        thread = threading.Thread(target=self._run, args=(work, *arguments), name=name, daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """Be killed: returns when no more rows are written."""
        with self._rows.lock:
            self._ended.set()

    def _run(self, work: Callable[..., object], *arguments: Any) -> None:
        try:
            work(*arguments)
        except KilledError:
            pass
        except Exception:
            log.exception("%s failed", threading.current_thread().name)
