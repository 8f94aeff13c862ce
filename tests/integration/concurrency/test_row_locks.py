"""What one transaction locks on PostgreSQL does not stop the foreign key checks of another one.

A row that is written twice in one transaction has its foreign keys checked again, which locks the rows that
it refers to: after the row itself, while changes lock them before.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from dcapi.api.request import EXTENSION
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.parts import Parts
from dcapi.services.peer_groups import find_group
from dcapi.services.subcloud_lookup import group_facts
from dcapi.services.system_peers import find_peer
from dcapi.sync.changes import lock_association

# SQLite has one writer at a time, and no locks on rows.
pytestmark = pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)

# Longer than any of these statements takes that waits for nobody.
WAIT_LIMIT = "10s"


@pytest.fixture
def sessions(app: Flask) -> Iterator[tuple[Session, Session]]:
    """Two sessions on a site with an association (id 1) of a group (id 1) with a peer (id 1)."""
    parts: Parts = app.extensions[EXTENSION]
    with parts.unit_of_work() as session:
        session.add(_association(parts))
        session.commit()
    with parts.unit_of_work() as one, parts.unit_of_work() as other:
        for session in (one, other):
            session.execute(text(f"SET lock_timeout = '{WAIT_LIMIT}'"))
        yield one, other


def _association(parts: Parts) -> PeerGroupAssociation:
    group = SubcloudPeerGroup(
        peer_group_name="locked", system_leader_id=parts.site.uuid, system_leader_name=parts.site.name
    )
    peer = SystemPeer(
        peer_uuid="3e7c3c52-6f0e-4fd1-9d5b-2a58f0c6a7aa",
        peer_name="other-side",
        manager_endpoint="http://127.0.0.1:9/v3",
        manager_username="admin",
        manager_password="c2VhbA==",
        peer_controller_gateway_address="10.69.9.1",
    )
    return PeerGroupAssociation(
        group=group, peer=peer, peer_group_priority=1, association_type="primary", sync_status="in-sync"
    )


def _write_twice(session: Session) -> None:
    association = lock_association(session, 1)
    assert association is not None
    for count in (1, 2):
        association.members_done = count
        session.flush()


def test_an_association_is_written_while_a_change_holds_its_group(
    sessions: tuple[Session, Session], app: Flask
) -> None:
    change, run = sessions
    assert group_facts(change, app.extensions[EXTENSION].site, {1})
    _write_twice(run)


def test_an_association_is_written_while_its_group_and_its_peer_are_updated(
    sessions: tuple[Session, Session],
) -> None:
    update, run = sessions
    find_group(update, 1, lock=True)
    find_peer(update, 1, lock=True)
    _write_twice(run)
