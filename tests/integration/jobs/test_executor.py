"""The pool of job threads: keys, time, failures and its end."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest

from dcapi.jobs.executor import ThreadedJobs
from dcapi.log import accepted_request_id, request_id

# How long anything here may take before the test gives up on it.
PATIENCE = 30.0

MakePool = Callable[..., ThreadedJobs]


class Gate:
    """A job that tells when it has begun and goes on when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self, **_ids: int) -> None:
        self.begun.set()
        assert self.open.wait(PATIENCE)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def make_pool(gate: Gate) -> Iterator[MakePool]:
    pools: list[ThreadedJobs] = []

    def make(threads: int = 2, limit: int = 100) -> ThreadedJobs:
        pool = ThreadedJobs(threads=threads, limit=limit)
        pool.register("gate", gate)
        pool.start()
        pools.append(pool)
        return pool

    yield make
    gate.open.set()
    for pool in pools:
        pool.drain(PATIENCE)


def test_jobs_of_different_keys_run_side_by_side(make_pool: MakePool) -> None:
    pool, meeting = make_pool(threads=3), threading.Barrier(3)

    def meet(**_ids: int) -> None:
        meeting.wait(PATIENCE)

    pool.register("meet", meet)
    for number in range(3):
        pool.submit("meet", f"association:{number}", number=number)

    assert pool.wait_idle(PATIENCE)
    assert pool.counts()["meet"]["done"] == 3


def test_jobs_of_one_key_run_one_after_the_other(make_pool: MakePool, gate: Gate) -> None:
    pool, ran, other = make_pool(threads=2), list[int](), threading.Event()
    pool.register("note", lambda *, number: ran.append(number))
    pool.register("other", other.set)
    pool.submit("gate", "association:1")
    assert gate.begun.wait(PATIENCE)
    pool.submit("note", "association:1", number=1)
    pool.submit("note", "association:1", number=2)
    pool.submit("other", "association:2")

    # The pool has gone past both on its way to this one.
    assert other.wait(PATIENCE)
    assert ran == []
    gate.open.set()
    assert pool.wait_idle(PATIENCE)
    assert ran == [1, 2]


def test_a_job_asked_for_while_it_runs_runs_one_more_time(make_pool: MakePool, gate: Gate) -> None:
    pool = make_pool()
    assert pool.submit("gate", "association:1", association_id=1)
    assert gate.begun.wait(PATIENCE)
    for _ in range(3):
        assert pool.submit("gate", "association:1", association_id=1)
    gate.open.set()

    assert pool.wait_idle(PATIENCE)
    assert pool.counts()["gate"] == {"done": 2, "failed": 0, "dropped": 0, "coalesced": 2}


def test_a_job_may_submit_itself(make_pool: MakePool) -> None:
    pool, ran = make_pool(), list[int]()

    def step(*, number: int) -> None:
        ran.append(number)
        if number < 5:
            pool.submit("step", "subcloud:1", number=number + 1)

    pool.register("step", step)
    pool.submit("step", "subcloud:1", number=1)

    assert pool.wait_idle(PATIENCE)
    assert ran == [1, 2, 3, 4, 5]


def test_a_delayed_job_keeps_no_thread_and_runs_when_its_time_has_come(make_pool: MakePool) -> None:
    pool, ran = make_pool(threads=1), list[int]()
    pool.register("note", lambda *, number: ran.append(number))
    pool.submit("note", "key:1", delay=0.2, number=1)
    pool.submit("note", "key:2", delay=0.1, number=2)
    pool.submit("note", "key:3", number=3)

    assert pool.wait_idle(PATIENCE, delayed=True)
    assert ran == [3, 2, 1]


def test_a_delayed_job_runs_while_other_threads_are_busy(make_pool: MakePool, gate: Gate) -> None:
    pool, ran = make_pool(threads=2), threading.Event()
    pool.register("note", ran.set)
    pool.submit("note", "key:1", delay=0.1)
    pool.submit("gate", "key:2")
    assert gate.begun.wait(PATIENCE)

    assert ran.wait(PATIENCE)


def test_a_delayed_job_that_is_asked_for_at_once_runs_at_once(make_pool: MakePool) -> None:
    pool, ran = make_pool(), threading.Event()
    pool.register("note", ran.set)
    pool.submit("note", "key:1", delay=3600)
    assert pool.idle()
    pool.submit("note", "key:1")

    assert ran.wait(PATIENCE)
    assert pool.wait_idle(PATIENCE, delayed=True)


