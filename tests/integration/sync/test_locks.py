"""Locks that two transactions take in whatever order: none of them waits for the other one's."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dcapi.services.peer_groups import find_group
from dcapi.services.subcloud_lookup import group_facts
from dcapi.services.system_peers import find_peer
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
