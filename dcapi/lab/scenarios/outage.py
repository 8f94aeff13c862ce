"""Scenario 3: changes of members while the other site is down."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator

from dcapi.lab.expectations import expect
from dcapi.lab.members import Member
from dcapi.lab.operator import Json
from dcapi.lab.pair import Pair
from dcapi.lab.scenarios.changes import CHANGES, make_other_group
from dcapi.lab.shared_group import SharedGroup, shared_group

# Changes that are timed, with B up and again with B down.
TIMED_CHANGES = 8
# The lab's machine may have other things to do: this tells an answer that waits for B from one that does not.
SLOWER_FACTOR = 3.0
SLOWER_SECONDS = 0.25


def changes_with_the_peer_down_fail(pair: Pair) -> None:
    """Scenario 3."""
    with pair.step("a group is in sync on both sites"):
        make_other_group(pair)
        changing, leaving, joining = (pair.new_member("harbour", install=True) for _ in range(3))
        shared = shared_group(pair, "harbours", [changing, leaving])
        pair.deploy(joining)
    with _outage(shared):
        _change_fails(shared, "a subcloud is added", joining, joining.joining(shared.id))
    with _outage(shared):
        _change_fails(shared, "a subcloud is removed", leaving, {"peer_group": "none"})
    with pair.step(f"{TIMED_CHANGES} changes are timed while B is up"):
        seconds_up = _median_of_changes(shared, changing)
        shared.sync()
    with _outage(shared):
        for change in CHANGES:
            _change_fails(shared, f"{change.what} changed", changing, change.parts(changing))
        with pair.step(f"{TIMED_CHANGES} changes are answered as fast as with B up"):
            _expect_as_fast(seconds_up, _median_of_changes(shared, changing))


@contextlib.contextmanager
def _outage(shared: SharedGroup) -> Iterator[None]:
    """B is down; afterwards it is up again, and a sync makes up for what it missed."""
    pair = shared.pair
    with pair.step("B goes down"):
        pair.take_b_down()
    try:
        yield
    finally:
        with pair.step("B comes back"):
            pair.bring_b_back()
    with pair.step("a sync: both are in sync, B has what A has"):
        shared.sync()


def _change_fails(shared: SharedGroup, what: str, member: Member, parts: Json) -> None:
    with shared.pair.step(f"{what}: failed on A, with a message"):
        shared.expect_informed(shared.pair.at_a.update_subcloud(member.name, parts))
        message = shared.expect_status_at_a("failed")["sync-message"]
        expect(message not in (None, "", "None"), f"a message that says why, it is {message!r}")


def _median_of_changes(shared: SharedGroup, member: Member) -> float:
    """Change a member some times, each time to something new; the median of the seconds until the answer."""
    seconds = []
    for number in range(TIMED_CHANGES):
        started = time.monotonic()
        answer = shared.pair.at_a.update_subcloud(member.name, {"location": f"Berth {started} {number}"})
        seconds.append(time.monotonic() - started)
        shared.expect_informed(answer)
    return statistics.median(seconds)


def _expect_as_fast(up: float, down: float) -> None:
    limit = max(SLOWER_FACTOR * up, SLOWER_SECONDS)
    expect(down <= limit, f"a median of at most {limit:.3f} s (with B up: {up:.3f} s), it is {down:.3f} s")
