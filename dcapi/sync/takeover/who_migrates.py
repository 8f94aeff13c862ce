"""Finds out by reading the peers of a group, now, whether one of them migrates it.

A site that runs the original tells nobody that it migrates a group: it asks for its members, and its list of
groups is all that shows why.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, as_completed
from contextlib import suppress
from functools import partial

from sqlalchemy import select

from dcapi.jobs.shared_questions import in_background
from dcapi.models import PeerGroupAssociation
from dcapi.models.engine import read_only
from dcapi.peers.errors import PeerError
from dcapi.peers.exchange import within
from dcapi.runtime import Runtime
from dcapi.sync.peer_copy import AnotherSystem, check_identity, find_copy
from dcapi.sync.snapshot import Destination, destination_of
from dcapi.tasks.leases import client_of

logger = logging.getLogger(__name__)

TRIES = 2
# Of the patience for one try, before peers that failed at once are tried again.
PAUSE = 0.1

# What a peer's copy says: whether it is being migrated; None while it cannot be read.
Readings = dict[Future[bool | None], Destination]


class _TooLate(Exception):
    """Nobody waits for the answer any more."""


def who_migrates(runtime: Runtime, group_id: int) -> int | None:
    """The association with a peer whose copy says that it is being migrated; None when no copy says so.

    Takes two patiences at most, under no lease. One look serves all who want to know meanwhile. Not to be
    called inside a transaction.
    """
    patience = runtime.settings.PEER_PATIENCE_SECONDS
    return runtime.group_looks.ask(group_id, partial(_look, runtime, group_id), TRIES * patience)


def _look(runtime: Runtime, group_id: int) -> int | None:
    begun, patience = time.monotonic(), runtime.settings.PEER_PATIENCE_SECONDS
    read = partial(_read, runtime, begun + TRIES * patience)
    readings: Readings = {}
    unread = _targets(runtime, group_id)
    for number in range(1, TRIES + 1):
        readings |= {in_background(partial(read, target)): target for target in unread}
        found = _first_that_migrates(readings, begun + number * patience)
        unread = _unread(readings)
        if found is not None or not unread or number == TRIES:
            return found
        time.sleep(PAUSE * patience)
    return None


def _targets(runtime: Runtime, group_id: int) -> list[Destination]:
    of_group = (PeerGroupAssociation.peer_group_id == group_id, PeerGroupAssociation.deleting.is_(False))
    with runtime.unit_of_work() as session:
        rows = read_only(session).scalars(select(PeerGroupAssociation).where(*of_group))
        return [target for target in map(destination_of, rows) if target.peer.enabled]


def _first_that_migrates(readings: Readings, until: float) -> int | None:
    with suppress(TimeoutError):
        for reading in as_completed(readings, max(0.0, until - time.monotonic())):
            if reading.result():
                return readings[reading].association_id
    return None


def _unread(readings: Readings) -> list[Destination]:
    """The peers that have not been read in any try."""
    is_read = {target.association_id for reading, target in readings.items() if _is_good(reading)}
    unread = {target.association_id: target for target in readings.values()}
    return [target for key, target in unread.items() if key not in is_read]


def _is_good(reading: Future[bool | None]) -> bool:
    return reading.done() and reading.result() is not None


def _read(runtime: Runtime, deadline: float, target: Destination) -> bool | None:
    def check() -> None:
        if time.monotonic() >= deadline:
            raise _TooLate

    client = client_of(runtime, target.peer, check=check)
    try:
        with within(runtime.settings.PEER_PATIENCE_SECONDS):
            check_identity(client, target.peer)
            group = find_copy(client, runtime.site, target)
    except AnotherSystem as error:
        logger.warning("it is not asked who migrates group %s: %s", target.group.name, error)
        return False
    except PeerError as error:
        logger.warning("who migrates group %s cannot be read: %s", target.group.name, error.message)
        return None
    except _TooLate:
        return None
    return group is not None and group.is_migrating
