"""Jobs that run when somebody says so, in the caller's thread (the engine ``inline``)."""

from __future__ import annotations

import math

from dcapi.jobs.queued import QueuedJobs

# A job that queues itself again would keep its caller for ever.
RUNS_LIMIT = 1000


class InlineJobs(QueuedJobs):
    """Queues like the pool and runs nothing by itself. The port says what the methods do."""

    def start(self) -> None:
        """There is nothing to start: the caller runs the jobs."""

    def run_waiting(self, *, limit: int = RUNS_LIMIT, delayed: bool = True) -> int:
        """Run what waits, and what that queues, by due time, at most ``limit`` jobs; returns how many ran.

        Nothing is waited for: with ``delayed`` a job runs as if its time had come, without it stays.
        """
        runs = 0
        while runs < limit and self._run_next(math.inf if delayed else self._clock()):
            runs += 1
        return runs

    def wait_idle(self, seconds: float, *, delayed: bool = False) -> bool:
        deadline = self._clock() + seconds
        while not self.idle(delayed=delayed) and self._clock() < deadline:
            if not self._run_next(math.inf if delayed else self._clock()):
                break
        return self.idle(delayed=delayed)

    def drain(self, seconds: float) -> bool:
        with self._lock:
            self._stopping = True
            later = self._waiting.drop_after(self._clock())
        self._drop(later, "the process stops before it is due")
        drained = self.wait_idle(seconds, delayed=True)
        with self._lock:
            left = self._waiting.drop_all()
        self._drop(left, "the process stops and its time to drain is over")
        return drained

    def _run_next(self, now: float) -> bool:
        with self._lock:
            job = self._waiting.take(now)
        if job is None:
            return False
        outcome = self._run(job)
        with self._lock:
            self._end(job, outcome)
        return True
