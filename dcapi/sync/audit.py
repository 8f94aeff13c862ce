"""An audit: the peer's copy of a group is read, and this site becomes what follows from it.

It serves whoever raised ``audit_asked``: a peer that took the group over, a heartbeat, a run that gave way.
It stays due until it could be carried out. ``audit_to_ask`` is the other direction: this site took the group
over, and asks the peer to audit until it is seen to follow.
"""

from __future__ import annotations

import logging
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.jobs.hold import Hold
from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.models.locks import locked
from dcapi.models.states import Administrative, Migration
from dcapi.parts import Parts, Site
from dcapi.peers.errors import PeerError, PeerRefused
from dcapi.peers.port import PeerPort
from dcapi.sync import audit_writing
from dcapi.sync.audit_reading import AnotherSystem, Beginning, There, begin, read_there
from dcapi.sync.audit_requests import note_served
from dcapi.sync.audit_rows import Outdated
from dcapi.sync.audit_verdict import Verdict
from dcapi.sync.audit_writing import Outcome
from dcapi.sync.changes import hint, lock_association
from dcapi.sync.run import RunStopped

logger = logging.getLogger(__name__)

# After these the audit stays due: somebody else has to come first.
UNSERVED = frozenset({Verdict.LATER, Verdict.WAIT})


class Progress(StrEnum):
    """How far one attempt came."""

    DONE = "done"
    AGAIN = "the rows changed meanwhile: at once again"
    WAITING = "the peer, or a migration here, has to come first"
    AWAY = "the peer could not be asked"


def is_due(association: PeerGroupAssociation) -> bool:
    """Whether an audit is to be carried out now, or the peer to be asked for one."""
    if association.peer.administrative_state != Administrative.ENABLED:
        return False
    if association.group.migrating_here:
        return association.audit_to_ask
    return association.audit_to_ask or association.audit_asked != association.audit_served


def audit(parts: Parts, hold: Hold, association_id: int) -> Progress:
    """Ask the peer to audit, if it has to be asked, then read its copy and write what follows.

    Raises LeaseLost and RunStopped.
    """
    beginning = _begin(parts, hold, association_id)
    if beginning is None:
        return Progress.DONE
    client = parts.peers.client(beginning.peer)
    client.before_request = lambda: _check(parts, hold, client)
    try:
        if beginning.to_ask:
            _ask(client, beginning)
        if beginning.migrating_here:
            return _note_asked(parts, hold, association_id)
        there = read_there(client, parts.site, beginning)
        return _write(parts, hold, client, beginning, there)
    except AnotherSystem as error:
        logger.warning("association %d is not audited: %s", association_id, error)
        served = _serve(parts, hold, beginning)
        # Who is to be asked is not there: that stays due, and must not be tried without a pause.
        return Progress.AWAY if beginning.to_ask else served
    except Outdated:
        return Progress.AGAIN
    except PeerError as error:
        logger.info("association %d could not be audited: %s", association_id, error.message)
        return Progress.AWAY


def _check(parts: Parts, hold: Hold, client: PeerPort) -> None:
    """Called before each request."""
    if parts.jobs.stopping:
        raise RunStopped
    hold.ensure(client.request_limit)


def _begin(parts: Parts, hold: Hold, association_id: int) -> Beginning | None:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        association = _lock_with_group(session, association_id)
        if association is None or association.deleting or not is_due(association):
            return None
        if association.audit_to_ask:
            _prepare_to_ask(association, parts.site)
        session.flush()
        beginning = begin(session, parts.site, association)
        session.commit()
        return beginning


def _lock_with_group(session: Session, association_id: int) -> PeerGroupAssociation | None:
    """The association and its group; the group first, like everybody who writes both."""
    group_id = select(PeerGroupAssociation.peer_group_id).where(PeerGroupAssociation.id == association_id)
    session.execute(locked(select(SubcloudPeerGroup.id).where(SubcloudPeerGroup.id.in_(group_id))))
    return lock_association(session, association_id)


def _prepare_to_ask(association: PeerGroupAssociation, site: Site) -> None:
    """Say ``complete`` as long as a peer has not heard it: another one may have reset it already."""
    group = association.group
    if group.migrating_here:
        return
    if group.system_leader_id != site.uuid:
        # What it was to be asked for came to nothing.
        association.audit_to_ask = False
    elif group.migration_status is None:
        group.migration_status = Migration.COMPLETE


def _ask(client: PeerPort, beginning: Beginning) -> None:
    """Ask the peer to audit. Raises PeerUnavailable; one that refuses is audited all the same."""
    reference = beginning.group_name if beginning.remote_group_id is None else beginning.remote_group_id
    try:
        answer = client.audit_group(reference, beginning.body)
    except PeerRefused as error:
        answer = error.message
    if answer is not None:
        peer, name = beginning.peer.name, beginning.group_name
        logger.info("peer %s does not audit group %s: %s", peer, name, answer)


def _note_asked(parts: Parts, hold: Hold, association_id: int) -> Progress:
    """The peer knows that this site migrates the group; the end of the migration asks it again."""
    with parts.unit_of_work() as session:
        hold.confirm(session)
        association = lock_association(session, association_id)
        if association is not None and association.group.migrating_here:
            association.audit_to_ask = False
            session.commit()
    return Progress.DONE


def _write(parts: Parts, hold: Hold, client: PeerPort, beginning: Beginning, there: There | None) -> Progress:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        outcome = audit_writing.write(session, parts, beginning, there)
        if outcome is None:
            return Progress.DONE
        resets = outcome.verdict is Verdict.FOLLOW and there is not None and there.side.status is not None
        waits = outcome.verdict in UNSERVED
        if not (resets or waits):
            note_served(session, beginning.association_id, beginning.asked)
        session.commit()
    _follow_up(parts, outcome)
    if waits:
        return Progress.WAITING
    if resets and there is not None:
        _reset(client, beginning, there)
        return _serve(parts, hold, beginning)
    return Progress.DONE


def _follow_up(parts: Parts, outcome: Outcome) -> None:
    for target in outcome.deleted:
        parts.deployer.delete(target)
    hint(parts, outcome.moved)


def _reset(client: PeerPort, beginning: Beginning, there: There) -> None:
    """Tell the peer that its migration is known here. Raises PeerUnavailable: then all is done once more."""
    try:
        client.update_group(there.group_id, {"migration_status": Migration.NONE.value})
    except PeerRefused as error:
        logger.warning("peer %s keeps its migration status: %s", beginning.peer.name, error.message)


def _serve(parts: Parts, hold: Hold, beginning: Beginning) -> Progress:
    with parts.unit_of_work() as session:
        hold.confirm(session)
        note_served(session, beginning.association_id, beginning.asked)
        session.commit()
    return Progress.DONE
