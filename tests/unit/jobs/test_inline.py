"""The engine that runs jobs when it is told to, and with it what all engines share."""

from __future__ import annotations

import logging
from contextvars import ContextVar

import pytest

from dcapi.jobs.inline import InlineJobs
from dcapi.log import accepted_request_id, global_request_id, request_id, request_ids
from tests.unit.jobs.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(clock: FakeClock) -> InlineJobs:
    return InlineJobs(limit=3, clock=clock)


@pytest.fixture
def ran(jobs: InlineJobs) -> list[int]:
    """The ids that the job ``sync`` was run with."""
    ids: list[int] = []
    jobs.register("sync", lambda *, association_id: ids.append(association_id))
    return ids


def submit(jobs: InlineJobs, association_id: int, *, delay: float = 0.0) -> bool:
    return jobs.submit("sync", f"association:{association_id}", delay=delay, association_id=association_id)


def test_nothing_runs_before_it_is_told_to(jobs: InlineJobs, ran: list[int]) -> None:
    assert submit(jobs, 1)
    assert ran == []
    assert not jobs.idle()

    assert jobs.run_waiting() == 1
    assert ran == [1]
    assert jobs.idle(delayed=True)


def test_jobs_run_by_due_time_without_waiting_for_it(jobs: InlineJobs, ran: list[int]) -> None:
    submit(jobs, 1, delay=60)
    submit(jobs, 2, delay=30)
    submit(jobs, 3)

    assert jobs.run_waiting() == 3
    assert ran == [3, 2, 1]


def test_delayed_jobs_stay_when_asked_for_due_ones(
    jobs: InlineJobs, ran: list[int], clock: FakeClock
) -> None:
    submit(jobs, 1, delay=60)
    assert jobs.run_waiting(delayed=False) == 0
    assert jobs.idle()
    assert not jobs.idle(delayed=True)

    clock.advance(60)
    assert jobs.run_waiting(delayed=False) == 1
    assert ran == [1]


def test_a_job_that_waits_already_runs_once(jobs: InlineJobs, ran: list[int]) -> None:
    assert submit(jobs, 1, delay=10)
    assert submit(jobs, 1)
    jobs.run_waiting(delayed=False)

    assert ran == [1]
    assert jobs.counts()["sync"] == {"done": 1, "failed": 0, "dropped": 0, "coalesced": 1}


def test_a_job_may_queue_itself_again_up_to_the_limit(jobs: InlineJobs) -> None:
    def again() -> None:
        jobs.submit("again", "again")

    jobs.register("again", again)
    jobs.submit("again", "again")

    assert jobs.run_waiting(limit=5) == 5
    assert not jobs.idle()


