"""One run: set up, disturb, wait until quiet, check, sync, check again, clean up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import partial

from tests.faults.checks import (
    ASSOCIATIONS,
    GROUPS,
    association_at_a,
    group_unsettled,
    left_at_b,
    strays_at_b,
    unsettled,
)
from tests.faults.claims import sync_what_was_robbed
from tests.faults.course import Outcome, befall, end_faults, wait_until_quiet
from tests.faults.disturbances import give_back, random_disturbance
from tests.faults.fields import FIELDS
from tests.faults.held import hold_a_sync
from tests.faults.ledger import Answered
from tests.faults.losses import group_unmet, lost, take_back
from tests.faults.migration import come_home, managed_twice
from tests.faults.networks import shown_wrongly
from tests.faults.operations import random_operation
from tests.faults.pace import paced_range
from tests.faults.reconfiguration import manage_again
from tests.faults.record import crossings, overlaps, without_lease, writes_under_another_leader
from tests.faults.session import ATTRIBUTES, GATEWAY, PEER, SYNC_ATTEMPTS, WAIT_SECONDS, Session
from tests.faults.takeover import work_under_another_leader
from tests.faults.world import MOST_WORKERS, World

# Between two operations of a storm, and before one of its disturbances.
PAUSE_SECONDS = paced_range(0, 0.4)
CALM_SECONDS = paced_range(0, 1.5)
# In so many of the runs groups are migrated.
MIGRATING_RUNS = 0.5
LANDING = "changes during a sync"


def play(world: World, seed: int) -> Outcome:
    """Play the run of this seed; whatever goes wrong is one of its problems."""
    session = Session(world, seed)
    outcome = Outcome(seed, 0.0, session, LANDING)
    chance = random.Random(seed)
    try:
        world.begin_run()
        world.set_workers(chance.randint(1, MOST_WORKERS), chance.randint(1, MOST_WORKERS))
        session.migrates = chance.random() < MIGRATING_RUNS
        session.set_up(random.Random(chance.random()))
        _disturb(session, chance)
        outcome.problems += _check(session)
        if not outcome.problems:
            outcome.problems += _clean_up(session)
    # The boundary of a run: whatever it was, the run failed of it, and the next one is played.
    except Exception as error:  # noqa: BLE001
        outcome.problems.append(f"{type(error).__name__}: {error}")
    finally:
        session.over.set()
        world.to_b.lift()
        world.to_a.lift()
    outcome.seconds = time.monotonic() - session.origin
    return outcome


# -- Faults on, faults off --


def _disturb(session: Session, chance: random.Random) -> None:
    """Episodes, each by chances of its own: what one takes longer changes nothing in the next one."""
    threads: list[threading.Thread] = []
    for _ in range(chance.randint(1, 2)):
        _storm(session, random.Random(chance.random()), threads)
    if chance.random() < 0.75:
        _end_faults(session, threads, patient=chance.random() < 0.4)
        session.over.clear()
    if not session.migrates and chance.random() < 0.25:
        session.disturbed["takeover"] += 1
        work_under_another_leader(session, random.Random(chance.random()))
    for _ in range(chance.choice((0, 1, 1, 2))):
        session.disturbed["held sync"] += 1
        hold_a_sync(session, random.Random(chance.random()))
    _end_faults(session, threads)


def _end_faults(session: Session, threads: list[threading.Thread], *, patient: bool = False) -> None:
    end_faults(session, threads, patient=patient)
    give_back(session)
    session.say("faults off")


def _storm(session: Session, chance: random.Random, threads: list[threading.Thread]) -> None:
    """Some operations, while disturbances begin at moments of their own."""
    for _ in range(chance.randint(1, 2)):
        disturbance, delay = random_disturbance(session, chance), chance.uniform(*CALM_SECONDS)
        session.disturbed[disturbance.__name__.replace("_", " ")] += 1
        name, what = disturbance.__name__, partial(disturbance, session)
        arguments = (session, name, what, delay, random.Random(chance.random()))
        thread = threading.Thread(target=befall, args=arguments)
        thread.start()
        threads.append(thread)
    for _ in range(chance.randint(2, 6)):
        random_operation(session, chance)(session, random.Random(chance.random()))
        session.over.wait(chance.uniform(*PAUSE_SECONDS))


# -- What must hold then --


def _check(session: Session) -> list[str]:
    world, problems = session.world, session.broken + session.caught
    if session.migrates:
        problems += _check_migrations(session)
    sync_what_was_robbed(session)
    problems += wait_until_quiet(lambda: _not_quiet(session) + managed_twice(world) + lost(session))
    problems += _unacknowledged(session) + _networks_wrong(session.world)
    if not problems:
        take_back(session)
    manage_again(session)
    session.say("quiet: " + _statuses(session))
    if not problems:
        problems += _sync_at_last(session)
        problems += _unacknowledged(session) + strays_at_b(session.world.at_b)
        problems += _networks_wrong(session.world)
    record = session.world.to_b.passed_since(session.origin)
    problems += overlaps(record, session.world.pauses) + crossings(record, session.world.pauses)
    problems += without_lease(record)
    for takeover in session.takeovers:
        problems += writes_under_another_leader(record, takeover)
    return problems


def _check_migrations(session: Session) -> list[str]:
    """Who leads is settled, nobody is managed twice, and A can take everything home."""
    world = session.world

    def wait(look: Callable[[], list[str]]) -> list[str]:
        return wait_until_quiet(lambda: unsettled(world) + look() + managed_twice(world))

    problems = come_home(session, wait)
    session.say("home: " + _statuses(session))
    return problems


def _not_quiet(session: Session) -> list[str]:
    return unsettled(session.world) + _groups_unsettled(session)


def _groups_unsettled(session: Session) -> list[str]:
    gateways = session.world.at_a.one("system-peers", session.world.b.name)["peer-controller-gateway-address"]
    found = []
    for group_id in session.groups:
        found += group_unsettled(session.world, session.world.at_a.one(GROUPS, group_id), gateways)
    return found


def _networks_wrong(world: World) -> list[str]:
    return [found for site in world.sites for found in shown_wrongly(site.name, world.databases[site.name])]


def _statuses(session: Session) -> str:
    found = [association_at_a(session.world.at_a, group_id) for group_id in session.groups]
    return ", ".join(f"{one['sync-status']} ({one['sync-message']})" if one else "none" for one in found)


def _unacknowledged(session: Session) -> list[str]:
    """What A shows and cannot be, from what it acknowledged."""
    world, ledger, at_a = session.world, session.ledger, session.world.at_a
    peer = at_a.one("system-peers", world.b.name)
    found = ledger.unmet(PEER, GATEWAY, peer["peer-controller-gateway-address"])
    members = {one["name"]: one for group_id in session.groups for one in at_a.members(group_id)}
    for member in world.members:
        shown = members.get(member.name) or at_a.find("subclouds", member.name)
        if shown is None:
            continue  # it is lost, which is found elsewhere
        found += group_unmet(session, shown)
        for each in FIELDS:
            found += ledger.unmet(member.name, each.name, each.read(shown))
    for group_id in session.groups:
        group, thing = at_a.one(GROUPS, group_id), session.group(group_id)
        for name in ATTRIBUTES:
            found += ledger.unmet(thing, name, group[name])
        association = association_at_a(at_a, group_id)
        found += ledger.unmet(thing, "associated", association is not None)
        if association is not None:
            found += ledger.unmet(thing, "priority", association["peer-group-priority"])
    for name, answered in session.added.items():
        shown_or_none = at_a.find("subclouds", name)
        if shown_or_none is None and answered is Answered.ACKNOWLEDGED:
            found.append(f"A lost a change: {name} was created and is not there")
    return found


def _sync_at_last(session: Session) -> list[str]:
    """Associate what is not associated, sync everything: then both sites are in sync and equal."""
    at_a = session.world.at_a
    for group_id in session.groups:
        if association_at_a(at_a, group_id) is None:
            at_a.create(ASSOCIATIONS, session.association_fields(group_id))
            session.ledger.begin(session.group(group_id), "associated", True)
    for _ in range(SYNC_ATTEMPTS):
        for group_id in session.groups:
            association = association_at_a(at_a, group_id)
            assert association is not None
            at_a.sync(association["id"], wait=WAIT_SECONDS)
        problems = wait_until_quiet(lambda: unsettled(session.world) + _groups_unsettled(session))
        statuses = _statuses(session)
        session.say(f"after a last sync: {statuses}")
        if problems or statuses.count("in-sync") == len(session.groups):
            return problems
    return [f"a last sync did not end in sync: {statuses}"]


def _clean_up(session: Session) -> list[str]:
    """Leave the world as the next run expects it: no group, no association, the subclouds in none.

    Returns what B has then, which is nothing.
    """
    at_a = session.world.at_a
    for member in session.world.members:
        at_a.update_subcloud(member.name, {"peer_group": "none"})
    for group_id in session.groups:
        association = association_at_a(at_a, group_id)
        if association is not None:
            at_a.delete(ASSOCIATIONS, association["id"])
        at_a.delete(GROUPS, group_id)
    return left_at_b(session.world.at_b)
