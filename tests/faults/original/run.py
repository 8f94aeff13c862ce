"""One run beside an original: set up, disturb, let it heal, put right what is left to operators, check."""

from __future__ import annotations

import random
import threading
import time
from functools import partial

from dcapi.lab.original.record import SENT, SERVED
from dcapi.lab.original.version import Version
from tests.faults import processes
from tests.faults.checks import ASSOCIATIONS, GROUPS
from tests.faults.course import Outcome, befall, end_faults, wait_until_quiet
from tests.faults.networks import shown_wrongly
from tests.faults.original.checks import (
    STRETCH_SECONDS,
    audits,
    log_problems,
    missing_groups,
    not_in_sync,
    storms,
    unquiet,
    unsettled,
)
from tests.faults.original.disturbances import DISTURBANCES
from tests.faults.original.operations import ask_for_sync, random_meeting, random_operation
from tests.faults.original.repair import bring_home, settle
from tests.faults.original.session import OriginalSession, Shared
from tests.faults.original.watch import watching
from tests.faults.original.world import D, OriginalWorld
from tests.faults.pace import paced, paced_range
from tests.faults.session import SYNC_ATTEMPTS
from tests.faults.world import MOST_WORKERS

LANDING = "migrations"
VERSIONS = {Version.V1: 1, Version.V2: 1, Version.V3: 4}
FEWEST_WORKERS = 2
# Between two operations of an episode, and before one of its disturbances.
PAUSE_SECONDS = paced_range(0, 1.5)
CALM_SECONDS = paced_range(0, 2.0)
CALM_EPISODES = 0.4
# A sync is over, and seen at both sites, after so many seconds.
SYNCED_SECONDS = paced(10.0)


def play(world: OriginalWorld, seed: int) -> Outcome:
    """Play the run of this seed; whatever goes wrong is one of its problems."""
    session = OriginalSession(world, seed)
    outcome = Outcome(seed, 0.0, session, LANDING)
    chance = random.Random(seed)
    log, noted = world.d.log_file.stat().st_size, len(world.o.record)
    try:
        world.begin_run()
        version = chance.choices(list(VERSIONS), list(VERSIONS.values()))[0]
        world.o.switches.version = version
        session.disturbed[version.name] += 1
        processes.set_workers(world.d, chance.randint(FEWEST_WORKERS, MOST_WORKERS))
        session.set_up(chance)
        outcome.problems += _episodes(session, chance) + session.broken + session.caught
        outcome.problems += _check(session, noted)
        outcome.problems += log_problems(_lines_since(world, log))
        if not outcome.problems:
            _clean_up(session)
    # The boundary of a run: whatever it was, the run failed of it, and the next one is played.
    except Exception as error:  # noqa: BLE001
        outcome.problems.append(f"{type(error).__name__}: {error}")
    finally:
        session.over.set()
        world.to_d.lift()
        world.to_o.lift()
    outcome.seconds = time.monotonic() - session.origin
    return outcome


def _lines_since(world: OriginalWorld, position: int) -> list[str]:
    with world.d.log_file.open(errors="replace") as log:
        log.seek(position)
        return log.read().splitlines()


# -- Faults on, faults off --


def _episodes(session: OriginalSession, chance: random.Random) -> list[str]:
    """Stormy and calm ones, each by chances of its own; returns what was seen in the calm ones."""
    problems = []
    for _ in range(chance.randint(1, 3)):
        own = random.Random(chance.random())
        if own.random() < CALM_EPISODES:
            problems += _calm(session, own)
        else:
            _storm(session, own)
    return problems


def _calm(session: OriginalSession, chance: random.Random) -> list[str]:
    """Operations that nothing disturbs, watched; when what was before has not settled, nothing is watched."""
    if settle(session):
        session.say("not settled: no calm")
        return []
    session.say("calm")
    session.over.clear()
    with watching(session) as found:
        for _ in range(chance.randint(1, 3)):
            pick = chance.choice((random_operation, random_meeting))
            pick(chance)(session, random.Random(chance.random()))
            session.over.wait(chance.uniform(*PAUSE_SECONDS))
        settle(session)
    return found


