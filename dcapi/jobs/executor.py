"""Jobs on a bounded pool of threads of this process (the engine ``threads``)."""

from __future__ import annotations

import logging
import threading

from dcapi.jobs.backlog import Job
from dcapi.jobs.queued import JobOutcome, QueuedJobs

logger = logging.getLogger(__name__)


class ThreadedJobs(QueuedJobs):
    """Runs jobs of different keys side by side on ``threads`` threads. The port says what the methods do.

    The threads are daemons: a job that hangs beyond the drain's deadline does not keep the process from
    ending.
    """

    def __init__(self, *, threads: int, limit: int) -> None:
        super().__init__(limit=limit)
        self._size = threads
        self._threads: list[threading.Thread] = []
        self._ended = False
        # A thread of the pool waits for the first one, who waits for the pool to be done for the second one.
        self._work = threading.Condition(self._lock)
        self._quiet = threading.Condition(self._lock)

    def start(self) -> None:
        if self._threads or self._stopping:
            raise RuntimeError("a pool of jobs starts once")
        self._threads = [
            threading.Thread(target=self._work_on, name=f"job-{number}", daemon=True)
            for number in range(1, self._size + 1)
        ]
        for thread in self._threads:
            thread.start()

    def wait_idle(self, seconds: float, *, delayed: bool = False) -> bool:
        with self._quiet:
            return self._quiet.wait_for(lambda: self._is_idle(delayed=delayed), timeout=seconds)

    def drain(self, seconds: float) -> bool:
        """As the port says; what did not end is named in the log."""
        deadline = self._clock() + seconds
        with self._quiet:
            self._stopping = True
            later = self._waiting.drop_after(self._clock())
        self._drop(later, "the process stops before it is due")
        self._wait_drained(seconds)
        drained = self._end_pool()
        if drained:
            for thread in self._threads:
                thread.join(max(deadline - self._clock(), 0.0))
        return drained

    def _wait_drained(self, seconds: float) -> None:
        with self._quiet:
            self._quiet.wait_for(
                lambda: not self._waiting.running and not len(self._waiting),
                # A pool that was never started has nobody to wait for.
                timeout=seconds if self._threads else 0.0,
            )

    def _end_pool(self) -> bool:
        """Let no thread begin another job; returns whether all jobs had ended."""
        with self._lock:
            self._ended = True
            running, left = self._waiting.running, self._waiting.drop_all()
            self._work.notify_all()
        self._drop(left, "the process stops and its time to drain is over")
        for job in running:
            logger.warning("job still running as the process stops: %s", job)
        return not running and not left

    def _wake(self) -> None:
        self._work.notify()

    def _work_on(self) -> None:
        while (job := self._next_job()) is not None:
            outcome = JobOutcome.FAILED
            try:
                outcome = self._run(job)
            finally:
                with self._lock:
                    self._end(job, outcome)
                    self._quiet.notify_all()

    def _next_job(self) -> Job | None:
        """Wait for a job whose time has come and whose key is free; None when the pool ends."""
        with self._work:
            while not self._ended:
                job = self._waiting.take(self._clock())
                if job is not None:
                    # Another thread has to watch the next due time while this one is busy.
                    self._work.notify()
                    return job
                self._work.wait(self._seconds_to_next())
            return None

    def _seconds_to_next(self) -> float | None:
        due = self._waiting.next_due()
        return None if due is None else max(due - self._clock(), 0.0)
