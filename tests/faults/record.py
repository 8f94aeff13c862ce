"""What passed from one site to the other, and what must never be seen in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations

from dcapi.tasks.leases import association_lease

READING = frozenset({"GET", "HEAD"})
# Looking whether the association there shows something is one request that reads who leads the group.
GROUPS_PATH = re.compile(r"/v1\.0/subcloud-peer-groups(/[^/]+)?/?")
ASSOCIATION_PATH = re.compile(r"/v1\.0/peer-group-associations/[^/]+/?")
SUBCLOUD_PATH = re.compile(r"/v1\.0/subclouds/[^/]+/?")
ASSOCIATION_LEASE = association_lease(0).removesuffix("0")
IDENTITY = "/v3/"


@dataclass(frozen=True)
class Mark:
    """The lease under which a request was sent, its epoch, and the process that sent it."""

    lease: str
    epoch: int
    process: int

    @staticmethod
    def of(text: str) -> Mark | None:
        words = text.split()
        return Mark(words[0], int(words[1]), int(words[2])) if len(words) == 3 else None


@dataclass
class Passed:
    """One request on its way; times are ``time.monotonic()``."""

    connection: int
    method: str
    path: str
    mark: Mark | None
    body: bytes = field(repr=False, default=b"")
    came: float = 0.0
    # When the site got it whole; None: it never did.
    delivered: float | None = None
    # When its client went away without an answer.
    abandoned: float | None = None
    # When the site had answered, or its connection ended.
    ended: float | None = None
    code: int | None = None

    @property
    def is_write(self) -> bool:
        return self.method not in READING and not self.path.startswith(IDENTITY)

    @property
    def is_telling(self) -> bool:
        return self.method == "PATCH" and ASSOCIATION_PATH.fullmatch(self.path) is not None

    @property
    def reads_leader(self) -> bool:
        return self.method == "GET" and GROUPS_PATH.fullmatch(self.path) is not None

    def describe(self, origin: float = 0.0) -> str:
        sent = (
            f"{self.mark.lease} epoch {self.mark.epoch} of {self.mark.process}" if self.mark else "unmarked"
        )
        times = ", ".join(
            f"{name} {moment - origin:.3f}"
            for name, moment in (
                ("delivered", self.delivered),
                ("abandoned", self.abandoned),
                ("ended", self.ended),
            )
            if moment is not None
        )
        head = f"{self.came - origin:8.3f} #{self.connection} {self.method} {self.path} {self.code or '-'}"
        return f"{head} ({sent}; {times})"


@dataclass(frozen=True)
class Pause:
    """A process that stood still, from when to when."""

    process: int
    begin: float
    end: float


def without_lease(passed: Iterable[Passed]) -> list[str]:
    """Writes of which nobody can say who may send them: no lease was looked at before."""
    return [f"without a lease: {one.describe()}" for one in passed if one.is_write and one.mark is None]


def overlaps(passed: Iterable[Passed], pauses: Sequence[Pause]) -> list[str]:
    """Writes of an older holder of an association's lease at or after those of a newer one.

    One that arrived before its holder was stopped, and one whose sender had given it up, may still be under
    way. What never arrived whole is no write.
    """
    return [
        f"overlap: {older.describe()} with the newer {newer.describe()}"
        for older, newer in permutations(filter(_is_of_a_run, passed), 2)
        if _overlap(older, newer, pauses)
    ]


def _is_of_a_run(one: Passed) -> bool:
    is_marked = one.mark is not None and one.mark.lease.startswith(ASSOCIATION_LEASE)
    return one.is_write and is_marked and one.delivered is not None


def _overlap(older: Passed, newer: Passed, pauses: Sequence[Pause]) -> bool:
    assert older.mark is not None
    assert newer.mark is not None
    assert older.delivered is not None
    assert newer.delivered is not None
    if older.mark.lease != newer.mark.lease or older.mark.epoch >= newer.mark.epoch:
        return False
    if older.delivered > newer.delivered:
        return True
    return _is_under_way(older, newer.delivered, pauses)


def _is_under_way(one: Passed, moment: float, pauses: Sequence[Pause]) -> bool:
    """Whether the sender of a write that arrived before waits for its answer."""
    assert one.mark is not None
    over = [end for end in (one.ended, one.abandoned) if end is not None]
    waits = not over or min(over) > moment
    return waits and not _stopped_between(one.mark.process, one.came, moment, pauses)


def crossings(passed: Iterable[Passed], pauses: Sequence[Pause]) -> list[str]:
    """Writes of one subcloud by runs of two associations at once: runs that share one take turns."""
    writes = sorted(filter(_is_of_a_run, passed), key=lambda one: one.delivered or 0.0)
    return [
        f"crossing: {first.describe()} with {second.describe()}"
        for first, second in combinations(writes, 2)
        if _cross(first, second, pauses)
    ]


def _cross(first: Passed, second: Passed, pauses: Sequence[Pause]) -> bool:
    assert first.mark is not None
    assert second.mark is not None
    if first.path != second.path or not SUBCLOUD_PATH.fullmatch(first.path):
        return False
    return first.mark.lease != second.mark.lease and _is_under_way(first, second.delivered or 0.0, pauses)


def _stopped_between(process: int, begin: float, end: float, pauses: Sequence[Pause]) -> bool:
    return any(pause.process == process and begin <= pause.end and pause.begin <= end for pause in pauses)


@dataclass(frozen=True)
class Takeover:
    """While this lasted the copy of a group was another site's, or was being migrated."""

    group_id: int
    association_leases: frozenset[str]
    begin: float
    end: float


def writes_under_another_leader(passed: Sequence[Passed], takeover: Takeover) -> list[str]:
    """Writes to a copy by a holder that had read, or should have read, that another site leads it.

    A run that had looked before is not called back. Telling a status is no write to the copy.
    """
    found, end = [], _end_of(takeover, passed)
    for write in passed:
        if not _concerns(write, takeover, end):
            continue
        looks = [
            look.came
            for look in passed
            if look.reads_leader and look.mark == write.mark and look.came < write.came
        ]
        if not looks or max(looks) > takeover.begin:
            found.append(f"another leads since {takeover.begin:.3f}: {write.describe()}")
    return found


def _end_of(takeover: Takeover, passed: Iterable[Passed]) -> float:
    """When it was over: a copy that is deleted has no leader, and a new one is led by who makes it."""
    path = f"/v1.0/subcloud-peer-groups/{takeover.group_id}"
    gone = [
        one.came
        for one in passed
        if (one.method, one.path) == ("DELETE", path)
        and one.delivered is not None
        and one.code in (None, 200)
        and (one.ended is None or one.ended > takeover.begin)
    ]
    return min([takeover.end, *gone])


def _concerns(write: Passed, takeover: Takeover, end: float) -> bool:
    return (
        write.is_write
        and not write.is_telling
        and write.mark is not None
        and write.mark.lease in takeover.association_leases
        and takeover.begin < write.came <= end
    )
