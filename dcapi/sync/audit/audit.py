"""An audit: the peer's copy of a group is read, and this site becomes what follows from it.

It serves whoever raised ``audit_asked``: a peer that took the group over, a heartbeat, a run that gave way.
It stays due until it could be carried out. ``unfollowed`` is the other direction: this site took the group
over, and asks the peer to audit, until it is seen to follow (``dcapi.sync.asking``).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, SubcloudPeerGroup
from dcapi.models.engine import read_only
from dcapi.models.locks import locked
from dcapi.models.states import Administrative, Migration, PeerKind
from dcapi.peers.errors import PeerError, PeerRefused
from dcapi.peers.exchange import taking_up_to
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup
from dcapi.runtime import Runtime, Site
from dcapi.sync import asking
from dcapi.sync.audit import resetting, writing
from dcapi.sync.audit.locked_rows import Outdated
from dcapi.sync.audit.member_rows import AuditResult
from dcapi.sync.audit.reading import Beginning, There, begin, read_there, version_of
from dcapi.sync.audit.verdict import Verdict
from dcapi.sync.changes import hint, lock_association, note_complete_heard, note_served
from dcapi.sync.peer_copy import AnotherSystem
from dcapi.sync.peer_kind import kind_of
from dcapi.sync.stale_status import is_stuck
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of, stop_check, transaction

logger = logging.getLogger(__name__)

# Seconds that the peer has to answer a request for an audit, and the share of a lease that this may take.
LONGEST_AUDIT = 90.0
LEASE_SHARE = 0.9

# After these somebody else has to come first.
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
        # An original that heard of it would let everything go at once.
        return asking.is_due(association) and association.peer.kind != PeerKind.ORIGINAL
    return _has_to_follow(association) or association.audit_asked != association.audit_served


def _has_to_follow(association: PeerGroupAssociation) -> bool:
    """Whether it is time to see that the peer follows; to say it to one that cannot hear helps nobody."""
    return asking.is_due(association) and not is_stuck(association)


def audit(runtime: Runtime, hold: Hold, association_id: int) -> Progress:
    """Ask the peer to audit, if it has to be asked, then read its copy and write what follows.

    Raises LeaseLost and Stopping.
    """
    beginning = _begin(runtime, hold, association_id)
    if beginning is None:
        return Progress.DONE
    client = client_of(runtime, beginning.target.peer, hold, check=stop_check(runtime))
    kind = kind_of(runtime, hold, client, beginning.target.peer.id)
    if beginning.migrating_here and kind is PeerKind.ORIGINAL:
        return Progress.WAITING
    try:
        if beginning.to_ask and kind is PeerKind.OURS:
            _show_complete(runtime, hold, beginning)
        if beginning.to_ask and not _ask(runtime, hold, client, beginning):
            return Progress.WAITING
        if beginning.migrating_here:
            return Progress.DONE
        there = _look(runtime, client, beginning, kind)
        if resetting.reset_stale(runtime, hold, client, beginning, there):
            return Progress.AGAIN
        return _write(runtime, hold, client, beginning, there)
    except AnotherSystem as error:
        logger.warning("association %d is not audited: %s", association_id, error)
        served = _serve(runtime, hold, beginning)
        # Who is to follow is not there: that stays due, and must not be tried without a pause.
        return Progress.AWAY if beginning.unfollowed else served
    except Outdated:
        return Progress.AGAIN
    except PeerError as error:
        logger.info("association %d could not be audited: %s", association_id, error.message)
        return Progress.AWAY


def _look(runtime: Runtime, client: PeerPort, beginning: Beginning, kind: PeerKind) -> There | None:
    """The peer's copy, and up to which change of the association here it says something."""
    association_id = beginning.target.association_id
    with runtime.unit_of_work() as session:
        of_association = select(PeerGroupAssociation.revision).where(
            PeerGroupAssociation.id == association_id
        )
        revision = read_only(session).scalar(of_association) or 0
    there = read_there(client, runtime.site, beginning, kind)
    return None if there is None else replace(there, revision=revision)


def _begin(runtime: Runtime, hold: Hold, association_id: int) -> Beginning | None:
    with transaction(runtime, hold) as session:
        association = _lock_with_group(session, association_id)
        if association is None or association.deleting or not is_due(association):
            return None
        to_ask = _has_to_follow(association) and _has_to_be_asked(association, runtime.site)
        session.flush()
        return begin(session, association, to_ask=to_ask)


def _lock_with_group(session: Session, association_id: int) -> PeerGroupAssociation | None:
    """The association and its group; the group first, like everybody who writes both."""
    group_id = select(PeerGroupAssociation.peer_group_id).where(PeerGroupAssociation.id == association_id)
    session.execute(locked(select(SubcloudPeerGroup.id).where(SubcloudPeerGroup.id.in_(group_id))))
    return lock_association(session, association_id)


