"""Cleans a peer of what a primary association put there, before the association goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import delete
from sqlalchemy.orm import Session

from dcapi.log import carrying_ids
from dcapi.models import PeerGroupAssociation
from dcapi.models.states import COPY_STATES
from dcapi.peers.errors import PeerError, PeerRefused
from dcapi.peers.port import PeerPort
from dcapi.peers.remote import RemoteSubcloud
from dcapi.runtime import Runtime
from dcapi.sync import status
from dcapi.sync.changes import ask_for_audits, lock_association
from dcapi.sync.peer_copy import (
    AnotherLeads,
    AnotherSystem,
    check_identity,
    check_leader,
    find_association,
    find_copy,
)
from dcapi.sync.snapshot import Destination, destination_of
from dcapi.sync.status import Event
from dcapi.sync.values.ledger import forget_arrivals, read_ledger
from dcapi.sync.values.plan import Pushed
from dcapi.tasks.hold import Hold
from dcapi.tasks.leases import client_of, transaction

logger = logging.getLogger(__name__)


class CleaningFailed(Exception):
    """The peer could not be cleaned; ``begun`` tells whether something may have arrived there."""

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.begun = begun


class Cleaner:
    """Deletes the copies at a peer, and remembers whether something may have arrived there."""

    def __init__(self, runtime: Runtime, hold: Hold, target: Destination, ledger: dict[str, Pushed]) -> None:
        self._runtime = runtime
        self._target = target
        self._ledger = ledger
        self._begun = False
        self._client: PeerPort = client_of(runtime, target.peer, hold)

    def clean(self) -> None:
        """Remove subclouds, association and group there; raises CleaningFailed, AnotherLeads, LeaseLost.

        Another system at the endpoint, no such group there or a primary one: nothing is touched.
        """
        try:
            self._clean()
        except AnotherSystem as error:
            logger.warning("nothing is deleted at peer %s: %s", self._target.peer.name, error)
        except PeerError as error:
            raise CleaningFailed(error.message, begun=self._begun) from error

    def _clean(self) -> None:
        check_identity(self._client, self._target.peer)
        group = find_copy(self._client, self._runtime.site, self._target)
        if group is None:
            return
        check_leader(group, self._runtime.site)
        self._delete_subclouds(group.id)
        self._delete_association(group.id)
        self._delete_group(group.id)

    def _delete_subclouds(self, group_id: int) -> None:
        copies = self._client.group_subclouds(group_id)
        names = {copy.region_name: copy.name for copy in copies if copy.deploy_status in COPY_STATES}
        seen = {copy.region_name for copy in copies}
        strays = [
            region for region, pushed in self._ledger.items() if not pushed.removed and region not in seen
        ]
        with ThreadPoolExecutor(self._runtime.settings.PEER_MEMBER_THREADS, "cleaner") as pool:
            for found in pool.map(carrying_ids(self._find_stray), strays):
                names.update({found.region_name: found.name} if found else {})
            # The first error ends it: those that have not begun are not sent any more.
            send = carrying_ids(partial(self._send, self._client.delete_subcloud))
            for _ in pool.map(send, names.values()):
                pass

    def _find_stray(self, region_name: str) -> RemoteSubcloud | None:
        """What was pushed and never reached the group, or fell out of it."""
        copy = self._client.subcloud(region_name)
        if copy is None or copy.deploy_status not in COPY_STATES or copy.peer_group_id is not None:
            return None
        return copy

    def _send(self, request: Callable[..., None], *args: object) -> None:
        try:
            request(*args)
        except PeerError as error:
            self._begun = self._begun or error.maybe_sent
            raise
        self._begun = True

    def _delete_association(self, group_id: int) -> None:
        own_peer_id = self._client.system_peer_id(self._runtime.site.uuid)
        association = find_association(self._client, self._target, group_id, own_peer_id)
        if association is not None:
            self._send(self._client.delete_association, association.id)

    def _delete_group(self, group_id: int) -> None:
        try:
            self._send(self._client.delete_group, group_id)
        except PeerRefused as error:
            # A third site may share the group there: then it stays.
            if not error.still_associated():
                raise


def cleaner_of(runtime: Runtime, hold: Hold, session: Session, association: PeerGroupAssociation) -> Cleaner:
    """A cleaner for the peer of an association, from what its rows say now."""
    return Cleaner(runtime, hold, destination_of(association), read_ledger(session, association.id))


def resume_deletion(runtime: Runtime, hold: Hold, association_id: int) -> bool:
    """Go on with a deletion that was left half done; the mark stays until the peer is clean, or leads."""
    with runtime.unit_of_work() as session:
        association = lock_association(session, association_id)
        if association is None or not association.deleting:
            return True
        cleaner = cleaner_of(runtime, hold, session, association)
    try:
        cleaner.clean()
    except CleaningFailed as error:
        logger.warning("association %d: its deletion waits for the peer: %s", association_id, error)
        return False
    except AnotherLeads as error:
        _give_up(runtime, hold, association_id, f"The deletion of the association was given up. {error}")
        return True
    delete_row(runtime, hold, association_id)
    return True


def _give_up(runtime: Runtime, hold: Hold, association_id: int, why: str) -> None:
    """Keep an association whose peer took the group over while it was being deleted: an audit comes next.

    What of the copies is left there nobody knows, so nothing counts as pushed.
    """
    logger.warning("association %d: %s", association_id, why)
    with transaction(runtime, hold) as session:
        association = lock_association(session, association_id)
        if association is not None:
            association.deleting = False
            association.revision += 1
            status.move(association, Event.RUN_GAVE_WAY, why)
            forget_arrivals(session, association)
            ask_for_audits(session, [association_id])


def delete_row(runtime: Runtime, hold: Hold, association_id: int) -> None:
    """Delete an association whose peer is clean; the ledger goes with it."""
    with transaction(runtime, hold) as session:
        delete_association_row(session, association_id)


def delete_association_row(session: Session, association_id: int) -> None:
    session.execute(delete(PeerGroupAssociation).where(PeerGroupAssociation.id == association_id))
