"""Resets the migration status of an original's copy that nothing stands behind, before the copy is judged."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation
from dcapi.models.states import Migration
from dcapi.peers.port import PeerPort
from dcapi.runtime import Runtime
from dcapi.sync import leftover, stale_status
from dcapi.sync.audit.reading import Beginning, There
from dcapi.sync.changes import lock_association
from dcapi.sync.leftover import Leftover
from dcapi.sync.peer_copy import is_copy
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import transaction


def reset_stale(
    runtime: Runtime, hold: Hold, client: PeerPort, beginning: Beginning, there: There | None
) -> bool:
    """Note what the migration status of an original shows, and reset it when it is stale.

    Returns whether the copy has to be read anew: what it says of a migration decides what follows. A stale
    ``complete`` decides nothing, and a peer that keeps it must not be reset without a pause.
    Raises LeaseLost and PeerUnavailable.
    """
    target = beginning.target
    if there is None or not there.is_original or not is_copy(there.group, target):
        return False
    with transaction(runtime, hold) as session:
        association = lock_association(session, target.association_id)
        why = None if association is None else _why_stale(session, runtime, association, there)
    if why is None:
        return False
    stale_status.reset(runtime, hold, client, target, there.group, why)
    return why == stale_status.NOBODY_MIGRATES


def _why_stale(
    session: Session, runtime: Runtime, association: PeerGroupAssociation, there: There
) -> str | None:
    reading = leftover.reading_of(there.group, there.subclouds)
    found = stale_status.take_reading(session, runtime, association, reading)
    if found is Leftover.STALE and stale_status.concerns_this_site(session, association, runtime.site):
        return stale_status.NOBODY_MIGRATES
    completed = there.group.migration_status == Migration.COMPLETE
    if completed and there.group.is_led_by(runtime.site.uuid):
        was_reset = association.reset_sent_for == leftover.date_of(there.group)
        return None if was_reset else stale_status.LEADS_NO_MORE
    return None
