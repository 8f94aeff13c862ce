"""The queue of jobs: order, keys, coalescing and its bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcapi.jobs.backlog import OUTDATED_ALLOWED, Added, Backlog, Job


def job(number: int, key: str | None = None) -> Job:
    return Job("sync", key or f"association:{number}", (("association_id", number),))


def taken(waiting: Backlog, now: float) -> list[Job]:
    """What is handed out at a time, each ended before the next."""
    jobs = []
    while (one := waiting.take(now)) is not None:
        jobs.append(one)
        waiting.end(one)
    return jobs


def test_jobs_come_out_by_due_time_and_then_in_the_order_they_came_in() -> None:
    waiting = Backlog(10)
    for number, due in ((1, 5.0), (2, 3.0), (3, 3.0), (4, 4.0)):
        waiting.add(job(number), due)

    assert taken(waiting, 5.0) == [job(2), job(3), job(4), job(1)]


def test_a_job_stays_until_its_time_has_come() -> None:
    waiting = Backlog(10)
    waiting.add(job(1), 5.0)

    assert waiting.take(4.9) is None
    assert waiting.next_due() == 5.0
    assert not waiting.has_due(4.9)
    assert waiting.has_due(5.0)
    assert waiting.take(5.0) == job(1)


def test_two_jobs_of_one_key_are_never_out_at_once() -> None:
    waiting = Backlog(10)
    first, second, other = job(1, "peer:1"), job(2, "peer:1"), job(3, "peer:2")
    for one in (first, second, other):
        waiting.add(one, 1.0)

    assert waiting.take(1.0) == first
    assert waiting.take(1.0) == other
    assert waiting.take(1.0) is None
    assert waiting.has_due(1.0)
    waiting.end(first)
    assert waiting.take(1.0) == second


def test_a_key_counts_across_job_names() -> None:
    waiting = Backlog(10)
    sync, tell = Job("sync", "association:1"), Job("tell", "association:1")
    waiting.add(sync, 1.0)
    waiting.add(tell, 1.0)

    assert waiting.take(1.0) == sync
    assert waiting.take(1.0) is None


def test_a_job_that_waits_is_not_queued_twice() -> None:
    waiting = Backlog(10)

    assert waiting.add(job(1), 1.0) is Added.QUEUED
    assert waiting.add(job(1), 1.0) is Added.COALESCED
    assert taken(waiting, 1.0) == [job(1)]


def test_a_job_asked_for_in_another_request_is_still_the_same_job() -> None:
    waiting = Backlog(10)
    waiting.add(Job("sync", "association:1", request_id="req-1"), 1.0)

    assert waiting.add(Job("sync", "association:1", request_id="req-2"), 1.0) is Added.COALESCED


def test_other_ids_make_another_job() -> None:
    waiting = Backlog(10)
    waiting.add(job(1, "peer:1"), 1.0)

    assert waiting.add(job(2, "peer:1"), 1.0) is Added.QUEUED


def test_the_earlier_due_time_of_two_wins() -> None:
    waiting = Backlog(10)
    waiting.add(job(1), 9.0)
    waiting.add(job(1), 2.0)
    waiting.add(job(1), 5.0)

    assert waiting.next_due() == 2.0
    assert taken(waiting, 9.0) == [job(1)]
    assert waiting.next_due() is None


def test_a_job_that_runs_waits_one_more_time() -> None:
    waiting = Backlog(10)
    waiting.add(job(1), 1.0)
    running = waiting.take(1.0)

    assert waiting.add(job(1), 1.0) is Added.QUEUED
    assert waiting.add(job(1), 1.0) is Added.COALESCED
    assert waiting.take(1.0) is None
    assert running is not None
    waiting.end(running)
    assert taken(waiting, 1.0) == [job(1)]


def test_a_busy_key_that_asks_again_goes_behind_the_other_keys() -> None:
    waiting = Backlog(10)
    waiting.add(job(1), 1.0)
    busy = waiting.take(1.0)
    waiting.add(job(2), 2.0)
    waiting.add(job(1), 3.0)
    assert busy is not None
    waiting.end(busy)

    assert taken(waiting, 3.0) == [job(2), job(1)]


def test_jobs_that_waited_for_a_key_keep_their_order() -> None:
    waiting = Backlog(10)
    jobs = [job(number, "peer:1") for number in range(4)]
    for one in jobs:
        waiting.add(one, 1.0)
    first = waiting.take(1.0)
    assert waiting.take(1.0) is None
    assert first is not None
    waiting.end(first)

    assert taken(waiting, 1.0) == jobs[1:]


def test_parked_job_asked_for_again_runs_when_its_key_is_free() -> None:
    waiting = Backlog(10)
    swept = Job("sync", "association:1")
    asked = Job("sync", "association:1", request_id="req-1")
    waiting.add(swept, 1.0)
    running = waiting.take(1.0)
    assert running is not None
    waiting.add(swept, 1.0)
    assert waiting.take(1.0) is None  # parked: its key is busy
    assert waiting.add(asked, 1.0) is Added.COALESCED
    assert waiting.take(1.0) is None
    waiting.end(running)

    handed_out = waiting.take(1.0)

    assert handed_out == asked
    assert handed_out.request_id == "req-1"


def test_a_full_queue_takes_no_more_but_still_knows_what_it_has() -> None:
    waiting = Backlog(1)
    waiting.add(job(1), 5.0)

    assert waiting.add(job(2), 1.0) is Added.FULL
    assert waiting.add(job(1), 1.0) is Added.COALESCED
    assert len(waiting) == 1


def test_a_running_job_takes_no_room_in_the_queue() -> None:
    waiting = Backlog(1)
    waiting.add(job(1), 1.0)
    waiting.take(1.0)

    assert waiting.add(job(2), 1.0) is Added.QUEUED


def test_only_jobs_whose_time_has_not_come_are_dropped_as_later_ones() -> None:
    waiting = Backlog(10)
    for number, due in ((1, 1.0), (2, 9.0), (3, 8.0)):
        waiting.add(job(number), due)

    assert waiting.drop_after(1.0) == [job(3), job(2)]
    assert taken(waiting, 10.0) == [job(1)]


def test_dropping_all_leaves_running_jobs_alone() -> None:
    waiting = Backlog(10)
    for number in range(3):
        waiting.add(job(number, "peer:1"), 1.0)
    first = waiting.take(1.0)
    assert waiting.take(1.0) is None

    assert waiting.drop_all() == [job(1, "peer:1"), job(2, "peer:1")]
    assert waiting.running == [first]
    assert first is not None
    waiting.end(first)
    assert waiting.take(1.0) is None


def test_outdated_entries_do_not_pile_up() -> None:
    waiting = Backlog(10)
    for _ in range(10 * OUTDATED_ALLOWED):
        waiting.add(job(1), 1000.0)
        waiting.add(job(1), 1.0)
        assert taken(waiting, 1.0) == [job(1)]

    assert len(waiting._heap) <= OUTDATED_ALLOWED + 2


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 5), st.integers(0, 20)),
            st.tuples(st.just("take"), st.just(0), st.integers(0, 20)),
            st.tuples(st.just("end"), st.integers(0, 5), st.just(0)),
        ),
        max_size=60,
    )
)
def test_it_hands_out_what_a_plain_sorted_list_would(steps: list[tuple[str, int, int]]) -> None:
    waiting, expected = Backlog(4), SortedList(4)
    for step, number, time in steps:
        if step == "add":
            one = job(number, f"peer:{number % 2}")
            assert waiting.add(one, time) is expected.add(one, time)
        elif step == "take":
            assert waiting.take(time) == expected.take(time)
        elif waiting.running:
            ended = waiting.running[number % len(waiting.running)]
            waiting.end(ended)
            expected.busy.remove(ended.key)
        assert len(waiting) == len(expected.due)


class SortedList:
    """The same queue, slow and plain: every call looks at every job."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.due: dict[Job, tuple[float, int]] = {}
        self.busy: set[str] = set()
        self.number = 0

    def add(self, one: Job, due: float) -> Added:
        known = self.due.get(one)
        if known is None and len(self.due) >= self.limit:
            return Added.FULL
        if known is None or due < known[0]:
            self.number += 1
            self.due[one] = (due, self.number)
        return Added.QUEUED if known is None else Added.COALESCED

    def take(self, now: float) -> Job | None:
        free = [(due, one) for one, due in self.due.items() if one.key not in self.busy and due[0] <= now]
        if not free:
            return None
        _, one = min(free, key=lambda pair: pair[0])
        del self.due[one]
        self.busy.add(one.key)
        return one
