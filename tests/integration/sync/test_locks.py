"""Locks that two transactions take in whatever order: none of them waits for the other one's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from dcapi.lab.polling import wait_until
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.models.states import PeerAvailability, SyncStatus
from dcapi.services.inventory.lookup import group_facts
from dcapi.services.peer_groups import find_group
from dcapi.services.system_peers import find_peer
from dcapi.sync import asking, status
from dcapi.sync.audit import audit
from dcapi.sync.audit.reading import begin
from dcapi.sync.changes import group_changed, lock_association
from dcapi.sync.takeover import group_rows
from dcapi.tasks import leases
from tests.integration.sync.conftest import Site


def engine_of(site: Site) -> Engine | Connection:
    with site.runtime.unit_of_work() as session:
        return session.get_bind()


def lock_group(session: Session, site: Site) -> Any:
    return find_group(session, 1, lock=True)


def lock_facts(session: Session, site: Site) -> Any:
    return group_facts(session, site.runtime.site, {1})


def lock_peer(session: Session, _site: Site) -> Any:
    return find_peer(session, 1, lock=True)


# SQLite has one writer at a time, and no locks on rows.
@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
@pytest.mark.parametrize("lock", [lock_group, lock_facts, lock_peer])
def test_an_association_is_changed_twice_while_what_it_refers_to_is_locked(site: Site, lock: Any) -> None:
    """The second change has the database check the references: who holds these may wait for the first one."""
    site.associate()
    with Session(engine_of(site)) as other, other.begin():
        lock(other, site)
        with site.runtime.unit_of_work() as writing:
            writing.execute(text("SET LOCAL lock_timeout = '2s'"))
            association = lock_association(writing, 1)
            assert association is not None
            for done in (1, 2):
                association.members_done = done
                writing.flush()
            writing.commit()
    assert site.row().members_done == 2


def waits_for_a_lock(session: Session) -> bool:
    here = "wait_event_type = 'Lock' AND datname = current_database()"
    found = session.scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {here}"))
    # Within one transaction PostgreSQL shows what was so at the first look.
    session.rollback()
    return bool(found)


def commit_while_it_waits(session: Session, other: Callable[[], object]) -> None:
    """Commit as soon as the other one waits for a lock of this session, and let it come to its end."""
    with ThreadPoolExecutor(1) as pool, Session(session.get_bind()) as looking:
        waiting = pool.submit(other)
        try:
            wait_until("the other one to wait", lambda: waits_for_a_lock(looking))
        finally:
            session.commit()
        waiting.result(10)


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_peer_told_of_a_migration_is_asked_even_if_it_ended_meanwhile(site: Site) -> None:
    site.associate()
    site.run_jobs()
    site.change(SubcloudPeerGroup, 1, migrating_here=True, migration_status="migrating")
    site.change(PeerGroupAssociation, 1, ask_mark=1)
    hold = leases.take(site.runtime, leases.association_lease(1))
    assert hold is not None
    with site.runtime.unit_of_work() as session:
        association = lock_association(session, 1)
        assert association is not None
        beginning = begin(session, association, to_ask=True)
    with Session(engine_of(site)) as ending:
        assert group_rows.end_if_done(ending, site.runtime.site, 1) == [1]
        ending.flush()
        commit_while_it_waits(
            ending, lambda: audit._note_asked(site.runtime, hold, beginning, heard=True, unsure=False)
        )
    assert asking.is_unheard(site.row())
    assert asking.is_due(site.row())


def declare_peer_away(session: Session) -> None:
    """What the watcher writes, in its order: the peer, then what the association shows for it."""
    peer = find_peer(session, 1, lock=True)
    association = lock_association(session, 1)
    assert association is not None
    peer.availability_state = PeerAvailability.UNAVAILABLE
    status.move(association, status.Event.PEER_UNAVAILABLE, "No answer.")
    session.flush()


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_change_that_waits_for_the_watcher_sees_that_the_peer_is_away(site: Site) -> None:
    """It reads the peer after the lock: what was read with the association stems from before the wait."""
    site.associate()
    site.run_jobs()
    site.change(PeerGroupAssociation, 1, sync_status=SyncStatus.OUT_OF_SYNC)
    with Session(engine_of(site)) as watching:
        declare_peer_away(watching)
        commit_while_it_waits(watching, lambda: change_group(site))
    assert (site.row().sync_status, site.row().sync_message) == (
        SyncStatus.FAILED,
        "Peer site-b is unavailable: it does not have the latest changes.",
    )


def change_group(site: Site) -> None:
    with site.runtime.unit_of_work() as session:
        group_changed(session, [1])
        session.commit()
