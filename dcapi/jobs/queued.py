"""What the engines of one process share: names, the queue, the counts and the running of one job."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from enum import StrEnum

from dcapi.jobs.backlog import Added, Backlog, Job
from dcapi.jobs.port import Id, JobFunction
from dcapi.log import global_request_id, new_request_id, request_id

logger = logging.getLogger(__name__)


class JobOutcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    COALESCED = "coalesced"


class QueuedJobs:
    """Takes jobs into a bounded queue; who runs them is the matter of the subclass.

    ``limit`` jobs may wait; ``clock`` tells seconds that never go back.
    """

    def __init__(self, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._functions: dict[str, JobFunction] = {}
        self._waiting = Backlog(limit)
        self._counter: Counter[tuple[str, JobOutcome]] = Counter()
        self._clock = clock
        self._stopping = False
        # Guards all of the above; nobody calls anything slow, or a job, under it.
        self._lock = threading.Lock()

    @property
    def stopping(self) -> bool:
        return self._stopping

    def register(self, name: str, function: JobFunction) -> None:
        if name in self._functions:
            raise ValueError(f"job {name!r} is registered already")
        self._functions[name] = function

    def submit(self, name: str, key: str, /, *, delay: float = 0.0, **ids: Id) -> bool:
        job = self._job(name, key, ids)
        with self._lock:
            added = None if self._stopping else self._waiting.add(job, self._clock() + max(delay, 0.0))
            if added is Added.QUEUED:
                self._wake()
            elif added is Added.COALESCED:
                self._counter[name, JobOutcome.COALESCED] += 1
                self._wake()
        if added is None or added is Added.FULL:
            self._drop([job], "the queue is full" if added is Added.FULL else "the process stops")
            return False
        return True

    def counts(self) -> dict[str, dict[str, int]]:
        with self._lock:
            return {
                name: {outcome.value: self._counter[name, outcome] for outcome in JobOutcome}
                for name in self._functions
            }

    def idle(self, *, delayed: bool = False) -> bool:
        """Whether nothing runs and nothing due waits; with ``delayed``, nothing waits at all."""
        with self._lock:
            return self._is_idle(delayed=delayed)

    def _is_idle(self, *, delayed: bool) -> bool:
        waits = len(self._waiting) > 0 if delayed else self._waiting.has_due(self._clock())
        return not waits and not self._waiting.running

    def _wake(self) -> None:
        """Called under the lock when a job was queued or became due earlier."""

    def _job(self, name: str, key: str, ids: dict[str, Id]) -> Job:
        if name not in self._functions:
            raise LookupError(f"job {name!r} is not registered")
        for id_name, value in ids.items():
            if not isinstance(value, int | str):
                raise TypeError(f"job {name!r}: {id_name} is no id but a {type(value).__name__}")
        return Job(name, key, tuple(sorted(ids.items())), request_id.get(), global_request_id.get())

    def _drop(self, jobs: list[Job], reason: str) -> None:
        """Count and log jobs that will not run. Not to be called under the lock."""
        with self._lock:
            self._counter.update((job.name, JobOutcome.DROPPED) for job in jobs)
        for job in jobs:
            logger.warning("job dropped: %s: %s", job, reason)

    def _run(self, job: Job) -> JobOutcome:
        # A fresh context: nothing of the caller's reaches the job but the ids of its request.
        return Context().run(self._run_in_context, job)

    def _run_in_context(self, job: Job) -> JobOutcome:
        # What no request asked for, but a sweep, gets an id of its own, which goes to the peer too.
        request_id.set(job.request_id or new_request_id())
        global_request_id.set(job.global_request_id)
        started = self._clock()
        try:
            self._functions[job.name](**dict(job.ids))
        # The thread boundary: whatever a job raises ends that job, not the thread that runs the others.
        except (Exception, SystemExit):
            logger.exception("job failed: %s after %.3f s", job, self._clock() - started)
            return JobOutcome.FAILED
        logger.debug("job done: %s in %.3f s", job, self._clock() - started)
        return JobOutcome.DONE

    def _end(self, job: Job, outcome: JobOutcome) -> None:
        """Count the outcome of a taken job and free its key. Called under the lock."""
        self._waiting.end(job)
        self._counter[job.name, outcome] += 1
