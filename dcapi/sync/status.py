"""The state machine of a primary association's sync status, as data, and the one function that assigns it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dcapi.models.association import PeerGroupAssociation
from dcapi.models.states import NO_MESSAGE, FailureCause, PeerAvailability, SyncStatus


class Event(StrEnum):
    """What can happen to a primary association; the value is how the documentation names it."""

    CHANGED = "changed, peer not known to be away"
    CHANGED_PEER_AWAY = "changed, peer `unavailable`"
    SYNC_ASKED = "sync asked for"
    RUN_ENDED_WELL = "run ended well, nothing newer"
    RUN_ENDED_STALE = "run ended well, a change came in"
    RUN_ENDED_ASKED_AGAIN = "run ended, another sync was asked for"
    RUN_GAVE_WAY = "run gave way (another leader there, or the peer's row changed)"
    RUN_FAILED = "run failed"
    TELLING_UNANSWERED = "telling the peer got no answer"
    TOLD_AT_LAST = "the peer could be told at last, cause `untold`"
    TELLING_NOT_FOUND = "telling was answered `… not found`"
    PEER_UNAVAILABLE = "peer declared `unavailable`"
    PEER_BACK_EQUAL = "peer `available` again, equal"
    PEER_BACK_DIFFERENT = "peer `available` again, different"
    PEER_MIGRATING = "peer is migrating the group"
    AUDIT_EQUAL = "audit done, equal"
    AUDIT_DIFFERENT = "audit done, different"


@dataclass(frozen=True)
class Standing:
    """A status and, for ``failed``, its cause; ``KEPT`` as a cause means: the one it had."""

    status: SyncStatus
    cause: FailureCause | None = None


SYNCING = Standing(SyncStatus.SYNCING)
IN_SYNC = Standing(SyncStatus.IN_SYNC)
OUT_OF_SYNC = Standing(SyncStatus.OUT_OF_SYNC)
UNKNOWN = Standing(SyncStatus.UNKNOWN)
FAILED_SYNC = Standing(SyncStatus.FAILED, FailureCause.SYNC)
FAILED_UNTOLD = Standing(SyncStatus.FAILED, FailureCause.UNTOLD)
FAILED_UNREACHABLE = Standing(SyncStatus.FAILED, FailureCause.UNREACHABLE)
FAILED_AS_BEFORE = Standing(SyncStatus.FAILED)
NEVER = None

# The columns, in the order in which each row of the table lists its outcomes.
STATUSES = (
    SyncStatus.SYNCING,
    SyncStatus.IN_SYNC,
    SyncStatus.OUT_OF_SYNC,
    SyncStatus.FAILED,
    SyncStatus.UNKNOWN,
)

# fmt: off
TABLE: dict[Event, tuple[Standing | None, ...]] = {
    Event.CHANGED:
        (SYNCING, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC, NEVER),
    Event.CHANGED_PEER_AWAY:
        (SYNCING, FAILED_UNREACHABLE, FAILED_UNREACHABLE, FAILED_UNREACHABLE, FAILED_UNREACHABLE),
    Event.SYNC_ASKED: (SYNCING,) * 5,
    Event.RUN_ENDED_WELL: (IN_SYNC,) * 5,
    Event.RUN_ENDED_STALE: (OUT_OF_SYNC,) * 5,
    Event.RUN_ENDED_ASKED_AGAIN: (SYNCING,) * 5,
    Event.RUN_GAVE_WAY: (OUT_OF_SYNC,) * 5,
    Event.RUN_FAILED: (FAILED_SYNC,) * 5,
    Event.TELLING_UNANSWERED: (SYNCING, IN_SYNC, FAILED_UNTOLD, FAILED_AS_BEFORE, UNKNOWN),
    Event.TOLD_AT_LAST: (NEVER, NEVER, NEVER, OUT_OF_SYNC, NEVER),
    Event.TELLING_NOT_FOUND: (SYNCING, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC),
    Event.PEER_UNAVAILABLE: (SYNCING, UNKNOWN, FAILED_UNREACHABLE, FAILED_UNREACHABLE, UNKNOWN),
    Event.PEER_BACK_EQUAL: (SYNCING, IN_SYNC, OUT_OF_SYNC, OUT_OF_SYNC, IN_SYNC),
    Event.PEER_BACK_DIFFERENT: (SYNCING, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC),
    Event.PEER_MIGRATING: (OUT_OF_SYNC,) * 5,
    Event.AUDIT_EQUAL: (NEVER, IN_SYNC, IN_SYNC, IN_SYNC, IN_SYNC),
    Event.AUDIT_DIFFERENT: (NEVER, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC, OUT_OF_SYNC),
}
# fmt: on

# Statuses whose message says why; for the others only the events below leave one.
EXPLAINED_STATUSES = frozenset({SyncStatus.FAILED, SyncStatus.UNKNOWN})
EXPLAINED_EVENTS = frozenset(
    {
        Event.RUN_GAVE_WAY,
        Event.TELLING_NOT_FOUND,
        Event.PEER_MIGRATING,
        Event.AUDIT_EQUAL,
        Event.AUDIT_DIFFERENT,
    }
)

# What a primary says of a failure, in the non-primary's message.
TOLD_FAILED = "Primary association sync to current site failed."


class ImpossibleMove(Exception):
    """An event that the table says cannot occur in a status: a defect of the caller."""


def next_standing(status: SyncStatus, cause: FailureCause | None, event: Event) -> Standing:
    """Where an event leads from a status. Raises ImpossibleMove for a cell marked as never.

    Source: the status table of the sync model. ``TOLD_AT_LAST`` is for the cause ``untold`` alone.
    """
    target = TABLE[event][STATUSES.index(status)]
    if target is NEVER or (event is Event.TOLD_AT_LAST and cause is not FailureCause.UNTOLD):
        raise ImpossibleMove(f"{event.name} while {status} ({cause})")
    return Standing(target.status, cause) if target is FAILED_AS_BEFORE else target


def start(association: PeerGroupAssociation) -> None:
    """Give a new association, primary or not, its first status."""
    _assign(association, SYNCING, NO_MESSAGE)


def move(association: PeerGroupAssociation, event: Event, message: str = NO_MESSAGE) -> None:
    """Move a primary association; ``message`` says why and is kept where the new status shows one."""
    status = SyncStatus(association.sync_status)
    cause = _cause(association)
    target = next_standing(status, cause, event)
    unmoved = target == Standing(status, cause)
    _assign(association, target, _message(association, target, event, message, unmoved))


def move_if_new(association: PeerGroupAssociation, event: Event, message: str = NO_MESSAGE) -> None:
    """The same for what is found again and again: a status that stands, and what was said of it, stay.

    Another message replaces the one that stands; none keeps it while the association is in sync.
    """
    target = next_standing(SyncStatus(association.sync_status), _cause(association), event)
    stands = target == Standing(SyncStatus(association.sync_status), _cause(association))
    said = association.sync_message == message or (target == IN_SYNC and message == NO_MESSAGE)
    if not (stands and said):
        move(association, event, message)


def _cause(association: PeerGroupAssociation) -> FailureCause | None:
    return FailureCause(association.sync_cause) if association.sync_cause else None


def _message(
    association: PeerGroupAssociation, target: Standing, event: Event, message: str, unmoved: bool
) -> str:
    if event in EXPLAINED_EVENTS and target.status is not SyncStatus.SYNCING:
        return message
    if target.status not in EXPLAINED_STATUSES:
        return association.sync_message if unmoved else NO_MESSAGE
    # Not being able to say so is no better reason than the one that is to be said.
    keeps = message == NO_MESSAGE or (unmoved and event is Event.TELLING_UNANSWERED)
    return association.sync_message if keeps else message


def changed_event(association: PeerGroupAssociation) -> Event:
    """The event that a change is for this association: it depends on what is known of the peer."""
    if association.peer.availability_state == PeerAvailability.UNAVAILABLE:
        return Event.CHANGED_PEER_AWAY
    # Only a peer that was declared away makes a status unknown; one that is back has moved it on.
    if association.sync_status == SyncStatus.UNKNOWN:
        return Event.CHANGED_PEER_AWAY
    return Event.CHANGED


def accept_told(association: PeerGroupAssociation, told: SyncStatus) -> None:
    """Take over, on a non-primary association, what the primary site says its status is."""
    association.revision += 1
    _assign(association, Standing(told), TOLD_FAILED if told is SyncStatus.FAILED else NO_MESSAGE)


def mark_changed_here(association: PeerGroupAssociation) -> None:
    """Show on a non-primary association that its operator changed a member at this site."""
    _assign(association, OUT_OF_SYNC, NO_MESSAGE)


def note_audit(association: PeerGroupAssociation, event: Event, message: str) -> None:
    """Show on a non-primary association what this site's audit of the primary found, until that one tells."""
    standing = IN_SYNC if event is Event.AUDIT_EQUAL else OUT_OF_SYNC
    if (association.sync_status, association.sync_message) != (standing.status, message):
        _assign(association, standing, message)


def show_finding(association: PeerGroupAssociation, event: Event, message: str) -> None:
    """Move an association of either type as somebody found it; nothing is written when it stands there."""
    if not association.is_primary:
        note_audit(association, event, message)
        return
    asked_meanwhile = association.sync_status == SyncStatus.SYNCING
    if asked_meanwhile and event is not Event.PEER_MIGRATING:
        return  # the run that was asked for decides
    move_if_new(association, event, message)


def _assign(association: PeerGroupAssociation, standing: Standing, message: str) -> None:
    association.sync_status = standing.status
    association.sync_cause = standing.cause
    association.sync_message = message


def status_to_tell(association: PeerGroupAssociation) -> SyncStatus:
    """What the peer should be told: ``untold`` is a failure to say ``out-of-sync``, so that is said again."""
    if association.sync_cause == FailureCause.UNTOLD:
        return SyncStatus.OUT_OF_SYNC
    return SyncStatus(association.sync_status)


def is_untold(association: PeerGroupAssociation) -> bool:
    """Whether the peer has an association there that shows something else than this one."""
    return (
        association.is_primary
        and association.remote_association_id is not None
        and association.told_status != status_to_tell(association)
    )
