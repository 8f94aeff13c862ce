"""System peers: which other sites this one knows, and the rules for changing that."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, Conflict, NotFound
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.locks import locked
from dcapi.peers.address import PeerAddress
from dcapi.peers.trust import Trust, place_of
from dcapi.runtime import Runtime, UnitOfWork
from dcapi.services.conflicts import flush
from dcapi.services.row_answers import PEER, PEER_GROUP, Answer
from dcapi.sync import changes
from dcapi.sync.values.ledger import forget_peer

logger = logging.getLogger(__name__)

NOT_FOUND = "System Peer not found"
OWN_UUID = "Invalid peer uuid: it is the UUID of this site"
UUID_TAKEN = "A system peer with this UUID already exists"
NAME_TAKEN = "A system peer with this name already exists"
MOVED_ALONE = (
    "Invalid peer manager_endpoint: another scheme, host or port needs manager_password in the same request"
)
STILL_ASSOCIATED = "Cannot delete a system peer which is associated with peer group."


def list_peers(session: Session) -> list[Answer]:
    """All system peers."""
    return PEER.all(session)


def show_peer(session: Session, reference: int | str) -> Answer:
    """One system peer, by id, UUID or name; raises NotFound."""
    return PEER.of(find_peer(session, reference))


def list_peer_groups(session: Session, reference: int | str) -> list[Answer]:
    """The subcloud peer groups that are associated with a system peer; raises NotFound."""
    peer = find_peer(session, reference)
    group_ids = select(PeerGroupAssociation.peer_group_id).where(
        PeerGroupAssociation.system_peer_id == peer.id
    )
    return PEER_GROUP.all(session, SubcloudPeerGroup.id.in_(group_ids))


def create_peer(session: Session, runtime: Runtime, values: dict[str, Any]) -> Answer:
    """Create a system peer from all its values; raises BadRequest and Conflict."""
    _check_new_values(session, runtime, values)
    peer = SystemPeer(**values)
    session.add(peer)
    flush(session, lambda: _check_new_values(session, runtime, values))
    answer = PEER.of(peer)
    session.commit()
    return answer


def update_peer(session: Session, runtime: Runtime, reference: int | str, values: dict[str, Any]) -> Answer:
    """Change the given values of a system peer; raises NotFound, BadRequest and Conflict.

    A new gateway address is a change for every group that the peer is to have, because it stands in the
    values of each member that the peer gets: then the answer tells how to sync it. Another UUID is another
    system, which has nothing of all that was sent to this one.
    """
    peer = find_peer(session, reference, lock=True)
    peer_id = peer.id
    _check_new_values(session, runtime, values, but=peer_id)
    _check_moved(peer, values)
    new_gateway = values.get("peer_controller_gateway_address", peer.peer_controller_gateway_address)
    gateway_changed = new_gateway != peer.peer_controller_gateway_address
    uuid_changed = values.get("peer_uuid", peer.peer_uuid) != peer.peer_uuid
    for name, value in values.items():
        setattr(peer, name, value)
    flush(session, lambda: _check_new_values(session, runtime, values, but=peer_id))
    if uuid_changed:
        forget_peer(session, peer_id)
    associations = changes.peer_changed(session, peer_id) if gateway_changed or uuid_changed else []
    association_ids = [association.id for association in associations]
    message = changes.info_message(associations)
    answer = PEER.of(peer)
    session.commit()
    # Another interval, or a peer that is watched from now on: the first look is due at once.
    runtime.monitor_wakeup.set()
    changes.hint(runtime, association_ids)
    return answer if message is None else {**answer, "info_message": message}


def delete_peer(session: Session, reference: int | str) -> None:
    """Delete a system peer; raises NotFound, and BadRequest while an association names it."""
    peer = find_peer(session, reference, lock=True)
    peer_id = peer.id
    _check_not_associated(session, peer_id)
    session.delete(peer)
    flush(session, lambda: _check_not_associated(session, peer_id))
    session.commit()


def note_login(unit_of_work: UnitOfWork, address: PeerAddress) -> None:
    """Remember that a peer accepted a login where it is: from now on its answers are shown.

    It is no change of its row that anybody has to be shown. When it cannot be written, the next process that
    logs in does so.
    """
    is_there = (SystemPeer.id == address.id, SystemPeer.manager_endpoint == address.endpoint)
    accepted = update(SystemPeer).where(*is_there)
    try:
        with unit_of_work() as session:
            session.execute(
                accepted.values(login_accepted=True, updated_at=SystemPeer.updated_at),
                execution_options={"synchronize_session": False},
            )
            session.commit()
    except SQLAlchemyError as error:
        logger.warning("the first login at peer %s is not noted: %s", address.name, type(error).__name__)


def find_peer(session: Session, reference: int | str, *, lock: bool = False) -> SystemPeer:
    """The row of a system peer, by id, UUID or name; raises NotFound. ``lock`` keeps other writers off it."""
    query = select(SystemPeer)
    if isinstance(reference, int):
        query = query.where(SystemPeer.id == reference)
    else:
        is_uuid = SystemPeer.peer_uuid == reference.lower()
        query = query.where(or_(is_uuid, SystemPeer.peer_name == reference)).order_by(is_uuid.desc()).limit(1)
    peer = session.scalars(locked(query) if lock else query).one_or_none()
    if peer is None:
        raise NotFound(NOT_FOUND)
    return peer


def _check_new_values(
    session: Session, runtime: Runtime, values: dict[str, Any], but: int | None = None
) -> None:
    """What makes a system peer unique; ``but`` is the peer that may keep its values."""
    if values.get("peer_uuid") == runtime.site.uuid:
        raise BadRequest(OWN_UUID)
    if "manager_endpoint" in values:
        wrong = Trust.of(runtime.settings).objection(values["manager_endpoint"])
        if wrong:
            raise BadRequest(f"Invalid peer manager_endpoint: {wrong}")
    for column, text in ((SystemPeer.peer_uuid, UUID_TAKEN), (SystemPeer.peer_name, NAME_TAKEN)):
        value = values.get(column.key)
        if value is not None and _is_there(session, column == value, SystemPeer.id != but):
            raise Conflict(text)


def _check_moved(peer: SystemPeer, values: dict[str, Any]) -> None:
    """A stored password goes nowhere but where it was meant to go; a new one says where that is."""
    endpoint = values.get("manager_endpoint", peer.manager_endpoint)
    if "manager_password" not in values and place_of(endpoint) != place_of(peer.manager_endpoint):
        raise BadRequest(MOVED_ALONE)


def _check_not_associated(session: Session, peer_id: int) -> None:
    if _is_there(session, PeerGroupAssociation.system_peer_id == peer_id):
        raise BadRequest(STILL_ASSOCIATED)


def _is_there(session: Session, *conditions: Any) -> bool:
    return bool(session.scalar(select(exists().where(*conditions))))
