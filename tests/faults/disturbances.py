"""What goes wrong at random moments: on the wire, with processes, in databases, and with who leads."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable
from sqlite3 import OperationalError as SqliteError

import requests
from sqlalchemy.exc import OperationalError

from dcapi.lab.operator import RefusedError
from dcapi.lab.site import LabSite, SiteFailedError
from dcapi.tasks.leases import group_lease
from tests.faults import processes
from tests.faults.checks import GROUPS
from tests.faults.claims import claim_and_delete
from tests.faults.course import Course
from tests.faults.databases import association_leases
from tests.faults.pace import paced_range
from tests.faults.posing import as_site, pose_as_site
from tests.faults.record import Takeover
from tests.faults.session import Session
from tests.faults.troubles import random_trouble

Disturbance = Callable[[Session, random.Random], None]

DATABASE_ERRORS = (OperationalError, SqliteError)
OTHER_LEADER = "c0ffee00-0000-4000-8000-000000000003"
# A site that was killed comes back after so many seconds.
DOWN_SECONDS = paced_range(0.1, 1.0)
TROUBLED_SECONDS = paced_range(0.4, 3.0)
TAKEN_SECONDS = paced_range(0.5, 3.0)
# Longer than a lease: somebody else goes on with what the stopped process did.
STOPPED_SECONDS = paced_range(0.3, 6.0)


def trouble_on_the_wire(session: Course, chance: random.Random) -> None:
    world = session.world
    wire, name = world.some_wire(chance)
    trouble, seconds = random_trouble(chance), chance.uniform(*TROUBLED_SECONDS)
    session.say(f"wire {name}: {trouble} for {seconds:.1f} s")
    wire.befall(trouble)
    session.over.wait(seconds)
    if wire.trouble is trouble:
        wire.lift()
    session.say(f"wire {name}: {trouble} is over")


def cut_connections(session: Course, chance: random.Random) -> None:
    wire, name = session.world.some_wire(chance)
    session.say(f"every connection {name} is cut")
    wire.cut_all()


def kill_worker(session: Course, chance: random.Random) -> None:
    site = session.world.some_site(chance)
    for process in session.world.some_worker(site, chance):
        session.say(f"worker {process} of {site.name} is killed")
        processes.send(process, signal.SIGKILL)


def kill_site(session: Course, chance: random.Random) -> None:
    site = session.world.some_site(chance)
    session.say(f"{site.name} is killed")
    site.kill()
    _bring_back(session, chance, site)


def kill_master(session: Course, chance: random.Random) -> None:
    site = session.world.some_site(chance)
    session.say(f"the master of {site.name} is killed")
    processes.kill_master(site)
    _bring_back(session, chance, site)


def _bring_back(session: Course, chance: random.Random, site: LabSite) -> None:
    session.over.wait(chance.uniform(*DOWN_SECONDS))
    # It may be killed again while it starts; the end of the faults brings it back in any case.
    with contextlib.suppress(SiteFailedError):
        processes.restart(site)
        session.say(f"{site.name} is up again")


def stop_worker(session: Course, chance: random.Random) -> None:
    site = session.world.some_site(chance)
    _stop(session, chance, site, session.world.some_worker(site, chance))


def stop_master(session: Course, chance: random.Random) -> None:
    site = session.world.some_site(chance)
    _stop(session, chance, site, [site.pid] if site.pid and site.running else [])


def _stop(session: Course, chance: random.Random, site: LabSite, stopped: list[int]) -> None:
    seconds = chance.uniform(*STOPPED_SECONDS)
    session.say(f"{stopped} of {site.name} stand still for {seconds:.1f} s")
    session.world.pause(stopped, session.over, seconds)
    session.say(f"{stopped} of {site.name} go on")


def disturb_database(session: Course, chance: random.Random) -> None:
    site, seconds = session.world.some_site(chance), chance.uniform(*TROUBLED_SECONDS)
    session.say(f"the database of {site.name} is disturbed for {seconds:.1f} s")
    with contextlib.suppress(*DATABASE_ERRORS):
        session.world.databases[site.name].cut(session.over, seconds)
    session.say(f"the database of {site.name} is whole")


def take_over(session: Session, chance: random.Random) -> None:
    """B's copy of a group goes to another leader for a while.

    That it is migrated cannot be said for another site: B asks who is said to do it, and takes the note back.
    """
    take_over_group(session, chance, chance.choice(session.groups))


def take_over_group(session: Session, chance: random.Random, group_id: int) -> None:
    """The same for one group, unless it is another site's already: the first of two would give it back."""
    if group_id in session.taken:
        session.say(f"group {group_id} is another site's already")
        return
    session.taken.add(group_id)
    try:
        _take_over_and_give_back(session, chance, group_id)
    finally:
        session.taken.discard(group_id)


def _take_over_and_give_back(session: Session, chance: random.Random, group_id: int) -> None:
    world = session.world
    names = [session.ledger.acknowledged(session.group(group_id), "peer_group_name")]
    taken: dict[str, object] = {"system-leader-id": OTHER_LEADER, "system-leader-name": "site-c"}
    given_back: dict[str, object] = {"system-leader-id": world.a.uuid, "system-leader-name": world.a.name}
    leases = association_leases(world.databases[world.a.name], group_id) | {group_lease(group_id)}
    copy = _tell_copy(session, names[0], taken)
    if copy is None:
        return
    begin = time.monotonic()
    session.say(f"another site takes group {group_id} over at B: {sorted(taken)}")
    session.over.wait(chance.uniform(*TAKEN_SECONDS))
    end = time.monotonic()
    session.takeovers.append(Takeover(copy, frozenset(leases), begin, end))
    while _tell_copy(session, copy, given_back) is None and not session.over.is_set():
        session.over.wait(0.2)
    session.give_back.append((copy, given_back))
    session.say(f"group {group_id} is led from A again")


def _tell_copy(session: Session, reference: object, fields: dict[str, object]) -> int | None:
    """Change the copy at B as another site would; returns its id there, None when B did not take it."""
    path = f"/v1.0/{GROUPS}/{reference}"
    with as_site(session.world.at_b) as operator:
        try:
            return int(operator.call("PATCH", path, json=fields)["id"])
        except (RefusedError, requests.RequestException):
            return None


def give_back(session: Session) -> None:
    """Make sure, once the faults are off, that A leads every copy again."""
    for copy, fields in session.give_back:
        _tell_copy(session, copy, fields)


DISTURBANCES: dict[Disturbance, int] = {
    trouble_on_the_wire: 8,
    cut_connections: 2,
    kill_worker: 3,
    kill_site: 2,
    kill_master: 1,
    stop_worker: 3,
    stop_master: 1,
    disturb_database: 3,
    take_over: 2,
    claim_and_delete: 4,
    pose_as_site: 4,
}


def random_disturbance(session: Session, chance: random.Random) -> Disturbance:
    """One of them; a group that the two sites migrate is no third one's besides."""
    fitting = {
        one: often for one, often in DISTURBANCES.items() if not (session.migrates and one is take_over)
    }
    return chance.choices(list(fitting), list(fitting.values()))[0]
