"""A kind of task for the tests of the runner: what it sees and what it writes are easy to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from dcapi.models import SubcloudGroup, Task
from dcapi.models.subcloud_group import DEFAULT_GROUP_ID
from dcapi.models.task import payload_of
from dcapi.runtime import Runtime
from dcapi.tasks import leases, runner
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import Due, Step, TaskKind, tasks_due

SUBJECT = DEFAULT_GROUP_ID
LEASE = f"errand:{SUBJECT}"
LOST = "its secret is lost"


@dataclass(frozen=True)
class Seen:
    """The payload of the task, None when it is gone."""

    payload: Any


class Errand(TaskKind[Seen, str]):
    """Writes what it did into the description of the default group; ``steps`` are what its steps lead to."""

    name = "errand"

    def __init__(self, *steps: Step | None) -> None:
        self.steps = list(steps)
        # What happens while others are asked.
        self.meanwhile: Callable[[Hold], object] = lambda _hold: None
        self.is_gone = False
        self.asked: list[Any] = []

    def lease(self, subject_id: int) -> str:
        return f"errand:{subject_id}"

    def look(self, session: Session, runtime: Runtime, found: Task) -> Seen | None:  # noqa: ARG002
        return None if self.is_gone else Seen(payload_of(found))

    def ask(self, runtime: Runtime, hold: Hold, view: Seen) -> str:  # noqa: ARG002
        self.asked.append(view.payload)
        self.meanwhile(hold)
        return LOST if view.payload is None else f"step {len(self.asked)}"

    def write(self, session: Session, runtime: Runtime, view: Seen, answer: str) -> Step | None:  # noqa: ARG002
        session.get_one(SubcloudGroup, SUBJECT).description = answer
        return self.steps.pop(0) if self.steps else Step(None)


@dataclass
class Office:
    """A site on whose default group an errand is run."""

    runtime: Runtime
    errand: Errand = field(default_factory=Errand)

    @property
    def kinds(self) -> dict[str, TaskKind[Any, Any]]:
        return {self.errand.name: self.errand}

    def begin(self, *steps: Step | None, **values: Any) -> None:
        """Let a task begin, with a secret unless the values say otherwise."""
        self.errand.steps = list(steps)
        with self.runtime.unit_of_work() as session:
            self.errand.start(session, self.runtime, SUBJECT, **{"payload": {"pin": 1234}, **values})
            session.commit()

    def step(self) -> None:
        """What the job does."""
        runner.make_steps(self.runtime, self.kinds, self.errand.name, SUBJECT)

    def due(self) -> list[Due]:
        with self.runtime.unit_of_work() as session:
            return list(tasks_due(self.runtime, self.kinds, session))

    def written(self) -> str:
        """What the last step wrote."""
        with self.runtime.unit_of_work() as session:
            return session.get_one(SubcloudGroup, SUBJECT).description

    def take_lease(self) -> Hold | None:
        """Take the lease of the task as another process does."""
        return leases.take(self.runtime, LEASE)

    @contextmanager
    def commits(self) -> Iterator[list[str]]:
        """Grows with each transaction that is committed."""
        made: list[str] = []
        with self.runtime.unit_of_work() as session:
            engine = session.get_bind()

        def note(*_: object) -> None:
            made.append("commit")

        event.listen(engine, "commit", note)
        try:
            yield made
        finally:
            event.remove(engine, "commit", note)