def _has_to_be_asked(association: PeerGroupAssociation, site: Site) -> bool:
    """Whether a request goes out; what it was for may have come to nothing."""
    group = association.group
    if not group.migrating_here and group.system_leader_id != site.uuid:
        asking.note_following(association)
        return False
    return asking.is_unheard(association)


def _show_complete(runtime: Runtime, hold: Hold, beginning: Beginning) -> None:
    """Show ``complete`` to a peer that is going to read it here; another one may have reset it already."""
    if beginning.migrating_here or beginning.target.group.migration_status is not None:
        return
    with transaction(runtime, hold) as session:
        association = _lock_with_group(session, beginning.target.association_id)
        # Since this audit began, another site may have told that it migrates the group.
        if association is None or version_of(association.group) != beginning.version:
            raise Outdated
        if association.unfollowed and association.group.migration_status is None:
            association.group.migration_status = Migration.COMPLETE


def _ask(runtime: Runtime, hold: Hold, client: PeerPort, beginning: Beginning) -> bool:
    """Ask the peer to audit, and note that it heard; returns whether its copy is to be read now.

    Raises PeerUnavailable for a request that was certainly not sent.
    """
    target, heard, unsure = beginning.target, False, False
    try:
        answer = _request_audit(runtime, client, beginning)
        heard = answer is None
    except PeerError as error:
        if error.status == 0 and not error.maybe_sent:
            raise
        answer, unsure = error.message, error.status == 0 or error.status >= 500
    if answer is not None:
        logger.info("peer %s does not audit group %s: %s", target.peer.name, target.group.name, answer)
    _note_asked(runtime, hold, beginning, heard=heard, unsure=unsure)
    return not unsure


def _request_audit(runtime: Runtime, client: PeerPort, beginning: Beginning) -> str | None:
    """One request; the peer may carry the audit out before it answers, so it gets long for that."""
    target, group = beginning.target, beginning.target.group
    if not beginning.migrating_here:
        # Whatever the row says by now: this is what the peer has to hear.
        group = replace(group, migration_status=Migration.COMPLETE.value)
    reference = group.name if target.remote_group_id is None else target.remote_group_id
    with taking_up_to(min(LONGEST_AUDIT, LEASE_SHARE * runtime.settings.LEASE_SECONDS)):
        return client.audit_group(reference, runtime.site.uuid, target.group_id, group)


def _note_asked(runtime: Runtime, hold: Hold, beginning: Beginning, *, heard: bool, unsure: bool) -> None:
    """In a transaction of its own, before the peer is read: what happens next must not ask once more."""
    association_id, patience = beginning.target.association_id, runtime.settings.PEER_PATIENCE_SECONDS
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        if association is None:
            return
        if beginning.migrating_here:
            pause = asking.note_told(association, beginning.ask_mark, patience)
        else:
            # One that may be at it is looked at before it is asked again.
            pause = asking.note_asked(association, beginning.ask_mark, patience, heard=heard or unsure)
    hint(runtime, [association_id], delay=pause)


def _write(
    runtime: Runtime, hold: Hold, client: PeerPort, beginning: Beginning, there: There | None
) -> Progress:
    with transaction(runtime, hold) as session:
        outcome = writing.write(session, runtime, beginning, there)
        if outcome is None:
            return Progress.DONE
        resets = outcome.verdict is Verdict.FOLLOW and there is not None and there.is_to_be_reset
        if not (resets or outcome.stays_due):
            note_served(session, beginning.target.association_id, beginning.asked)
    _follow_up(runtime, outcome)
    if outcome.asks_again:
        return Progress.AGAIN
    if outcome.verdict in UNSERVED:
        return Progress.WAITING
    if resets and there is not None:
        _reset(client, beginning, there)
        return _serve(runtime, hold, beginning, complete_heard=there.group)
    return Progress.DONE


def _follow_up(runtime: Runtime, outcome: AuditResult) -> None:
    for target in outcome.deleted:
        runtime.deployer.delete(target)
    hint(runtime, outcome.moved)


def _reset(client: PeerPort, beginning: Beginning, there: There) -> None:
    """Tell the peer that its migration is known here. Raises PeerUnavailable: then all is done once more."""
    try:
        client.update_group(there.group.id, migration_status=None)
    except PeerRefused as error:
        logger.warning("peer %s keeps its migration status: %s", beginning.target.peer.name, error.message)


def _serve(
    runtime: Runtime, hold: Hold, beginning: Beginning, *, complete_heard: RemoteGroup | None = None
) -> Progress:
    """Note that an audit was carried out, and the ``complete`` that was followed, if it was."""
    association_id = beginning.target.association_id
    with transaction(runtime, hold) as session:
        note_served(session, association_id, beginning.asked)
        if complete_heard is not None:
            note_complete_heard(session, association_id, complete_heard.version)
    return Progress.DONE
