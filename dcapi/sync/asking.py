"""Asks a peer to follow a takeover: what is remembered of that, and when it is looked at again.

Two things are kept apart. A request that was answered is *heard*, and not repeated; whether the peer
*follows* only a look at its copy tells. In between it is given time, more after each try.
"""

from __future__ import annotations

import time

from dcapi.models import PeerGroupAssociation

# After each request that was not followed, the pause to the next one: times the patience of the settings.
PAUSES = (1, 2, 4, 8, 16, 30)
# After so many requests that were not followed the operator is told.
TOLD_AFTER = 3


def want_following(association: PeerGroupAssociation) -> None:
    """This site took the group over, or something new says that the peer has to look at it."""
    association.unfollowed = True
    association.ask_tries = 0
    want_asking(association)


def want_asking(association: PeerGroupAssociation) -> None:
    """The peer is to be asked at once."""
    association.ask_mark += 1
    association.asked_at = None


def note_following(association: PeerGroupAssociation) -> None:
    """The peer was seen to follow, or there is nothing to follow any more."""
    if association.unfollowed:
        association.unfollowed = False
    drop_unheard(association)


def drop_unheard(association: PeerGroupAssociation) -> None:
    """Say no more what the peer has not heard: a later migration would, before its claim is decided."""
    if is_unheard(association):
        association.ask_heard = association.ask_mark


def is_unheard(association: PeerGroupAssociation) -> bool:
    """Whether the peer has yet to answer the newest request."""
    return association.ask_mark != association.ask_heard


def is_due(association: PeerGroupAssociation) -> bool:
    """Whether the peer is to be asked, or looked at, now: by a migration that begins, or a takeover."""
    wanted = is_unheard(association) if association.group.migrating_here else association.unfollowed
    return wanted and not _is_given_time(association)


def note_asked(association: PeerGroupAssociation, mark: int, patience: float, *, heard: bool) -> float:
    """A request was answered, or may be under way; returns the seconds until the peer is looked at again.

    ``mark`` is the number that it was sent for: one that was raised meanwhile is not heard by it.
    """
    if heard:
        association.ask_heard = mark
    pause = patience * PAUSES[min(association.ask_tries, len(PAUSES) - 1)]
    association.ask_tries += 1
    return _give_time(association, mark, pause)


def note_told(association: PeerGroupAssociation, mark: int, patience: float) -> float:
    """A migration that begins was told: whatever the peer made of it, its end is what has to be heard."""
    association.ask_heard = mark
    return _give_time(association, mark, patience)


def ask_again(association: PeerGroupAssociation) -> bool:
    """A look found that the peer does not follow; returns whether it is to be asked now.

    That is when the time is over which it was given for the request that it has heard.
    """
    if not association.unfollowed or is_unheard(association) or _is_given_time(association):
        return False
    want_asking(association)
    return True


def _give_time(association: PeerGroupAssociation, mark: int, pause: float) -> float:
    """Begin a pause, unless there is news that the request knew nothing of."""
    if association.ask_mark != mark:
        return 0.0
    association.asked_at, association.ask_pause = time.time(), pause
    return pause


def _is_given_time(association: PeerGroupAssociation) -> bool:
    """Whether the pause is not over; one that begins in the future began before the clock was set back."""
    begun = association.asked_at
    return begun is not None and begun <= time.time() < begun + association.ask_pause
