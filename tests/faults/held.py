"""A sync that is held at one of its requests, while members are changed and its holder comes to harm."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

from dcapi.lab.members import Member
from dcapi.lab.waiting import OverdueError, wait_until
from tests.faults import processes
from tests.faults.checks import association_at_a
from tests.faults.ledger import Answered
from tests.faults.operations import change_member, sync
from tests.faults.record import Passed
from tests.faults.session import Session
from tests.faults.wire import Held
from tests.faults.world import LEASE_SECONDS

# A request that is held for longer than its own time limit is given up by its sender.
HELD_SECONDS = 1.0
# A run begins soon after it was asked for; when none does, a fault of before is in the way.
BEGIN_SECONDS = 3.0

Harm = Callable[[Session, random.Random, Held], None]


def hold_a_sync(session: Session, chance: random.Random) -> None:
    """Sync a group with something to send, and change members while the run is held; see what it ends as."""
    group_id = chance.choice(session.groups)
    members = [
        member
        for member in session.world.members
        if session.ledger.acknowledged(member.name, "peer group") == group_id
    ]
    if not members:
        return
    for member in chance.sample(members, min(2, len(members))):
        change_member(session, chance, member)
    with session.world.to_b.hold(chance.choice(STAGES)()) as held:
        if sync(session, group_id) is not Answered.ACKNOWLEDGED:
            return
        if not held.taken.wait(BEGIN_SECONDS):
            session.say("no run came to be held")
            return
        harm = chance.choices(list(HARMS), list(HARMS.values()))[0]
        session.say(f"held: {held.passed.describe(session.origin) if held.passed else 'nothing'}")
        for _ in range(chance.randrange(1, 3)):
            _change_during(session, chance, group_id, members)
        harm(session, chance, held)
        session.over.wait(chance.uniform(0, HELD_SECONDS))
    session.say("what was held goes on")
    if chance.random() < 0.5:
        _wait_end(session, group_id)


def _member_write() -> Callable[[Passed], bool]:
    return lambda passed: passed.mark is not None and passed.is_write and "/subclouds" in passed.path


def _telling() -> Callable[[Passed], bool]:
    return lambda passed: passed.is_telling and b'"syncing"' in passed.body


def _last_look() -> Callable[[Passed], bool]:
    """The reading of the members with which a run makes sure of what it sent."""
    seen = [False]

    def wanted(passed: Passed) -> bool:
        seen[0] = seen[0] or (passed.is_write and "/subclouds" in passed.path)
        return seen[0] and passed.method == "GET" and passed.path.rstrip("/").endswith("/subclouds")

    return wanted


# Requests of a run at which it is held.
STAGES = (_member_write, _member_write, _telling, _last_look)


def _change_during(session: Session, chance: random.Random, group_id: int, members: list[Member]) -> None:
    """Change a member, and count it when the sync went on all the while."""
    answered = change_member(session, chance, chance.choice(members))
    if answered is Answered.ACKNOWLEDGED and _is_syncing(session, group_id):
        session.landed += 1


def _is_syncing(session: Session, group_id: int) -> bool:
    with session.world.at_a.twin() as operator:
        association = association_at_a(operator, group_id)
    return association is not None and association["sync-status"] == "syncing"


def _wait_end(session: Session, group_id: int) -> None:
    try:
        wait_until("the sync to end", lambda: not _is_syncing(session, group_id), within=LEASE_SECONDS)
    except OverdueError:
        session.say("the sync goes on")


# -- What happens to the holder meanwhile --


def no_harm(session: Session, chance: random.Random, held: Held) -> None:
    """The run just goes on."""


def freeze_holder(session: Session, chance: random.Random, held: Held) -> None:
    """The holder stands still until another one has begun, and then finds its answers waiting."""
    mark = held.passed.mark if held.passed else None
    if mark is None:
        return
    session.say(f"the holder {mark.process} stands still")
    begin = time.monotonic()
    with processes.stopped([mark.process]):
        held.release()
        while not session.over.wait(0.1) and time.monotonic() < begin + 2 * LEASE_SECONDS:
            passed = session.world.to_b.passed_since(begin)
            if any(
                one.is_write and one.mark and one.mark.lease == mark.lease and one.mark.epoch > mark.epoch
                for one in passed
            ):
                break
    session.note_pause(mark.process, begin)
    session.say(f"the holder {mark.process} goes on")


def kill_holder(session: Session, chance: random.Random, held: Held) -> None:
    mark = held.passed.mark if held.passed else None
    if mark is not None:
        session.say(f"the holder {mark.process} is killed")
        processes.send(mark.process, signal.SIGKILL)


HARMS: dict[Harm, int] = {no_harm: 6, freeze_holder: 2, kill_holder: 1}
