"""A sync that is held at one of its requests, while members are changed and its holder comes to harm."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable

from dcapi.lab.members import Member
from dcapi.lab.polling import OverdueError, wait_until
from tests.faults import processes
from tests.faults.checks import association_at_a
from tests.faults.disturbances import DATABASE_ERRORS, STOPPED_SECONDS
from tests.faults.ledger import Answered, attempt
from tests.faults.operations import change_member, members_of, sync
from tests.faults.pace import paced, paced_range
from tests.faults.record import Passed
from tests.faults.session import Session
from tests.faults.wire import Held
from tests.faults.world import LEASE_SECONDS

# A request that is held for longer than its own time limit is given up by its sender.
HELD_SECONDS = paced(1.0)
# A run begins soon after it was asked for; when none does, a fault of before is in the way.
BEGIN_SECONDS = paced(3.0)
LOCKED_SECONDS = paced_range(1.0, 4.0)
# Then the harm is felt, and is not over.
FELT_SECONDS = paced_range(1.5, 3.0)

Harm = Callable[[Session, random.Random, Held], None]


def hold_a_sync(session: Session, chance: random.Random) -> None:
    """Sync a group with something to send, and change members while the run is held; see what it ends as."""
    group_id = chance.choice(session.groups)
    members = members_of(session, group_id)
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


def member_write() -> Callable[[Passed], bool]:
    return lambda passed: passed.mark is not None and passed.is_write and "/subclouds" in passed.path


def telling() -> Callable[[Passed], bool]:
    return lambda passed: passed.is_telling and b'"syncing"' in passed.body


def _last_look() -> Callable[[Passed], bool]:
    """The reading of the members with which a run makes sure of what it sent."""
    seen = [False]

    def wanted(passed: Passed) -> bool:
        seen[0] = seen[0] or (passed.is_write and "/subclouds" in passed.path)
        return seen[0] and passed.method == "GET" and passed.path.rstrip("/").endswith("/subclouds")

    return wanted


# Requests of a run at which it is held.
STAGES = (member_write, member_write, telling, _last_look)


def _change_during(session: Session, chance: random.Random, group_id: int, members: list[Member]) -> None:
    """Change a member, and count it when the sync went on all the while."""
    answered = change_member(session, chance, chance.choice(members))
    if answered is Answered.ACKNOWLEDGED and _is_syncing(session, group_id):
        session.landed += 1


def _is_syncing(session: Session, group_id: int) -> bool | None:
    """Whether a sync of the group goes on; None when A, which may be down just now, does not say."""
    with session.world.at_a.twin() as operator:
        answered, association = attempt(lambda: association_at_a(operator, group_id))
    if answered is not Answered.ACKNOWLEDGED:
        return None
    return association is not None and bool(association["sync-status"] == "syncing")


def _wait_end(session: Session, group_id: int) -> None:
    try:
        wait_until("the sync to end", lambda: _is_syncing(session, group_id) is False, within=LEASE_SECONDS)
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


def freeze_receivers(session: Session, chance: random.Random, held: Held) -> None:
    """Some workers of B stand still with requests in their hands, and do them when nobody waits any more."""
    receivers = processes.workers_of(session.world.b)
    receivers = receivers[: chance.randint(1, len(receivers))] if receivers else []
    seconds = chance.uniform(*STOPPED_SECONDS)
    session.say(f"workers {receivers} of B stand still for {seconds:.1f} s")
    held.release()
    session.world.pause(receivers, session.over, seconds)
    session.say(f"workers {receivers} of B go on")


def lock_receiver(session: Session, chance: random.Random, held: Held) -> None:
    """B's database keeps the requests waiting for longer than their sender does."""
    seconds = chance.uniform(*LOCKED_SECONDS)
    session.say(f"the database of B is disturbed for {seconds:.1f} s")
    held.release()
    with contextlib.suppress(*DATABASE_ERRORS):
        session.world.databases[session.world.b.name].cut(session.over, seconds)
    session.say("the database of B is whole")


def harm_and_sync_again(harm: Harm) -> Harm:
    """The operator changes a member and asks for the next sync before the harm is over."""

    def both(session: Session, chance: random.Random, held: Held) -> None:
        harming = threading.Thread(target=harm, args=(session, random.Random(chance.random()), held))
        harming.start()
        session.over.wait(chance.uniform(*FELT_SECONDS))
        for group_id in session.groups:
            change_member(session, chance)
            sync(session, group_id)
        harming.join()

    return both


HARMS: dict[Harm, int] = {
    no_harm: 8,
    freeze_holder: 3,
    kill_holder: 2,
    harm_and_sync_again(freeze_receivers): 3,
    harm_and_sync_again(lock_receiver): 2,
}
