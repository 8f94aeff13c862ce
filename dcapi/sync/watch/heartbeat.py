"""What an answer of a peer to a heartbeat, or its silence, means for the rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer, Task
from dcapi.models.locks import locked
from dcapi.models.states import AssociationType, PeerAvailability, SyncStatus, TaskName
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup
from dcapi.runtime import Runtime
from dcapi.sync import asking, peer_alarms, status
from dcapi.sync.changes import ask_for_audits, association_changed, hint, lock_associations
from dcapi.sync.peer_copy import AnotherSystem, check_identity, known_group
from dcapi.sync.snapshot import Destination, address_of, destination_of, snapshot_of
from dcapi.sync.status import Event
from dcapi.sync.values.plan import make_plan
from dcapi.sync.watch import drift, leftovers
from dcapi.sync.watch.drift import Heard
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import association_lease, take_by, transaction

logger = logging.getLogger(__name__)

Listed = Sequence[RemoteGroup]
# Association id → the revision at which the peer's copy was found equal, None where it differs.
Compared = dict[int, int | None]

# In place of a revision: a sync was asked for meanwhile, and its run says more than a comparison.
SYNCED = -1

# Seconds that a comparison waits for whoever tells the peer something.
COMPARISON_PATIENCE = 2.0


@dataclass(frozen=True)
class Expected:
    """What is known of one association before its peer is asked: only that is compared with the answer."""

    target: Destination
    group_updated_at: str | None


def seen_before(session: Session, peer_id: int) -> dict[int, Expected]:
    """The primary associations of a peer whose copies are expected to be equal, by id.

    A group whose attributes are just being changed is left out: its copies are ahead of it. So is one that is
    being migrated, or was: what its copies say is for an audit to judge.
    """
    changing = select(Task.subject_id).where(Task.kind == TaskName.GROUP_ATTRIBUTES)
    migrated = select(SubcloudPeerGroup.id).where(SubcloudPeerGroup.migration_status.is_not(None))
    query = select(PeerGroupAssociation).where(
        PeerGroupAssociation.system_peer_id == peer_id,
        PeerGroupAssociation.association_type == AssociationType.PRIMARY,
        PeerGroupAssociation.sync_status == SyncStatus.IN_SYNC,
        PeerGroupAssociation.deleting.is_(False),
        PeerGroupAssociation.peer_group_id.not_in(changing),
        PeerGroupAssociation.peer_group_id.not_in(migrated),
    )
    return {
        association.id: Expected(destination_of(association), association.group.updated_at)
        for association in session.scalars(query)
    }


def note_success(
    runtime: Runtime,
    hold: Hold,
    client: PeerPort,
    peer_id: int,
    groups: Listed,
    seen: dict[int, Expected],
    heard: Heard,
) -> None:
    """A peer listed its groups: it is available, and its copies are compared with what was seen before.

    ``heard`` is what it said of its migrations until now. Nothing is written when nothing is new. Raises
    LeaseLost, and PeerError when what has to be asked further of a peer that came back is not answered.
    """
    with runtime.unit_of_work() as session:
        peer = session.get(SystemPeer, peer_id)
        if peer is None:
            return
        is_back = peer.availability_state == PeerAvailability.UNAVAILABLE
        is_news = peer.availability_state == PeerAvailability.CREATED or peer.heartbeat_failures > 0
    if is_back:
        _welcome(runtime, hold, client, peer_id, groups)
    elif is_news:
        _note_answer(runtime, hold, peer_id)
    differing = [association_id for association_id, one in seen.items() if _differs(one.target, groups)]
    if differing:
        _note_differing(runtime, hold, differing, seen)
    leftovers.look(runtime, hold, client, peer_id, groups)
    drift.ask_where_needed(runtime, hold, peer_id, groups, heard)


def _note_answer(runtime: Runtime, hold: Hold, peer_id: int) -> None:
    """A peer that was never declared away answers: that moves no status."""
    with transaction(runtime, hold) as session:
        peer = _locked_peer(session, peer_id)
        if peer is not None:
            peer.availability_state = PeerAvailability.AVAILABLE
            peer.heartbeat_failures = 0


def _locked_peer(session: Session, peer_id: int) -> SystemPeer | None:
    return session.scalar(
        locked(select(SystemPeer).where(SystemPeer.id == peer_id)).execution_options(populate_existing=True)
    )


def _primary_associations(session: Session, peer_id: int) -> list[PeerGroupAssociation]:
    return lock_associations(
        session,
        PeerGroupAssociation.system_peer_id == peer_id,
        PeerGroupAssociation.association_type == AssociationType.PRIMARY,
    )


def _welcome(runtime: Runtime, hold: Hold, client: PeerPort, peer_id: int, groups: Listed) -> None:
    """A peer answers again: see who it is and what it has, move the statuses, and have its groups audited.

    Another system in its place differs in everything, and is for a sync to name.
    """
    compared = _compare_all(runtime, client, peer_id, groups)
    with transaction(runtime, hold) as session:
        peer = _locked_peer(session, peer_id)
        if peer is None:
            return
        peer.availability_state = PeerAvailability.AVAILABLE
        peer.heartbeat_failures = 0
        peer_alarms.clear_disconnected(session, peer)
        associations = lock_associations(session, PeerGroupAssociation.system_peer_id == peer_id)
        for association in associations:
            _meet_again(runtime, association, compared)
        ids = [association.id for association in associations]
        session.flush()
        ask_for_audits(session, ids)
        logger.warning("peer %s is available", peer.peer_name)
    hint(runtime, ids)


def _meet_again(runtime: Runtime, association: PeerGroupAssociation, compared: Compared) -> None:
    differs = association.sync_status != SyncStatus.IN_SYNC
    if association.is_primary:
        _move_back(association, compared)
        # It may have come back from a backup: what it shows is what it showed then.
        association.told_status = None
    elif association.group.system_leader_id == runtime.site.uuid and differs:
        # The primary has missed what was changed here while it was away.
        asking.want_following(association)


def _move_back(association: PeerGroupAssociation, compared: Compared) -> None:
    """Move what was compared. At the others a run goes on or ended meanwhile, which says more than this."""
    if association.id in compared:
        same = compared[association.id] == association.revision
        status.move(association, Event.PEER_BACK_EQUAL if same else Event.PEER_BACK_DIFFERENT)


def _compare_all(runtime: Runtime, client: PeerPort, peer_id: int, groups: Listed) -> Compared:
    with runtime.unit_of_work() as session:
        associations = _primary_associations(session, peer_id)
        quiet = [one.id for one in associations if one.sync_status != SyncStatus.SYNCING]
        address = address_of(associations[0].peer) if quiet else None
    if address is None:
        return {}
    try:
        check_identity(client, address)
    except AnotherSystem:
        return dict.fromkeys(quiet)
    found = {association_id: _compare(runtime, client, association_id, groups) for association_id in quiet}
    return {association_id: revision for association_id, revision in found.items() if revision != SYNCED}


def _compare(runtime: Runtime, client: PeerPort, association_id: int, groups: Listed) -> int | None:
    """One request: the members there. The revision at which they are equal, None when they differ."""
    hold = take_by(runtime, association_lease(association_id), time.monotonic() + COMPARISON_PATIENCE)
    if hold is None:
        return None
    with hold:
        with runtime.unit_of_work() as session:
            association = session.get(PeerGroupAssociation, association_id)
            if association is None or association.remote_group_id is None:
                return None
            if association.sync_status == SyncStatus.SYNCING:
                return SYNCED
            snapshot = snapshot_of(session, association)
        copy = known_group(groups, snapshot.target)
        if copy is None:
            return None
        try:
            there = client.group_subclouds(copy.id)
        except PeerError as error:
            logger.info("association %d could not be compared: %s", association_id, error.message)
            return None
        plan = make_plan(snapshot.members, there, snapshot.ledger)
        return snapshot.revision if plan.is_empty else None


def _differs(target: Destination, groups: Listed) -> bool:
    """Whether the copy that the peer lists has other attributes or another leader, or is gone."""
    there = known_group(groups, target)
    return there is None or bool(target.wanted.missing_in(there))


def _note_differing(runtime: Runtime, hold: Hold, ids: list[int], seen: dict[int, Expected]) -> None:
    with transaction(runtime, hold) as session:
        moved = []
        for association in lock_associations(session, PeerGroupAssociation.id.in_(ids)):
            before = seen[association.id]
            # What changed here since the peer was asked explains the difference.
            if association.group.updated_at == before.group_updated_at and _still_expected(
                session, association
            ):
                association_changed(association)
                moved.append(association.id)
    hint(runtime, moved)


def _still_expected(session: Session, association: PeerGroupAssociation) -> bool:
    return association.id in seen_before(session, association.system_peer_id)


def note_failure(runtime: Runtime, hold: Hold, peer_id: int, reason: str) -> None:
    """A peer did not list its groups: too often in a row, and it is unavailable. Raises LeaseLost."""
    with transaction(runtime, hold) as session:
        peer = _locked_peer(session, peer_id)
        if peer is None:
            return
        peer.heartbeat_failures += 1
        logger.info("peer %s missed heartbeat %d: %s", peer.peer_name, peer.heartbeat_failures, reason)
        known_to_be_away = peer.availability_state == PeerAvailability.UNAVAILABLE
        if not known_to_be_away and peer.heartbeat_failures >= peer.heartbeat_failure_threshold:
            _declare_unavailable(session, peer, reason)
        elif known_to_be_away:
            # The alarm may have been cleared while nobody watched, and what the peer leads changes.
            peer_alarms.raise_disconnected(session, peer, reason)


def _declare_unavailable(session: Session, peer: SystemPeer, reason: str) -> None:
    peer.availability_state = PeerAvailability.UNAVAILABLE
    logger.warning("peer %s is unavailable: %s", peer.peer_name, reason)
    peer_alarms.raise_disconnected(session, peer, reason)
    message = f"Peer {peer.peer_name} is unavailable: {reason}"
    for association in _primary_associations(session, peer.id):
        status.move(association, Event.PEER_UNAVAILABLE, message)
