"""A migration: to take a peer group over to this site."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace

from dcapi.lab.original.client import CALL_ERRORS, connect
from dcapi.lab.original.life import Life
from dcapi.lab.original.rows import MOVING, WAITING, PeerGroup, Rows, Subcloud
from dcapi.lab.original.work.handover import Handover

log = logging.getLogger(__name__)

# How often, and how long, a site looks whether a subcloud that it rehomed is online.
LOOK_SECONDS = 20.0
ONLINE_LIMIT_SECONDS = 900.0


class NothingToMigrateError(Exception):
    """No member of a group waits to be taken over."""


class MovingError(Exception):
    """A member of a group is being taken over already."""


class Migrator:
    """Migrates one group at a time."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._busy = threading.Lock()

    @property
    def is_busy(self) -> bool:
        return self._busy.locked()

    def begin(self, group_id: int) -> list[Subcloud]:
        """Take a group over, which goes on after the return; returns the members that will move.

        While another migration is under way it does nothing more than that. Raises MovingError, or
        NothingToMigrateError.
        """
        with self._life.rows() as rows:
            moving = [each.name for each in rows.members(group_id) if each.deploy_status in MOVING]
            if moving:
                raise MovingError(f"Unable to migrate while subclouds are being rehomed: {', '.join(moving)}")
            movers = [replace(each) for each in _waiting(rows, group_id)]
            if not movers:
                name = rows.groups[group_id].name
                raise NothingToMigrateError(f"Nothing to migrate, no secondary subcloud in peer group {name}")
        self._life.spawn(self._migrate_alone, group_id)
        return movers

    def _migrate_alone(self, group_id: int) -> None:
        if not self._busy.acquire(blocking=False):
            return
        try:
            self._migrate(group_id)
        finally:
            self._busy.release()

    def _migrate(self, group_id: int) -> None:
        with self._life.rows() as rows:
            group = rows.groups[group_id]
            group.change(migration_status="migrating")
            peer_ids = [each.id for each in rows.peers_of(group_id) if each.availability == "available"]
            waiting = deque(each.id for each in _waiting(rows, group_id))
            side_by_side = min(group.max_subcloud_rehoming, len(waiting))
        workers = [self._life.spawn(self._take_all, waiting, peer_ids) for _ in range(side_by_side)]
        for worker in workers:
            worker.join()
        self._lead(group)
        self._ask_for_audit(group, peer_ids)

    def _take_all(self, waiting: deque[int], peer_ids: list[int]) -> None:
        while waiting:
            try:
                member_id = waiting.popleft()
            except IndexError:
                return
            self._take(member_id, peer_ids)

    # -- One member --

    def _take(self, member_id: int, peer_ids: list[int]) -> None:
        with self._life.rows() as rows:
            member = rows.subclouds[member_id]
        if not Handover(self._life, member.region_name).ask(peer_ids):
            log.info("%s: %s is not taken over", self._life.identity.name, member.name)
            return
        self._set(member, deploy_status="pre-rehome")
        if member.name in self._life.switches.failing_preparations or member.saved_payload is None:
            self._set(member, deploy_status="rehome-prep-failed")
            return
        self._set(member, deploy_status="rehoming")
        self._life.pause(self._life.switches.playbook_seconds)
        if member.name in self._life.switches.failing_playbooks:
            self._set(member, deploy_status="rehome-failed")
            return
        self._set(member, deploy_status="complete", availability="offline")
        self._bring_online(member)
        if self._wait_until_online(member):
            self._set(member, management_state="managed")

    def _bring_online(self, member: Subcloud) -> None:
        """Let a subcloud come online: at once, after a while, or never."""
        seconds = self._life.switches.online_seconds
        if member.name in self._life.switches.never_online:
            return
        if seconds == 0:
            self._set(member, availability="online")
        else:
            self._life.spawn(self._come_online, member, seconds)

    def _come_online(self, member: Subcloud, seconds: float) -> None:
        self._life.pause(seconds)
        with self._life.rows():
            if member.deploy_status == "complete":
                member.change(availability="online")

    def _wait_until_online(self, member: Subcloud) -> bool:
        waited = 0.0
        while member.availability != "online":
            if waited >= ONLINE_LIMIT_SECONDS:
                return False
            self._life.pause(LOOK_SECONDS)
            waited += LOOK_SECONDS
        return True

    def _set(self, member: Subcloud, **values: str) -> None:
        with self._life.rows():
            member.change(**values)

    # -- The end, whatever became of the members --

    def _lead(self, group: PeerGroup) -> None:
        own = self._life.identity
        with self._life.rows():
            group.change(leader_id=own.uuid, leader_name=own.name, migration_status="complete")

    def _ask_for_audit(self, group: PeerGroup, peer_ids: list[int]) -> None:
        """Ask the peers, one after the other, only until the first one that has heard."""
        with self._life.rows():
            said = replace(group)
        for peer_id in peer_ids:
            try:
                connect(self._life, peer_id).audit_group(self._life.identity.uuid, said)
                break
            except CALL_ERRORS as error:
                log.info("%s: asking for an audit failed: %s", self._life.identity.name, error)
        with self._life.rows() as rows:
            if group.is_primary:
                for peer in rows.peers_of(group.id):
                    rows.clear_led_elsewhere(group, peer)


def _waiting(rows: Rows, group_id: int) -> list[Subcloud]:
    return [each for each in rows.members(group_id) if each.deploy_status in WAITING]
