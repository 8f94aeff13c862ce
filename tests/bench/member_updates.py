"""PATCH of a member of an associated group beside PATCH of a subcloud in no group: what a peer may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dcapi.lab.faults import Hang
from dcapi.lab.operator import Operator
from dcapi.lab.pair import OUTCOME_SECONDS, Pair
from dcapi.lab.shared_group import GROUPS, SharedGroup, associate
from tests.bench.figures import MEDIAN, P95, Note, Verdict, judged, seconds_of

MEMBERS = 5
# Changes of each kind before the first one that counts.
WARM_UP = 5
LIMITS = {MEDIAN: 1.5, P95: 3.0}


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the times with the peer up, down and hanging; raises AssertionError when an answer is wrong."""
    verdicts: list[Verdict] = []
    note("two sites are started, and a group is brought in sync")
    with Pair(folder) as pair:
        bench = _Bench(pair)
        for name, peer, before_each in (
            ("up", _peer_up, bench.sync),
            ("down", _peer_down, _nothing),
            ("hanging", _peer_hanging, _nothing),
        ):
            note(f"{rounds} changes of each kind with the peer {name}")
            with peer(pair):
                times = bench.take_turns(rounds, before_each)
            bench.sync()
            verdicts += judged(f"change of a member, peer {name}, beside one of no group", *times, LIMITS)
    return verdicts


def _nothing() -> None:
    pass


@contextmanager
def _peer_up(_: Pair) -> Iterator[None]:
    yield


@contextmanager
def _peer_down(pair: Pair) -> Iterator[None]:
    pair.take_b_down()
    yield
    pair.bring_b_back()


@contextmanager
def _peer_hanging(pair: Pair) -> Iterator[None]:
    with pair.proxy.add(Hang()):
        yield


class _Bench:
    """A group of A that B has, one of its members, and a subcloud beside it that is in no group."""

    def __init__(self, pair: Pair) -> None:
        pair.introduce()
        group = pair.at_a.create(GROUPS, {"peer-group-name": "benched"})
        members = [pair.new_member("member", install=True) for _ in range(MEMBERS)]
        pair.join_all(group["id"], members)
        self.shared: SharedGroup = associate(pair, group)
        self.member = members[0].name
        self.free = self._add_free(pair)
        self._operator: Operator = pair.at_a
        self._changes = 0
        self.sync()

    @staticmethod
    def _add_free(pair: Pair) -> str:
        """A subcloud with all that a member has, but for the group."""
        free = pair.new_member("free", install=True)
        pair.deploy(free)
        values = free.joining("none")
        pair.at_a.update_subcloud(free.name, values)
        return free.name

    def sync(self) -> None:
        """Bring the group in sync, and wait until both sites say so."""
        self._operator.sync(self.shared.association_id, wait=OUTCOME_SECONDS)
        self.shared.expect_status("in-sync")

    def take_turns(self, rounds: int, before_each: Callable[[], None]) -> tuple[list[float], list[float]]:
        """The times of ``rounds`` changes of the member, and of as many of the other subcloud, in seconds."""
        times: dict[str, list[float]] = {self.member: [], self.free: []}
        for number in range(WARM_UP + rounds):
            # Each of the two comes first as often as the other.
            for name in (self.member, self.free)[:: 1 if number % 2 else -1]:
                before_each()
                seconds = self._change(name)
                if number >= WARM_UP:
                    times[name].append(seconds)
        return times[self.member], times[self.free]

    def _change(self, name: str) -> float:
        self._changes += 1
        text = f"Painted {self._changes} times"
        seconds = seconds_of(lambda: self._operator.update_subcloud(name, {"description": text}))
        self._check_answer(name, text)
        return seconds

    def _check_answer(self, name: str, description: str) -> None:
        assert self._operator.last_answer is not None
        answer = self._operator.last_answer.json()
        if answer["description"] != description or ("info_message" in answer) != (name == self.member):
            raise AssertionError(f"the change of {name} was answered {answer}")
