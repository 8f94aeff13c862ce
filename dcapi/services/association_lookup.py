"""Associations as use cases need them: locked, or held so that nobody else calls their peer."""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from dcapi.errors import Conflict, NotFound
from dcapi.models import PeerGroupAssociation
from dcapi.runtime import Runtime
from dcapi.sync import changes
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import association_lease, take_by

NOT_FOUND = "Peer Group Association not found"
BEING_DELETED = "This peer group association is being deleted."
BUSY = "A sync of this peer group association is running: try again when it has finished."

# Seconds that a change waits for the run that goes on to end.
RUN_PATIENCE = 5.0


def lock(session: Session, association_id: int) -> PeerGroupAssociation:
    """The association, locked; raises NotFound, and Conflict while it is being deleted."""
    association = changes.lock_association(session, association_id)
    if association is None:
        raise NotFound(NOT_FOUND)
    if association.deleting:
        raise Conflict(BEING_DELETED)
    return association


def hold_patiently(runtime: Runtime, association_id: int) -> Hold:
    """The association's lease, waited for a little while; raises Conflict when a run keeps it."""
    hold = take_by(runtime, association_lease(association_id), time.monotonic() + RUN_PATIENCE)
    if hold is None:
        raise Conflict(BUSY)
    return hold