def test_a_full_queue_drops_the_hint_and_says_so(
    make_pool: MakePool, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(threads=1, limit=1)
    pool.submit("gate", "association:1", number=1)
    assert gate.begun.wait(PATIENCE)

    assert pool.submit("gate", "association:2", number=2)
    assert not pool.submit("gate", "association:3", number=3)
    assert pool.submit("gate", "association:2", number=2)
    assert pool.counts()["gate"] == {"done": 0, "failed": 0, "dropped": 1, "coalesced": 1}
    assert "job dropped: gate key=association:3 number=3: the queue is full" in caplog.text


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_job_that_fails_ends_neither_its_thread_nor_its_key(
    make_pool: MakePool, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    pool, ran = make_pool(threads=1), threading.Event()
    pool.register("fail", fail)
    pool.register("note", ran.set)
    pool.submit("fail", "key:1")
    pool.submit("note", "key:1")

    assert ran.wait(PATIENCE)
    assert pool.wait_idle(PATIENCE)
    assert pool.counts()["fail"]["failed"] == 1
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [error]


def test_a_job_runs_with_the_request_id_of_its_request_alone(make_pool: MakePool) -> None:
    other: ContextVar[str] = ContextVar("other", default="untouched")
    pool, seen = make_pool(threads=1), list[tuple[str, str]]()

    def look() -> None:
        seen.append((request_id.get(), other.get()))
        other.set("of a job before")

    pool.register("look", look)
    tokens = request_id.set("req-1"), other.set("of the request")
    try:
        pool.submit("look", "key:1")
    finally:
        request_id.reset(tokens[0])
        other.reset(tokens[1])
    pool.submit("look", "key:2")

    assert pool.wait_idle(PATIENCE)
    (first, second) = seen
    assert first == ("req-1", "untouched")
    assert accepted_request_id(second[0]), "what no request asked for has an id of its own"
    assert second[1] == "untouched"


def test_jobs_submitted_before_the_start_wait_for_it(gate: Gate) -> None:
    pool, ran = ThreadedJobs(threads=1, limit=10), threading.Event()
    pool.register("note", ran.set)
    assert pool.submit("note", "key:1")
    assert not pool.idle()
    pool.start()

    assert ran.wait(PATIENCE)
    assert pool.drain(PATIENCE)
    with pytest.raises(RuntimeError):
        pool.start()


def test_draining_lets_running_and_due_jobs_end(make_pool: MakePool, gate: Gate) -> None:
    pool, ran = make_pool(threads=1), list[int]()
    pool.register("note", lambda *, number: ran.append(number))
    pool.register("open", gate.open.set)
    pool.submit("gate", "key:1")
    assert gate.begun.wait(PATIENCE)
    pool.submit("note", "key:1", number=1)
    pool.submit("note", "key:2", number=2)
    pool.submit("note", "key:3", delay=3600, number=3)
    drained = in_thread(lambda: pool.drain(PATIENCE))
    until_stopping(pool)
    assert not pool.submit("note", "key:4", number=4)
    gate.open.set()

    assert drained() is True
    assert sorted(ran) == [1, 2]
    assert pool.counts()["note"] == {"done": 2, "failed": 0, "dropped": 2, "coalesced": 0}


def test_a_long_job_sees_that_the_pool_stops(make_pool: MakePool) -> None:
    pool, begun = make_pool(), threading.Event()

    def work() -> None:
        begun.set()
        until_stopping(pool)

    pool.register("work", work)
    pool.submit("work", "key:1")
    assert begun.wait(PATIENCE)
    assert not pool.stopping

    assert pool.drain(PATIENCE)
    assert pool.counts()["work"]["done"] == 1


def test_draining_ends_at_its_deadline_and_names_what_is_left(
    make_pool: MakePool, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    pool = make_pool(threads=1)
    pool.submit("gate", "key:1", number=1)
    assert gate.begun.wait(PATIENCE)
    pool.submit("gate", "key:2", number=2)

    assert not pool.drain(0.01)
    assert "job still running as the process stops: gate key=key:1 number=1" in caplog.text
    assert "job dropped: gate key=key:2 number=2: the process stops" in caplog.text
    gate.open.set()
    assert pool.wait_idle(PATIENCE, delayed=True)
    assert pool.counts()["gate"] == {"done": 1, "failed": 0, "dropped": 1, "coalesced": 0}


def test_a_pool_that_was_never_started_is_drained_at_once() -> None:
    pool = ThreadedJobs(threads=1, limit=10)
    pool.register("note", lambda: None)
    assert ThreadedJobs(threads=1, limit=10).drain(3600)
    pool.submit("note", "key:1")

    assert not pool.drain(3600)


def hang_beyond_the_drain() -> None:
    """Ends the process although a job never ends."""
    pool, begun = ThreadedJobs(threads=1, limit=10), threading.Event()

    def hang() -> None:
        begun.set()
        threading.Event().wait()

    pool.register("hang", hang)
    pool.start()
    pool.submit("hang", "key:1")
    assert begun.wait(PATIENCE)
    assert not pool.drain(0.01)


def test_a_job_that_hangs_does_not_keep_the_process_from_ending() -> None:
    process = multiprocessing.get_context("spawn").Process(target=hang_beyond_the_drain)
    process.start()
    process.join(PATIENCE)
    try:
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
        process.close()


def test_under_load_no_key_runs_twice_at_once_and_nothing_taken_is_lost(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    pool = make_pool(threads=8, limit=10_000)
    inside = {key: threading.Lock() for key in range(5)}

    def work(*, key: int, number: int) -> None:
        assert inside[key].acquire(blocking=False), "two at once"
        inside[key].release()

    pool.register("work", work)

    def submit(first: int) -> None:
        for number in range(first, first + 200):
            assert pool.submit(
                "work", f"key:{number % 5}", delay=number % 3 / 1000, key=number % 5, number=number
            )

    submitters = [threading.Thread(target=submit, args=(first,)) for first in (0, 100, 200, 300)]
    for thread in submitters:
        thread.start()
    for thread in submitters:
        thread.join(PATIENCE)

    assert pool.wait_idle(PATIENCE, delayed=True)
    counts = pool.counts()["work"]
    assert counts["failed"] == counts["dropped"] == 0
    assert counts["done"] + counts["coalesced"] == 800
    assert counts["done"] >= 500


def in_thread(act: Callable[[], bool]) -> Callable[[], bool]:
    """Start something in a thread; call the result to wait for its answer."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()

    def answer() -> bool:
        thread.join(PATIENCE)
        return answers[0]

    return answer


def until_stopping(pool: ThreadedJobs) -> None:
    """Poll, as a long job does between two steps."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if pool.stopping:
            return
        pause.wait(0.01)
    raise AssertionError("the pool does not stop")
