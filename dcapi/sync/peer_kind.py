"""What service a peer runs: read now and then, remembered with an expiry, and never told by its name."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from dcapi.models import SystemPeer
from dcapi.models.states import PeerKind
from dcapi.peers.errors import PeerError
from dcapi.peers.port import PeerPort
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

logger = logging.getLogger(__name__)


def kind_of(runtime: Runtime, hold: Hold, client: PeerPort, peer_id: int) -> PeerKind:
    """What a peer is taken for; asks it when that was read longer ago than one heartbeat interval.

    One that does not tell is what it was, and one that never did an original: to that less is told. Raises
    LeaseLost.
    """
    with runtime.unit_of_work() as session:
        peer = session.get(SystemPeer, peer_id)
        if peer is None:
            return PeerKind.ORIGINAL
        before = _Known.of(peer)
    if before.kind is not None and before.is_fresh:
        return before.kind
    try:
        found = client.kind()
    except PeerError as error:
        logger.info("what peer %s runs is not known: %s", before.name, error.message)
        return before.kind or PeerKind.ORIGINAL
    with transaction(runtime, hold) as session:
        _note(session, peer_id, before, found)
    if found is not before.kind:
        logger.info("peer %s is taken for %s", before.name, found)
    return found


def known_kind(peer: SystemPeer) -> PeerKind:
    """What a peer was last taken for, without asking it; an original when that is not known."""
    return PeerKind.ORIGINAL if peer.kind is None else PeerKind(peer.kind)


@dataclass(frozen=True)
class _Known:
    """A peer before it is asked: its name, where it was to be found then, and what it was taken for."""

    name: str
    place: tuple[str, str, str]
    kind: PeerKind | None
    is_fresh: bool

    @classmethod
    def of(cls, peer: SystemPeer) -> _Known:
        kind = None if peer.kind is None else PeerKind(peer.kind)
        place = (peer.peer_uuid, peer.manager_endpoint, peer.availability_state)
        age = -1.0 if peer.kind_read_at is None else time.time() - peer.kind_read_at
        # Below 0 a clock was set back, or it was never read.
        return cls(clean(peer.peer_name), place, kind, 0 <= age < peer.heartbeat_interval)


def _note(session: Session, peer_id: int, before: _Known, kind: PeerKind) -> None:
    """Remember what a peer is, unless it is another one, or elsewhere, since it was asked.

    It is no change of its row that anybody has to be shown.
    """
    place = (SystemPeer.peer_uuid, SystemPeer.manager_endpoint, SystemPeer.availability_state)
    session.execute(
        update(SystemPeer)
        .where(
            SystemPeer.id == peer_id,
            *(column == value for column, value in zip(place, before.place, strict=True)),
        )
        .values(kind=kind, kind_read_at=time.time(), updated_at=SystemPeer.updated_at),
        execution_options={"synchronize_session": False},
    )
