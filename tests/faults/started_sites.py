"""What the worlds of all fault runs have in common: how they are started and ended, and their processes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from dcapi.lab.members import Member
from dcapi.lab.site import LabSite
from tests.faults import processes
from tests.faults.course import Poser
from tests.faults.databases import SQLITE, Database, PostgresDatabase, SqliteDatabase
from tests.faults.record import Pause
from tests.postgres import temporary_database


class StartedSites(ABC):
    """A context manager: what it starts ends with it, also when it fails to start.

    ``kind`` is that of the databases (``tests.faults.databases.KINDS``).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.names = itertools.count(1)
        self.databases: dict[str, Database] = {}
        self.members: list[Member] = []
        self.posers: list[Poser] = []
        self.pauses: list[Pause] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @abstractmethod
    def _start(self) -> None:
        """Start all; what ends it goes to the stack."""

    def _open_database(self, site: LabSite) -> Database:
        if self.kind == SQLITE:
            return SqliteDatabase(site.folder / "instance" / "dcapi.sqlite3")
        uri = self._stack.enter_context(temporary_database())
        site.settings["SQLALCHEMY_DATABASE_URI"] = uri
        database = PostgresDatabase(uri)
        self._stack.callback(database.dispose)
        return database

    def _end(self, site: LabSite) -> None:
        if site.pid is not None and site.running:
            os.killpg(site.pid, signal.SIGCONT)
        site.close()

    def pause(self, pids: list[int], over: threading.Event, seconds: float) -> None:
        """Let processes stand still for so long, or until it is over, and note it."""
        begin = time.monotonic()
        with processes.stopped(pids):
            over.wait(seconds)
        self.pauses += [Pause(pid, begin, time.monotonic()) for pid in pids]

    def some_worker(self, site: LabSite, chance: random.Random) -> list[int]:
        found = processes.workers_of(site)
        return [chance.choice(found)] if found else []
