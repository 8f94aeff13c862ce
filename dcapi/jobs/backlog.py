"""Jobs that wait for their time and their key. No clock, no thread: the caller brings time and lock."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

from dcapi.jobs.port import Id

# So many outdated entries may lie in the heap before it is worth a cleaning.
OUTDATED_ALLOWED = 64


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: two of the same name, key and ids are the same one, whoever asked for it."""

    name: str
    key: str
    ids: tuple[tuple[str, Id], ...] = ()
    request_id: str = field(default="", compare=False)
    global_request_id: str = field(default="", compare=False)

    def __str__(self) -> str:
        ids = "".join(f" {name}={value}" for name, value in self.ids)
        return f"{self.name} key={self.key}{ids}"


class Added(Enum):
    QUEUED = auto()
    COALESCED = auto()
    FULL = auto()


class Entry(NamedTuple):
    """A place in the queue: the earliest due time first, then who came first."""

    due: float
    sequence: int
    job: Job


class Backlog:
    """At most ``limit`` jobs, handed out by due time, never two of one key at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sequence = count()
        # The valid entry of each waiting job; a heap may hold outdated ones beside it.
        self._entries: dict[Job, Entry] = {}
        self._heap: list[Entry] = []
        # Due jobs whose key was busy when their turn came.
        self._parked: dict[str, list[Entry]] = defaultdict(list)
        self._running: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def running(self) -> list[Job]:
        """What was taken and is not yet ended, oldest first."""
        return list(self._running.values())

    def add(self, job: Job, due: float) -> Added:
        """Queue a job for a time, or move the one that waits already to an earlier time."""
        known = self._entries.get(job)
        if known is not None:
            # A request that asks for what a sweep found gives it its id.
            named = job if job.request_id and not known.job.request_id else known.job
            if due < known.due or named is not known.job:
                self._put(named, min(due, known.due))
            return Added.COALESCED
        if len(self._entries) >= self._limit:
            return Added.FULL
        self._put(job, due)
        return Added.QUEUED

    def take(self, now: float) -> Job | None:
        """The job that is due longest and whose key is free; its key is busy until ``end``."""
        while (entry := self._first()) is not None and entry.due <= now:
            heappop(self._heap)
            if entry.job.key not in self._running:
                del self._entries[entry.job]
                self._running[entry.job.key] = entry.job
                return entry.job
            heappush(self._parked[entry.job.key], entry)
        return None

    def end(self, job: Job) -> None:
        """Free the key of a taken job; the next one that waited for it gets its turn by its due time."""
        del self._running[job.key]
        parked = self._parked.get(job.key, [])
        while parked:
            entry = heappop(parked)
            # A job that was asked for again while it was parked may have a newer entry.
            if self._is_valid(entry):
                heappush(self._heap, entry)
                break
        if not parked:
            self._parked.pop(job.key, None)

    def next_due(self) -> float | None:
        """When to look again, unless a job is added or ends before; None: nothing waits for a time."""
        entry = self._first()
        return None if entry is None else entry.due

    def has_due(self, now: float) -> bool:
        """Whether a job waits whose time has come, its key free or not."""
        due = self.next_due()
        return bool(self._parked) or (due is not None and due <= now)

    def drop_after(self, now: float) -> list[Job]:
        """Forget the jobs whose time has not come, and return them."""
        later = sorted(entry for entry in self._entries.values() if entry.due > now)
        for entry in later:
            del self._entries[entry.job]
        self._sweep()
        return [entry.job for entry in later]

    def drop_all(self) -> list[Job]:
        """Forget every waiting job, and return them by due time."""
        dropped = [entry.job for entry in sorted(self._entries.values())]
        self._entries.clear()
        self._parked.clear()
        self._heap.clear()
        return dropped

    def _put(self, job: Job, due: float) -> None:
        entry = Entry(due, next(self._sequence), job)
        self._entries[job] = entry
        heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._entries) + OUTDATED_ALLOWED:
            self._sweep()

    def _first(self) -> Entry | None:
        while self._heap and not self._is_valid(self._heap[0]):
            heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _is_valid(self, entry: Entry) -> bool:
        return self._entries.get(entry.job) is entry

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if self._is_valid(entry)]
        heapify(self._heap)