def test_what_a_full_queue_refuses_is_counted_and_named(
    jobs: InlineJobs, ran: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    for association_id in (1, 2, 3):
        assert submit(jobs, association_id)

    assert not submit(jobs, 4)
    assert jobs.counts()["sync"]["dropped"] == 1
    assert "job dropped: sync key=association:4 association_id=4: the queue is full" in caplog.text


def test_a_failed_job_is_logged_with_its_traceback_and_the_next_one_runs(
    jobs: InlineJobs, ran: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*, association_id: int) -> None:
        raise ZeroDivisionError("no such luck")

    jobs.register("fail", fail)
    jobs.submit("fail", "association:7", association_id=7)
    submit(jobs, 1)
    jobs.run_waiting()

    assert ran == [1]
    assert jobs.counts()["fail"]["failed"] == 1
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert "job failed: fail key=association:7 association_id=7 after" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_job_that_ended_well_is_logged_with_its_duration(
    jobs: InlineJobs, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dcapi")
    jobs.register("slow", lambda **_ids: clock.advance(2.5))
    jobs.submit("slow", "subcloud:1", subcloud_id="1")
    jobs.run_waiting()

    assert "job done: slow key=subcloud:1 subcloud_id=1 in 2.500 s" in caplog.text


def test_a_job_carries_the_request_id_of_its_request_and_nothing_else(jobs: InlineJobs) -> None:
    other: ContextVar[str] = ContextVar("other", default="untouched")
    seen: list[tuple[str, str]] = []
    jobs.register("look", lambda: seen.append((request_id.get(), other.get())))
    token, other_token = request_id.set("req-1"), other.set("of the request")
    try:
        jobs.submit("look", "look")
        request_id.set("req-2")
        jobs.run_waiting()
        assert request_id.get() == "req-2"
    finally:
        request_id.reset(token)
        other.reset(other_token)

    assert seen == [("req-1", "untouched")]


def test_a_job_carries_the_id_that_the_sender_gave_its_request(jobs: InlineJobs) -> None:
    seen: list[str] = []
    jobs.register("look", lambda: seen.append(global_request_id.get()))
    with request_ids("req-1", "req-of-the-sender"):
        jobs.submit("look", "look")
    jobs.run_waiting()
    assert seen == ["req-of-the-sender"]


def test_jobs_that_no_request_asked_for_have_ids_of_their_own(jobs: InlineJobs) -> None:
    seen: list[str] = []
    jobs.register("look", lambda: seen.append(request_id.get()))
    for key in ("first", "second"):
        jobs.submit("look", key)
    jobs.run_waiting()
    assert len({accepted_request_id(each) for each in seen} - {""}) == 2


@pytest.mark.parametrize(("asked", "runs_under"), [(("", "req-1"), "req-1"), (("req-1", "req-2"), "req-1")])
def test_a_job_that_waits_runs_under_the_first_request_that_asked_for_it(
    jobs: InlineJobs, asked: tuple[str, ...], runs_under: str
) -> None:
    seen: list[str] = []
    jobs.register("look", lambda: seen.append(request_id.get()))
    for asker in asked:
        with request_ids(asker):
            jobs.submit("look", "look")
    jobs.run_waiting()
    assert seen == [runs_under]


def test_a_job_of_an_unknown_name_is_refused(jobs: InlineJobs) -> None:
    with pytest.raises(LookupError, match="nobody"):
        jobs.submit("nobody", "key")


def test_a_name_is_registered_once(jobs: InlineJobs, ran: list[int]) -> None:
    with pytest.raises(ValueError, match="sync"):
        jobs.register("sync", lambda: None)


def test_a_job_takes_ids_and_no_rows(jobs: InlineJobs, ran: list[int]) -> None:
    with pytest.raises(TypeError, match="association_id is no id but a dict"):
        jobs.submit("sync", "key", association_id={"id": 1})  # type: ignore[arg-type]


def test_draining_runs_what_is_due_and_drops_the_rest(
    jobs: InlineJobs, ran: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    submit(jobs, 1)
    submit(jobs, 2, delay=1)

    assert jobs.drain(10)
    assert ran == [1]
    assert jobs.stopping
    assert jobs.counts()["sync"]["dropped"] == 1
    assert "job dropped: sync key=association:2 association_id=2: the process stops" in caplog.text


def test_draining_ends_at_its_deadline(jobs: InlineJobs, clock: FakeClock) -> None:
    jobs.register("slow", lambda **_ids: clock.advance(8))
    for number in range(3):
        jobs.submit("slow", f"subcloud:{number}", number=number)

    assert not jobs.drain(10)
    assert jobs.counts()["slow"] == {"done": 2, "failed": 0, "dropped": 1, "coalesced": 0}


def test_nothing_is_taken_once_draining_began(jobs: InlineJobs, ran: list[int]) -> None:
    jobs.drain(0)

    assert not submit(jobs, 1)
    assert jobs.counts()["sync"]["dropped"] == 1


def test_waiting_for_it_to_be_idle_runs_what_is_due(jobs: InlineJobs, ran: list[int]) -> None:
    submit(jobs, 1)
    submit(jobs, 2, delay=5)

    assert jobs.wait_idle(10)
    assert ran == [1]
    assert jobs.wait_idle(10, delayed=True)
    assert ran == [1, 2]
