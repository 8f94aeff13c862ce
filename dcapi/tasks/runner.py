"""The one runner of long work that goes on in steps: each step is a short job over one task row.

A kind of task says what a step looks at, what it asks outside of any transaction, and what it writes. The
runner does the rest: it takes the lease, writes only while the lease is held and the task is still there, and
asks for the next step. Losing a job, or a process, loses nothing: what is due stands in the rows.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import and_, case, delete, or_, select, update
from sqlalchemy.orm import Session

from dcapi.careful_clock import CLOCK
from dcapi.models import Task, task
from dcapi.models.engine import read_only
from dcapi.runtime import Runtime
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold, LeaseLost

logger = logging.getLogger(__name__)

TASK_JOB = "task"

# Steps that one sweep names: the others are overdue at the next one too.
DUE_LIMIT = 1000
# Steps that one job makes while one after the other is due at once: others want the thread too.
STEPS_A_JOB = 20

View = TypeVar("View")
Answer = TypeVar("Answer")


class Due(NamedTuple):
    """One job that should run: its name, its key and its ids."""

    name: str
    key: str
    ids: dict[str, int | str]


@dataclass(frozen=True)
class Step:
    """What a step wrote about its task: ``seconds`` until the next one, None when the work has ended.

    ``changes`` are new values of the task row's columns; ``then`` is called after the commit.
    """

    seconds: float | None = 0.0
    changes: Mapping[str, Any] = field(default_factory=dict)
    then: tuple[Callable[[], object], ...] = ()


def hint(runtime: Runtime, kind: str, lease: str, subject_id: int, delay: float = 0.0) -> None:
    """Let the next step of a task be made in ``delay`` seconds; ``lease`` is the one of its kind."""
    runtime.jobs.submit(TASK_JOB, lease, delay=delay, kind=str(kind), subject_id=subject_id)


class TaskKind(ABC, Generic[View, Answer]):
    """A kind of long work. Only ``ask`` may take long, and it alone runs outside of any transaction."""

    name: str
    # Whether every hint and every sweep is a reason to look, whenever the next step is due.
    is_always_due = False

    def lease(self, subject_id: int) -> str:
        """The lease that its steps are made under, and the key of its jobs: that of a subcloud, usually."""
        return leases.subcloud_lease(subject_id)

    def longest_wait(self, runtime: Runtime) -> float:
        """Seconds that a step is put off at most: a later due time was written while a clock was wrong."""
        return max(runtime.deployer.longest_pause, runtime.settings.RECONCILE_SECONDS)

    def secret_seconds(self, runtime: Runtime) -> float:
        """Seconds that the payload is kept without a step."""
        return runtime.settings.OPERATION_SECRET_TTL

    @abstractmethod
    def look(self, session: Session, runtime: Runtime, found: Task) -> View | None:
        """What the next step works from, read in one transaction; None when nothing is left to do."""

    @abstractmethod
    def ask(self, runtime: Runtime, hold: Hold, view: View) -> Answer:
        """Ask whoever has to be asked; no transaction is open. Raises LeaseLost."""

    @abstractmethod
    def write(self, session: Session, runtime: Runtime, view: View, answer: Answer) -> Step | None:
        """Write what follows, if the rows are as they were seen; None when they are not.

        The subject is locked before anything else of it is read.
        """

    def hint(self, runtime: Runtime, subject_id: int, delay: float = 0.0) -> None:
        """Let the next step be made in ``delay`` seconds; to be called after the commit."""
        hint(runtime, self.name, self.lease(subject_id), subject_id, delay)

    def start(self, session: Session, runtime: Runtime, subject_id: int, **values: Any) -> None:
        """Let a piece of this work begin when the caller commits; values as ``dcapi.models.task.start``."""
        task.start(session, self.name, subject_id, secret_seconds=self.secret_seconds(runtime), **values)


Kinds = Mapping[str, TaskKind[Any, Any]]


def tasks_due(runtime: Runtime, kinds: Kinds, session: Session) -> Iterable[Due]:
    """The tasks whose next step is due, as jobs for the reconciler."""
    now = time.time()
    always = [name for name, kind in kinds.items() if kind.is_always_due]
    beyond = (
        and_(Task.kind == name, Task.due_at > now + kind.longest_wait(runtime))
        for name, kind in kinds.items()
    )
    query = (
        select(Task.kind, Task.subject_id)
        .where(Task.kind.in_(kinds), or_(Task.due_at <= now, Task.kind.in_(always), *beyond))
        .order_by(Task.due_at, Task.id)
        .limit(DUE_LIMIT)
    )
    for name, subject_id in session.execute(query):
        yield Due(TASK_JOB, kinds[name].lease(subject_id), {"kind": name, "subject_id": subject_id})


def forget_secrets(runtime: Runtime) -> None:
    """Delete the payloads of tasks whose time is over; the tasks stay until their work ends."""
    now = CLOCK.now()
    with runtime.unit_of_work() as session:
        if read_only(session).scalar(select(Task.id).where(task.holds_old_secret(now)).limit(1)) is None:
            return
    with runtime.unit_of_work() as session:
        task.forget_secrets(session, now)
        session.commit()


def make_steps(runtime: Runtime, kinds: Kinds, kind: str, subject_id: int) -> None:
    """The job: make the steps of a task that are due, and ask for the next one.

    Does nothing while another thread or process is at it.
    """
    found = kinds[kind]
    hold = leases.take(runtime, found.lease(subject_id))
    if hold is None:
        return
    try:
        with hold:
            seconds = _go_on(runtime, found, hold, subject_id)
    except LeaseLost:
        logger.warning("task %s of %d: the lease was lost, nothing more is written", kind, subject_id)
        return
    if seconds is not None:
        found.hint(runtime, subject_id, seconds)


def _go_on(runtime: Runtime, kind: TaskKind[Any, Any], hold: Hold, subject_id: int) -> float | None:
    """Make steps while one is due; returns the seconds to the next one, None when none is to be asked for."""
    for _ in range(STEPS_A_JOB):
        if runtime.jobs.stopping:
            return None
        seen = _look(runtime, kind, subject_id)
        if seen is None or seen.seconds_left > 0:
            return None if seen is None else seen.seconds_left
        if seen.view is None:
            _drop(runtime, kind, hold, seen.task_id)
            return None
        answer = kind.ask(runtime, hold, seen.view)
        step = _write(runtime, kind, hold, seen, answer)
        if step is None or step.seconds is None or step.seconds > 0:
            return None if step is None else step.seconds
    return 0.0


@dataclass(frozen=True)
class _Seen(Generic[View]):
    """A task as it was read, and what its next step works from, unless that is not due."""

    task_id: int
    seconds_left: float = 0.0
    view: View | None = None


def _look(runtime: Runtime, kind: TaskKind[View, Any], subject_id: int) -> _Seen[View] | None:
    with runtime.unit_of_work() as session:
        found = task.find(read_only(session), kind.name, subject_id)
        if found is None:
            return None
        left = found.due_at - time.time()
        if 0 < left <= kind.longest_wait(runtime) and not kind.is_always_due:
            return _Seen(found.id, left)
        return _Seen(found.id, view=kind.look(session, runtime, found))


def _write(
    runtime: Runtime, kind: TaskKind[View, Answer], hold: Hold, seen: _Seen[View], answer: Answer
) -> Step | None:
    """Write a step, if the lease is still ours and the rows are as they were seen; None when they are not."""
    assert seen.view is not None
    with leases.transaction(runtime, hold) as session:
        step = kind.write(session, runtime, seen.view, answer)
        if step is None or not _note(session, runtime, kind, seen.task_id, step):
            session.rollback()
            return None
        if step.seconds is None or step.seconds > 0:
            hold.release_in(session)
    for call in step.then:
        call()
    return step


def _note(session: Session, runtime: Runtime, kind: TaskKind[Any, Any], task_id: int, step: Step) -> bool:
    """Note in its row when a task goes on, or delete the row; False when another one took its place."""
    if step.seconds is None:
        return _delete(session, task_id)
    now = time.time()
    kept_until = now + step.seconds + kind.secret_seconds(runtime)
    values = {
        "due_at": now + step.seconds,
        # Not forgotten for as long as somebody is at it; what is over stays so.
        "secret_until": case((Task.secret_until > CLOCK.now(), kept_until), else_=Task.secret_until),
        **step.changes,
    }
    return task.hits_one(session, update(Task).where(Task.id == task_id).values(values))


def _delete(session: Session, task_id: int) -> bool:
    return task.hits_one(session, delete(Task).where(Task.id == task_id))


def _drop(runtime: Runtime, kind: TaskKind[Any, Any], hold: Hold, task_id: int) -> None:
    """Delete a task of which nothing is left to do, unless something came up meanwhile."""
    with leases.transaction(runtime, hold) as session:
        found = session.get(Task, task_id)
        if found is not None and kind.look(session, runtime, found) is None:
            _delete(session, task_id)
        hold.release_in(session)
