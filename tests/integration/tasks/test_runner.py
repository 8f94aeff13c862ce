"""The runner of tasks: when a step is made, what keeps it from writing, and what becomes of secrets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import delete, update

from dcapi.models import Lease, Task
from dcapi.models.task import find, payload_of
from dcapi.runtime import Runtime
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import STEPS_A_JOB, Step, forget_secrets
from tests.integration.kept_tasks import change_tasks, let_expire, lose_the_key, make_due, tasks
from tests.integration.tasks.errand import LEASE, LOST, SUBJECT, Errand, Office

LONG = 3600.0


@pytest.fixture
def office(runtime: Runtime) -> Office:
    return Office(runtime)


def change_lease(office: Office, **values: Any) -> None:
    with office.runtime.unit_of_work() as session:
        session.execute(update(Lease).where(Lease.name == LEASE).values(**values))
        session.commit()


def waiting(office: Office) -> list[float]:
    """In how many seconds the jobs run that were asked for."""
    jobs: Any = office.runtime.jobs
    return [entry.due - time.monotonic() for entry in jobs._waiting._entries.values()]


# -- When a step is made --


def test_a_step_is_made_only_when_it_is_due(office: Office) -> None:
    office.begin(Step(5.0))
    office.step()
    office.step()
    assert len(office.errand.asked) == 1
    assert office.due() == []
    make_due(office.runtime)
    assert [one.ids for one in office.due()] == [{"kind": "errand", "subject_id": SUBJECT}]
    office.step()
    assert len(office.errand.asked) == 2
    assert tasks(office.runtime) == []


def test_a_job_that_comes_too_early_asks_for_the_step_in_time(office: Office) -> None:
    office.begin(Step(5.0))
    for _ in range(2):
        office.step()
        [delay] = waiting(office)
        assert 0 < delay <= 5.0


def test_nothing_is_done_while_another_holds_the_lease(office: Office) -> None:
    office.begin()
    hold = office.take_lease()
    assert hold is not None
    with hold:
        office.step()
        assert office.errand.asked == []
    office.step()
    assert office.errand.asked == [{"pin": 1234}]


def test_a_due_time_too_far_off_counts_as_now(office: Office) -> None:
    office.begin()
    longest = office.errand.longest_wait(office.runtime)
    change_tasks(office.runtime, due_at=time.time() + longest - 1)
    office.step()
    assert office.errand.asked == []
    assert office.due() == []
    change_tasks(office.runtime, due_at=time.time() + LONG)
    assert len(office.due()) == 1
    office.step()
    assert len(office.errand.asked) == 1


def test_a_kind_that_is_always_due_is_looked_at_each_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Errand, "is_always_due", True)
    office.begin(Step(5.0), Step(5.0))
    for number in (1, 2):
        assert len(office.due()) == 1
        office.step()
        assert len(office.errand.asked) == number


def test_a_job_makes_the_steps_that_are_due_at_once_up_to_a_bound(office: Office) -> None:
    office.begin(*[Step()] * (STEPS_A_JOB + 1))
    office.step()
    assert len(office.errand.asked) == STEPS_A_JOB
    [delay] = waiting(office)
    assert delay <= 0
    office.step()
    assert len(office.errand.asked) == STEPS_A_JOB + 2
    assert tasks(office.runtime) == []


def test_no_step_is_begun_while_the_process_stops(office: Office) -> None:
    office.begin()
    office.runtime.jobs.drain(0)
    office.step()
    assert office.errand.asked == []
    assert len(tasks(office.runtime)) == 1


def test_a_step_that_raises_leaves_the_task_for_the_next_sweep(office: Office) -> None:
    office.begin()

    def fail(_hold: Hold) -> None:
        raise OSError("no space left")

    office.errand.meanwhile = fail
    with pytest.raises(OSError, match="no space left"):
        office.step()
    assert office.written() != "step 1"
    assert len(office.due()) == 1
    hold = office.take_lease()
    assert hold is not None
    hold.release()


# -- What keeps a step from writing --


def test_a_task_replaced_during_a_step_is_left_alone(office: Office) -> None:
    office.begin()
    before = office.written()
    office.errand.meanwhile = lambda _hold: office.begin(payload={"pin": 5678})
    office.step()
    assert office.written() == before
    [task] = tasks(office.runtime)
    assert (task.payload, task.tries) == ({"pin": 5678}, 0)
    assert waiting(office) == []


def test_a_step_that_goes_on_writes_nothing_over_a_replaced_task(office: Office) -> None:
    office.begin(Step(5.0, {"tries": 3}))
    before = office.written()
    office.errand.meanwhile = lambda _hold: office.begin(Step(5.0, {"tries": 3}), payload={"pin": 5678})
    office.step()
    assert office.written() == before
    [task] = tasks(office.runtime)
    assert (task.payload, task.tries) == ({"pin": 5678}, 0)


@pytest.mark.parametrize("step", [Step(None), Step(5.0)], ids=["end", "step"])
def test_a_lost_lease_writes_nothing(office: Office, step: Step, caplog: pytest.LogCaptureFixture) -> None:
    office.begin(step)
    before, due_at = office.written(), tasks(office.runtime)[0].due_at
    office.errand.meanwhile = lambda _hold: change_lease(office, owner="another", epoch=7)
    office.step()
    assert office.written() == before
    assert [task.due_at for task in tasks(office.runtime)] == [due_at]
    assert "the lease was lost, nothing more is written" in caplog.text
    assert waiting(office) == []


def test_a_step_that_finds_other_rows_writes_nothing(office: Office) -> None:
    office.begin(None)
    before = office.written()
    office.step()
    assert office.written() == before
    assert len(tasks(office.runtime)) == 1


# -- The end --


def test_a_task_whose_subject_is_gone_is_dropped(office: Office) -> None:
    office.begin()
    office.errand.is_gone = True
    office.step()
    assert office.errand.asked == []
    assert tasks(office.runtime) == []


def test_a_task_that_has_something_to_do_again_is_not_dropped(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.begin()
    looks = iter([None, object()])
    monkeypatch.setattr(Errand, "look", lambda *_: next(looks))
    office.step()
    assert len(tasks(office.runtime)) == 1


def test_what_follows_a_step_is_done_after_its_commit(office: Office) -> None:
    seen: list[tuple[str, int]] = []
    office.begin(Step(None, then=(lambda: seen.append((office.written(), len(tasks(office.runtime)))),)))
    office.step()
    assert seen == [("step 1", 0)]


@pytest.mark.parametrize("step", [Step(None), Step(5.0)], ids=["end", "step"])
def test_the_lease_is_given_back_in_the_last_write(office: Office, step: Step) -> None:
    office.begin(step)
    with office.commits() as commits:
        office.step()
    # One takes the lease, one writes.
    assert len(commits) == 2
    hold = office.take_lease()
    assert hold is not None
    hold.release()


# -- Secrets --


def test_a_secret_ends_and_its_task_stays_to_fail(office: Office) -> None:
    office.begin()
    let_expire(office.runtime)
    forget_secrets(office.runtime)
    [task] = tasks(office.runtime)
    assert task.payload is None
    office.step()
    assert office.written() == LOST
    assert tasks(office.runtime) == []


def test_a_secret_whose_time_is_not_over_is_kept(office: Office) -> None:
    office.begin()
    forget_secrets(office.runtime)
    assert [task.payload for task in tasks(office.runtime)] == [{"pin": 1234}]


@pytest.mark.parametrize("lose", [let_expire, lose_the_key])
def test_a_secret_that_cannot_be_read_is_as_good_as_lost(office: Office, lose: Any) -> None:
    office.begin()
    lose(office.runtime)
    office.step()
    assert office.errand.asked == [None]


def test_the_secret_of_a_task_that_goes_meanwhile_is_lost(office: Office) -> None:
    """It is read by a statement of its own; on PostgreSQL another transaction may end between the two."""
    office.begin()
    with office.runtime.unit_of_work() as session:
        found = find(session, office.errand.name, SUBJECT)
        assert found is not None
        session.execute(delete(Task), execution_options={"synchronize_session": False})
        assert payload_of(found) is None


def test_each_step_keeps_the_secret_for_longer(office: Office) -> None:
    office.begin(Step(5.0))
    soon = time.time() + 30
    change_tasks(office.runtime, secret_until=soon)
    office.step()
    [task] = tasks(office.runtime)
    assert task.secret_until is not None
    assert task.secret_until > soon + LONG / 2


def test_an_expired_secret_is_never_revived_by_a_later_step(office: Office) -> None:
    office.begin(Step(5.0), Step(5.0))
    let_expire(office.runtime)
    ended = tasks(office.runtime)[0].secret_until
    office.step()
    make_due(office.runtime)
    office.step()
    assert office.errand.asked == [None, None]
    assert [task.secret_until for task in tasks(office.runtime)] == [ended]


def test_a_secret_that_expires_during_a_step_stays_expired(office: Office) -> None:
    office.begin(Step(0.0))
    office.errand.meanwhile = lambda _hold: let_expire(office.runtime)
    office.step()
    assert office.errand.asked == [{"pin": 1234}, None]


def test_a_task_without_a_secret_is_none_that_lost_it(office: Office) -> None:
    office.begin(Step(5.0), payload=None)
    office.step()
    forget_secrets(office.runtime)
    assert [task.secret_until for task in tasks(office.runtime)] == [None]
