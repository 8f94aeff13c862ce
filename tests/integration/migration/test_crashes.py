"""A process dies before or after any commit of a migration: the next one finishes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event, update

from dcapi.api.database import db
from dcapi.jobs.backlog import Backlog
from dcapi.models import Lease, Subcloud, SubcloudPeerGroup
from tests.integration.beside_peer import PEER_UUID
from tests.integration.migration.conftest import GROUP, Survivor

NAMES = ("edge-1", "edge-2")
# More transactions than a migration has.
ENOUGH = 500


class Crash(BaseException):
    """The process died: nothing of it may run on, so it is no Exception."""


class Process:
    """Dies at one of its transactions: before the ``at``-th one counts, or right after."""

    def __init__(self, site: Survivor) -> None:
        self.site = site
        self.left = 0
        self.after = False
        self.dead = False
        with site.app.app_context():
            event.listen(db.engine, "begin", self._on_begin, insert=True)
            event.listen(db.engine, "commit", self._on_commit)

    def _on_begin(self, connection: Connection) -> None:
        if self.dead:
            connection.connection.rollback()
            raise Crash

    def _on_commit(self, connection: Connection) -> None:
        if not self.left:
            return
        self.left -= 1
        if self.left:
            return
        self.dead = True
        if self.after:
            connection.connection.commit()
        else:
            connection.connection.rollback()
        raise Crash

    @contextmanager
    def dying(self, at: int, *, after: bool) -> Iterator[None]:
        self.left, self.after = at, after
        try:
            yield
        except Crash:
            pass
        finally:
            self.left = 0

    def restart(self) -> bool:
        """The leases of the dead process have run out, its jobs are gone; returns whether it had died."""
        was_dead, self.dead = self.dead, False
        self.site.peer.heal()
        self.site.jobs._waiting = Backlog(1000)
        with self.site.runtime.unit_of_work() as session:
            session.execute(update(Lease).values(expires_at=0.0))
            session.commit()
        return was_dead


def begin_anew(site: Survivor) -> None:
    site.change(
        SubcloudPeerGroup,
        1,
        migration_status=None,
        migrating_here=False,
        system_leader_id=PEER_UUID,
        system_leader_name="site-a",
        max_subcloud_rehoming=1,
    )
    for number, name in enumerate(NAMES, start=1):
        site.change(
            Subcloud,
            number,
            deploy_status="secondary",
            management_state="unmanaged",
            availability_status="offline",
            rehome_step=None,
        )
        theirs = site.there.subcloud_in(f"region-of-{name}")
        theirs.update({"deploy-status": "complete", "management-state": "managed"})
    site.there.group_named(GROUP)["migration_status"] = None


def expect_nothing_managed_twice(site: Survivor) -> None:
    for name in NAMES:
        theirs = site.there.subcloud_in(f"region-of-{name}")["management-state"]
        assert "unmanaged" in {site.standing(name)[1], theirs}, name


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_migration_survives_a_crash_at_every_commit(site: Survivor, after: bool) -> None:
    for name in NAMES:
        site.add_member(name)
    process = Process(site)
    for at in range(1, ENOUGH):
        begin_anew(site)
        with process.dying(at, after=after):
            site.migrate()
            site.run_jobs()
        died = process.restart()
        expect_nothing_managed_twice(site)
        if not site.group().migrating_here and site.group().migration_status is None:
            site.begin()  # nothing of the request had counted
        for _ in range(3):
            site.sweep()
        for name in NAMES:
            assert site.standing(name) == ("complete", "managed"), (at, name)
        expect_nothing_managed_twice(site)
        site.expect_complete()
        if not died:
            return
    raise AssertionError("the migration had more transactions than were tried")
