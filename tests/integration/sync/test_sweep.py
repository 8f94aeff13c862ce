"""Which associations a sweep reads: none that has something undone may be left out."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.states import Administrative, AssociationType, FailureCause, PeerAvailability, SyncStatus
from dcapi.runtime import Runtime
from dcapi.sync import status
from dcapi.sync.attend import outstanding
from dcapi.sync.reconcile import NOT_QUIET
from tests.integration.beside_peer import PEER_UUID, peer_body

STANDINGS = [
    status.SYNCING,
    status.IN_SYNC,
    status.OUT_OF_SYNC,
    status.UNKNOWN,
    status.FAILED_SYNC,
    status.FAILED_UNTOLD,
    status.FAILED_UNREACHABLE,
]
QUIET = {
    "association_type": AssociationType.PRIMARY,
    "sync_status": SyncStatus.IN_SYNC,
    "sync_cause": None,
    "told_status": SyncStatus.IN_SYNC,
    "remote_association_id": 7,
    "deleting": False,
    "unfollowed": False,
    "audit_asked": 0,
    "audit_served": 0,
}
TOLD_FAILED = {
    "sync_status": SyncStatus.FAILED,
    "sync_cause": FailureCause.UNTOLD,
    "told_status": SyncStatus.FAILED,
}


@st.composite
def columns_of_associations(draw: st.DrawFn) -> dict[str, Any]:
    standing = draw(st.sampled_from(STANDINGS))
    return {
        "association_type": draw(st.sampled_from(AssociationType)),
        "sync_status": standing.status,
        "sync_cause": standing.cause,
        "told_status": draw(st.none() | st.sampled_from(SyncStatus)),
        "remote_association_id": draw(st.sampled_from([None, 7])),
        "deleting": draw(st.booleans()),
        "unfollowed": draw(st.booleans()),
        "audit_asked": draw(st.integers(0, 1)),
        "audit_served": draw(st.integers(0, 1)),
    }


def row_of(
    session: Session, columns: dict[str, Any], *, enabled: bool, migrating: bool
) -> PeerGroupAssociation:
    """An association with a peer and a group of its own, written and not committed."""
    peer = SystemPeer(
        **peer_body(),
        administrative_state=Administrative.ENABLED if enabled else Administrative.DISABLED,
        availability_state=PeerAvailability.AVAILABLE,
    )
    group = SubcloudPeerGroup(
        peer_group_name="trains", system_leader_id=PEER_UUID, system_leader_name="b", migrating_here=migrating
    )
    association = PeerGroupAssociation(peer=peer, group=group, **columns)
    session.add(association)
    session.flush()
    return association


def test_whatever_is_undone_is_read_by_a_sweep(runtime: Runtime) -> None:
    @settings(max_examples=300, deadline=None)
    @given(columns=columns_of_associations(), enabled=st.booleans(), migrating=st.booleans())
    @example(columns={**QUIET, **TOLD_FAILED}, enabled=True, migrating=False)
    @example(columns={**QUIET, "unfollowed": True}, enabled=True, migrating=True)
    def read_what_is_undone(columns: dict[str, Any], enabled: bool, migrating: bool) -> None:
        with runtime.unit_of_work() as session:
            association = row_of(session, columns, enabled=enabled, migrating=migrating)
            read = session.scalars(select(PeerGroupAssociation.id).where(NOT_QUIET)).all()
            assert outstanding(association) is None or read == [association.id]
            session.rollback()

    read_what_is_undone()


def test_a_quiet_association_is_not_read_by_a_sweep(runtime: Runtime) -> None:
    with runtime.unit_of_work() as session:
        row_of(session, QUIET, enabled=True, migrating=False)
        assert session.scalars(select(PeerGroupAssociation.id).where(NOT_QUIET)).all() == []
        session.rollback()
