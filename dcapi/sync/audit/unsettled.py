"""Shows what an audit of an original found and only an operator can put right: by one more migration."""

from __future__ import annotations

import logging

from dcapi.models.states import NO_MESSAGE
from dcapi.sync.audit.decisions import AuditPlan, untaken_text
from dcapi.sync.audit.locked_rows import Here
from dcapi.sync.leftover import stuck_text
from dcapi.sync.status import Event

logger = logging.getLogger(__name__)


def show(here: Here, plan: AuditPlan) -> None:
    """Show at an association of either type, and once in the log, what is left to be migrated."""
    if plan.is_unsettled:
        _show(here, " ".join(plan.findings(here.association.peer.peer_name)))


def show_or_clear(here: Here, plan: AuditPlan) -> None:
    """The same where nothing else says how an audit ended: what was shown before goes when it is settled."""
    show(here, plan)
    peer_name, said = here.association.peer.peer_name, here.association.sync_message
    if plan.is_unsettled or not said.startswith((untaken_text(peer_name), stuck_text(peer_name))):
        return
    event = Event.AUDIT_EQUAL if plan.is_equal else Event.AUDIT_DIFFERENT
    here.show(event, " ".join(plan.findings(peer_name)) or NO_MESSAGE)


def show_stuck(here: Here) -> None:
    """The peer says ``migrating``, migrates nothing, and takes no reset."""
    _show(here, stuck_text(here.association.peer.peer_name))


def show_unfollowed(here: Here) -> None:
    """The peer was asked to follow, more than once, and does not."""
    peer_name, tries = here.association.peer.peer_name, here.association.ask_tries
    _show(here, f"Peer {peer_name} was asked {tries} times to follow this site and does not.")


def _show(here: Here, message: str) -> None:
    if here.association.sync_message != message:
        logger.warning("group %s: %s", here.group.peer_group_name, message)
    here.show(Event.AUDIT_DIFFERENT, message)