def _storm(session: OriginalSession, chance: random.Random) -> None:
    """Some operations, while disturbances begin at moments of their own."""
    session.over.clear()
    threads: list[threading.Thread] = []
    for _ in range(chance.randint(1, 3)):
        disturbance = chance.choices(list(DISTURBANCES), list(DISTURBANCES.values()))[0]
        delay, name = chance.uniform(*CALM_SECONDS), disturbance.__name__
        session.disturbed[name.replace("_", " ")] += 1
        what = partial(disturbance, session)
        arguments = (session, name, what, delay, random.Random(chance.random()))
        threads.append(threading.Thread(target=befall, args=arguments))
        threads[-1].start()
    for _ in range(chance.randint(1, 4)):
        random_operation(chance)(session, random.Random(chance.random()))
        session.over.wait(chance.uniform(*PAUSE_SECONDS))
    end_faults(session, threads, patient=chance.random() < 0.5)
    session.say("faults off")


# -- What must hold then --


def _check(session: OriginalSession, noted: int) -> list[str]:
    record = session.world.o.record
    settle(session)
    with watching(session) as found:
        problems = bring_home(session)
        session.say("home")
        if not problems:
            problems += _sync_at_last(session)
        if not problems:
            begin = len(record)
            time.sleep(STRETCH_SECONDS)
            problems += unquiet(session, begin)
    problems += found + missing_groups(session) + shown_wrongly(D, session.world.database)
    for direction in (SERVED, SENT):
        problems += storms(audits(session, direction, noted))
    return problems


def _sync_at_last(session: OriginalSession) -> list[str]:
    """Sync every group from its home: then both sites are in sync and equal."""

    def look() -> list[str]:
        return unsettled(session) or not_in_sync(session)

    for _ in range(SYNC_ATTEMPTS):
        for shared in session.groups:
            ask_for_sync(session, shared)
        problems = wait_until_quiet(look, within=SYNCED_SECONDS)
        if not problems:
            return []
    return [f"after a last sync: {problem}" for problem in problems]


# -- The end --


def _clean_up(session: OriginalSession) -> None:
    """Leave the world as the next run expects it: no group, no association, no copy."""
    for shared in session.groups:
        if shared.primary == D:
            _clean_home(session, shared)
        _wipe_o(session, shared)
        if shared.primary != D:
            _clean_copies(session, shared)
    session.world.o.require_audits()


def _clean_home(session: OriginalSession, shared: Shared) -> None:
    at_d = session.world.at_d
    for name in shared.members:
        at_d.update_subcloud(name, {"peer_group": "none"})
    group = at_d.one(GROUPS, shared.name)
    at_d.delete(ASSOCIATIONS, session.association(D, shared)["id"])
    at_d.delete(GROUPS, group["id"])


def _wipe_o(session: OriginalSession, shared: Shared) -> None:
    with session.world.o.rows() as rows:
        for member in [each for each in rows.subclouds if each.name in shared.members]:
            rows.subclouds.remove(member)
        group = rows.groups.find(name=shared.name)
        if group is not None:
            for association in rows.associations.where(group_id=group.id):
                rows.associations.remove(association)
            rows.groups.remove(group)


def _clean_copies(session: OriginalSession, shared: Shared) -> None:
    """Delete copies at D as the site where they were at home does."""
    at_d = session.world.at_d
    regions = [one["region-name"] for one in at_d.members(shared.name)]
    group, association = at_d.one(GROUPS, shared.name), session.association(D, shared)
    with at_d.twin() as peer:
        peer._session.headers["User-Agent"] = "dcmanager/1.0"
        for region in regions:
            peer.delete("subclouds", region)
        peer.delete(ASSOCIATIONS, association["id"])
        peer.delete(GROUPS, group["id"])
