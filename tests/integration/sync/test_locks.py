"""Locks that two transactions take in whatever order: none of them waits for the other one's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dcapi.lab.waiting import wait_until
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.services.peer_groups import find_group
from dcapi.services.subcloud_lookup import group_facts
from dcapi.services.system_peers import find_peer
from dcapi.sync import audit, migrate_rows
from dcapi.sync.attendance import hold_association
from dcapi.sync.changes import lock_association
from tests.integration.sync.conftest import Site


def lock_group(session: Session, site: Site) -> Any:
    return find_group(session, 1, lock=True)


def lock_facts(session: Session, site: Site) -> Any:
    return group_facts(session, site.parts.site, {1})


def lock_peer(session: Session, _site: Site) -> Any:
    return find_peer(session, 1, lock=True)


# SQLite has one writer at a time, and no locks on rows.
@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
@pytest.mark.parametrize("lock", [lock_group, lock_facts, lock_peer])
def test_an_association_is_changed_twice_while_what_it_refers_to_is_locked(site: Site, lock: Any) -> None:
    """The second change has the database check the references: who holds these may wait for the first one."""
    site.associate()
    with site.parts.unit_of_work() as session:
        engine = session.get_bind()
    with Session(engine) as other, other.begin():
        lock(other, site)
        with site.parts.unit_of_work() as writing:
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
    return bool(session.scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {here}")))


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_peer_that_heard_that_a_migration_began_is_still_asked_when_it_ends_meanwhile(site: Site) -> None:
    site.associate()
    site.run_jobs()
    site.change(SubcloudPeerGroup, 1, migrating_here=True, migration_status="migrating")
    site.change(PeerGroupAssociation, 1, audit_to_ask=True)
    hold = hold_association(site.parts, 1)
    assert hold is not None
    with site.parts.unit_of_work() as session:
        engine = session.get_bind()
    with Session(engine) as ending, Session(engine) as looking, ThreadPoolExecutor(1) as pool:
        assert migrate_rows.end_if_done(ending, site.parts.site, 1) == [1]
        ending.flush()
        noting = pool.submit(audit._note_asked, site.parts, hold, 1)
        wait_until("the other one to wait", lambda: waits_for_a_lock(looking))
        ending.commit()
        noting.result(10)
    assert site.row().audit_to_ask
