"""The migration status of a copy at an original that nothing stands behind: it is noted, and reset.

Null is the only one that an original is ever sent, and for each date of its copy only once: some ignore it.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from dcapi.audit_log import DONE, FAILED, REFUSED, tell_act
from dcapi.careful_clock import CLOCK
from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.models.states import Deploy, Management, Migration
from dcapi.peers.errors import PeerRefused, PeerUnavailable
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteGroup
from dcapi.peers.texts import clean
from dcapi.runtime import Runtime, Site
from dcapi.sync import leftover
from dcapi.sync.changes import SILENT, lock_association
from dcapi.sync.leftover import Leftover, Note, Reading
from dcapi.sync.snapshot import Destination
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction

logger = logging.getLogger(__name__)

# Why a status is reset, as the audit log says it.
NOBODY_MIGRATES = "it says migrating, and no member is on its way"
LEADS_NO_MORE = "it says complete, and names this site as the leader"


# -- What is noted --


def note_of(association: PeerGroupAssociation) -> Note | None:
    if association.leftover_seen_at is None:
        return None
    return Note(association.leftover_seen_at, association.leftover_changed_at or "")


def take_reading(
    session: Session, runtime: Runtime, association: PeerGroupAssociation, reading: Reading
) -> Leftover:
    """Note what a locked association's original shows by this reading, and say what is known by now.

    The caller commits.
    """
    now = time.time()
    before = note_of(association)
    note = leftover.observe(before, reading, now, set_at=CLOCK.set_at())
    if note != before:
        seen_at, changed_at = (None, None) if note is None else (note.seen_at, note.changed_at)
        _write(session, association.id, leftover_seen_at=seen_at, leftover_changed_at=changed_at)
    patience = runtime.settings.PEER_PATIENCE_SECONDS
    return leftover.judge(note, association.reset_sent_for, now=now, patience=patience)


def is_stuck(association: PeerGroupAssociation) -> bool:
    """Whether the peer was reset in vain: only its operator can help it on."""
    note = note_of(association)
    return note is not None and note.changed_at == association.reset_sent_for


def concerns_this_site(session: Session, association: PeerGroupAssociation, site: Site) -> bool:
    """Whether a stale ``migrating`` of the peer keeps this site from something.

    It took the group over and the peer does not hear that, or it let members go for the peer's migration.
    """
    group = association.group
    if group.migrating_here:
        return False
    if association.unfollowed and group.system_leader_id == site.uuid:
        return True
    if group.migration_status != Migration.MIGRATING or not association.peer_migrates:
        return False
    let_go = exists().where(
        Subcloud.peer_group_id == group.id,
        Subcloud.management_state == Management.UNMANAGED,
        Subcloud.deploy_status == Deploy.REHOME_PENDING,
    )
    return bool(session.scalar(select(let_go)))


def _write(session: Session, association_id: int, **values: Any) -> None:
    """Bookkeeping: the association shows no new date for it."""
    session.execute(
        update(PeerGroupAssociation)
        .where(PeerGroupAssociation.id == association_id)
        .values(**values, **SILENT),
        execution_options={"synchronize_session": False},
    )


# -- The reset --


def reset(
    runtime: Runtime, hold: Hold, client: PeerPort, target: Destination, there: RemoteGroup, why: str
) -> None:
    """Reset the status of a copy at an original; only reading it again tells whether that was heard.

    Nothing is sent when the copy has changed by now. Raises LeaseLost, and PeerUnavailable: then it may be
    sent once more.
    """
    if not _is_unchanged(client, there):
        logger.info("peer %s: the group has changed there, its status is not reset", target.peer.name)
        return
    try:
        client.update_group(there.id, migration_status=None)
    except PeerRefused as error:
        logger.warning("peer %s keeps its migration status: %s", target.peer.name, error.message)
        _tell_audit_log(target, why, REFUSED)
    except PeerUnavailable:
        _tell_audit_log(target, why, FAILED)
        raise
    else:
        logger.warning("peer %s: the migration status is reset there: %s", target.peer.name, why)
        _tell_audit_log(target, why, DONE)
    with transaction(runtime, hold) as session:
        association = lock_association(session, target.association_id)
        if association is not None:
            _note_reset(session, association, there)


def _is_unchanged(client: PeerPort, there: RemoteGroup) -> bool:
    """Whether a copy shows what it showed when its status was judged; an original says nothing twice."""
    now = next((group for group in client.groups() if group.id == there.id), None)
    return now is not None and (now.version, now.migration_status) == (there.version, there.migration_status)


def _tell_audit_log(target: Destination, why: str, outcome: str) -> None:
    group = ("subcloud_peer_group", target.group_id, target.group.name)
    tell_act("reset", *group, peer=clean(target.peer.name), reason=why, outcome=outcome)


def _note_reset(session: Session, association: PeerGroupAssociation, there: RemoteGroup) -> None:
    """Whether it was heard is for the next reading. What was asked of a peer that migrates was ignored, so
    that is asked anew."""
    anew: dict[str, Any] = {"leftover_seen_at": None, "leftover_changed_at": None}
    if association.unfollowed and there.is_migrating:
        anew |= {"ask_mark": association.ask_mark + 1, "ask_tries": 0, "asked_at": None}
    _write(session, association.id, reset_sent_for=leftover.date_of(there), **anew)
