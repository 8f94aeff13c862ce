"""The watches of a site: heartbeats to its peers, and the audits that follow from them."""

from __future__ import annotations

import logging

from dcapi.lab.operator import Json
from dcapi.lab.original.client import CALL_ERRORS, connect
from dcapi.lab.original.life import Life
from dcapi.lab.original.rows import Association, Rows
from dcapi.lab.original.work.association_status import set_statuses_of_gone, set_statuses_of_returned
from dcapi.lab.original.work.audit import Audit, AuditError, PeerState

log = logging.getLogger(__name__)


class Monitor:
    """One thread for each peer with an association, and the marks *audit required* of associations.

    Its own memory is guarded by the lock of the rows, like they.
    """

    def __init__(self, life: Life) -> None:
        self._life = life
        # Peer id → what tells its current watch from an earlier one.
        self._watches: dict[int, object] = {}
        self._required: set[int] = set()
        self._audited: set[int] = set()

    def refresh(self) -> None:
        """Read the watches anew: begin and end them as associations say, and require every audit."""
        with self._life.rows() as rows:
            associations = list(rows.associations)
            self._required = {each.id for each in associations}
            wanted = {each.peer_id for each in associations}
            for peer_id in self._watches.keys() - wanted:
                del self._watches[peer_id]
            new = sorted(wanted - self._watches.keys())
            self._watches |= {peer_id: object() for peer_id in new}
        for peer_id in new:
            self._life.spawn(self._watch, peer_id, self._watches[peer_id])

    def required(self) -> set[int]:
        """The associations whose audit is required, or under way."""
        with self._life.rows():
            return self._required | self._audited

    # -- Heartbeats --

    def _watch(self, peer_id: int, watch: object) -> None:
        if not self._life.traits.beats_at_once:
            self._life.pause(self._interval(peer_id))
        failures = 0
        while self._watches.get(peer_id) is watch:
            failures = self._beat(peer_id, failures)
            self._life.pause(self._interval(peer_id))

    def _interval(self, peer_id: int) -> float:
        with self._life.rows() as rows:
            peer = rows.peers.get(peer_id)
            return 0 if peer is None else peer.heartbeat_interval

    def _beat(self, peer_id: int, failures: int) -> int:
        """Ask a peer for its groups; returns how many failures in a row there were by now."""
        try:
            listed = connect(self._life, peer_id).groups()
            by_name = {document["peer_group_name"]: document for document in listed}
        except CALL_ERRORS as error:
            log.info("%s: heartbeat failed: %s", self._life.identity.name, error)
            return self._count_failure(peer_id, failures + 1)
        self._begin_audits(peer_id, by_name)
        self._note_answer(peer_id)
        return 0

    def _count_failure(self, peer_id: int, failures: int) -> int:
        with self._life.rows() as rows:
            peer = rows.peers.get(peer_id)
            if peer is None or failures < peer.heartbeat_failure_threshold:
                return failures
            rows.raise_disconnected(peer)
            peer.change(availability="unavailable")
            set_statuses_of_gone(rows, peer)
            self._required |= {each.id for each in rows.associations.where(peer_id=peer_id)}
        return 0

    def _note_answer(self, peer_id: int) -> None:
        with self._life.rows() as rows:
            peer = rows.peers.get(peer_id)
            if peer is None or peer.availability == "available":
                return
            peer.change(availability="available")
        set_statuses_of_returned(self._life, peer_id)
        with self._life.rows() as rows:
            rows.clear_disconnected(peer)

    # -- Audits --

    def _begin_audits(self, peer_id: int, by_name: dict[str, Json]) -> None:
        with self._life.rows() as rows:
            due = [
                Audit.of(self._life, rows, each.id, PeerState.said(by_name[rows.group_of(each).name]))
                for each in rows.associations.where(peer_id=peer_id)
                if self._is_due(rows, each, by_name)
            ]
            self._audited |= {audit.association_id for audit in due}
        for audit in due:
            self._life.spawn(self._audit, audit)

    def _is_due(self, rows: Rows, association: Association, by_name: dict[str, Json]) -> bool:
        there = by_name.get(rows.group_of(association).name)
        if there is None or association.id in self._audited:
            return False
        return association.id in self._required or there["migration_status"] == "complete"

    def _audit(self, audit: Audit) -> None:
        try:
            self.carry_out(audit)
        except (AuditError, *CALL_ERRORS) as error:
            log.info("%s: audit failed: %s", self._life.identity.name, error)
        finally:
            self._audited.discard(audit.association_id)

    def carry_out(self, audit: Audit) -> None:
        """Carry an audit out; the mark goes unless it was ignored. Raises CallError, or AuditError."""
        if audit.carry_out():
            with self._life.rows():
                self._required.discard(audit.association_id)

    def audit_asked_for(self, group_id: int, peer_uuid: str, said: PeerState) -> str | None:
        """Carry out what a peer asks for, before it is answered; returns why it came to nothing."""
        with self._life.rows() as rows:
            peer = rows.peers.find(uuid=peer_uuid)
            if peer is None:
                return f"System Peer with UUID {peer_uuid} doesn't exist."
            if peer.id not in self._watches:
                skipped = f"Skipping audit for peer group {said.name}."
                return f"System peer with UUID={peer_uuid} is not under monitoring. {skipped}"
            association = rows.associations.find(group_id=group_id, peer_id=peer.id)
            if association is None:
                return f"No peer group id {said.name} found"
            audit = Audit.of(self._life, rows, association.id, said)
        try:
            self.carry_out(audit)
        except (AuditError, *CALL_ERRORS) as error:
            return str(error) or type(error).__name__
        return None
