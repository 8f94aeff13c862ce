"""A group of a hundred members migrates, ten side by side, while the site that led it is away."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from dcapi import prepare
from dcapi.lab.members import SYSADMIN_PASSWORD
from dcapi.lab.operator import Operator
from dcapi.lab.ports import Port
from dcapi.lab.site import LabSite
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.engine import make_engine
from dcapi.models.states import Availability, Deploy, Management
from dcapi.settings import settings_from
from tests.bench.figures import Note, Verdict
from tests.bench.filled_site import fill

MEMBERS = 100
AT_ONCE = 10
PHASE_SECONDS = 0.5
# All members one wave of ten after the other, and nothing else to do in between.
IDEAL_SECONDS = MEMBERS / AT_ONCE * PHASE_SECONDS
LIMIT = 1.3
TOO_LONG = 20 * IDEAL_SECONDS

GROUP = "lighthouses"
LOOK_SECONDS = 0.01

# Members that somebody is at, and members that are not where they are to be in the end.
AT_WORK = "SELECT count(*) FROM subcloud WHERE rehome_step IS NOT NULL AND rehome_step != 'waiting'"
LEFT = "SELECT count(*) FROM subcloud_peer_group WHERE migrating_here"


@dataclass
class Course:
    """What was seen of a migration: its time in seconds, and the most members that were at it at once."""

    seconds: float
    most: int


def measure(folder: Path, rounds: int, note: Note) -> list[Verdict]:
    """Take the time of a migration; raises AssertionError when more than ten members were at it at once, or
    one is not managed at the end."""
    verdicts = []
    for number in range(rounds):
        note(f"{MEMBERS} members migrate, {AT_ONCE} at once, phases of {PHASE_SECONDS:g} s: {number + 1}")
        course = _migrate(folder / str(number))
        note(f"  {course.seconds:.2f} s, at most {course.most} at once")
        if course.most > AT_ONCE:
            raise AssertionError(f"{course.most} members were migrated at once, {AT_ONCE} may be")
        what = f"migration of {MEMBERS} members beside ten times the sum of the phases"
        verdicts.append(Verdict(what, "time", course.seconds, IDEAL_SECONDS, LIMIT))
    return verdicts


def _migrate(folder: Path) -> Course:
    with _surviving_site(folder) as (site, database), Operator(site.url, site.admin_password) as operator:
        operator.log_in()
        started = time.perf_counter()
        moving = operator.migrate(GROUP, SYSADMIN_PASSWORD)
        most = _watch(database)
        seconds = time.perf_counter() - started
        status = operator.group_status(GROUP)
        if (len(moving), status["managed"], status["complete"]) != (MEMBERS, MEMBERS, MEMBERS):
            raise AssertionError(f"the migration ended with {status}\n{site.log_tail()}")
        return Course(seconds, most)


def _watch(database: Path) -> int:
    """Wait for the end of the migration; returns the most members that were seen at work at once."""
    most, deadline = 0, time.monotonic() + TOO_LONG
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as looking:
        while looking.execute(LEFT).fetchone()[0]:
            most = max(most, looking.execute(AT_WORK).fetchone()[0])
            if time.monotonic() > deadline:
                raise AssertionError(f"the migration did not end within {TOO_LONG:g} s")
            time.sleep(LOOK_SECONDS)
    return most


@contextmanager
def _surviving_site(folder: Path) -> Iterator[tuple[LabSite, Path]]:
    """A running site with a copy of a group whose leader is away, and its database."""
    settings = {"DEPLOY_PHASE_SECONDS": str(PHASE_SECONDS), "LOG_LEVEL": "WARNING"}
    site = LabSite("site-b", folder, settings=settings)
    nobody = Port()
    try:
        database = fill(site, MEMBERS)
        _make_copies(site, nobody)
        site.start()
        yield site, database
        site.stop()
    finally:
        site.close()
        nobody.release()


def _make_copies(site: LabSite, nobody: Port) -> None:
    """Let all subclouds be copies in a group that another site leads, which nobody answers for."""
    settings = settings_from(site.settings)
    prepared = prepare(settings)
    engine = make_engine(prepared.database_uri, settings, prepared.keyring)
    leader = str(uuid.uuid4())
    with Session(engine) as session:
        peer = SystemPeer(
            peer_uuid=leader,
            peer_name="site-a",
            manager_endpoint=f"{nobody.url}/v3",
            manager_username="admin",
            manager_password="TGlnaHRzaGlwIDc=",
            peer_controller_gateway_address="10.32.0.1",
        )
        group = SubcloudPeerGroup(
            peer_group_name=GROUP,
            group_priority=1,
            max_subcloud_rehoming=AT_ONCE,
            system_leader_id=leader,
            system_leader_name="site-a",
        )
        session.add_all([peer, group])
        session.flush()
        association = PeerGroupAssociation(
            peer_group_id=group.id,
            system_peer_id=peer.id,
            association_type="non-primary",
            sync_status="in-sync",
        )
        session.add(association)
        session.execute(
            update(Subcloud).values(
                deploy_status=Deploy.SECONDARY,
                management_state=Management.UNMANAGED,
                availability_status=Availability.OFFLINE,
                peer_group_id=group.id,
            )
        )
        session.commit()
    engine.dispose()
