"""An audit: to become what a peer says of a group that both have."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from dcapi.lab.operator import Json
from dcapi.lab.original.client import Client, connect
from dcapi.lab.original.life import Life
from dcapi.lab.original.rows import PeerGroup, Rows, Subcloud, SystemPeer
from dcapi.lab.original.version import COPY, FAILED
from dcapi.lab.original.work.association_status import find_status, set_status

GATEWAY = "systemcontroller_gateway_address"


class AuditError(Exception):
    """An audit ended before its end; what it did so far stays."""


@dataclass(frozen=True)
class PeerState:
    """What a peer says of its group: in a request to audit, or in its list of groups."""

    id: int | None
    name: str
    priority: int
    leader_id: str
    leader_name: str
    migration_status: str | None

    @classmethod
    def said(cls, document: Json) -> PeerState:
        return cls(
            id=document.get("id"),
            name=document["peer_group_name"],
            priority=document["group_priority"],
            leader_id=document["system_leader_id"],
            leader_name=document["system_leader_name"],
            migration_status=document["migration_status"],
        )


@dataclass(frozen=True)
class Audit:
    """One audit of the association of a group and a peer."""

    life: Life
    association_id: int
    peer: SystemPeer
    group_id: int
    said: PeerState

    @classmethod
    def of(cls, life: Life, rows: Rows, association_id: int, said: PeerState) -> Audit:
        association = rows.associations[association_id]
        peer = replace(rows.peers[association.peer_id])
        return cls(life, association_id, peer, association.group_id, said)

    def carry_out(self) -> bool:
        """Do it; False when it was ignored. Raises CallError, or AuditError."""
        with self.life.rows() as rows:
            if self._group(rows).migration_status == "migrating":
                return False
        if self.said.migration_status == "migrating":
            self._let_go()
        elif self.said.migration_status == "complete":
            self._follow()
        return True

    def _group(self, rows: Rows) -> PeerGroup:
        group = rows.groups.get(self.group_id)
        if group is None:
            raise AuditError(f"Subcloud Peer Group {self.group_id} is gone.")
        return group

    # -- The peer is migrating --

    def _let_go(self) -> None:
        with self.life.rows() as rows:
            for member in rows.members(self.group_id):
                member.let_go()
        set_status(self.life, self.association_id, "out-of-sync", self.said.id)

    # -- The peer has migrated --

    def _follow(self) -> None:
        client = connect(self.life, self.peer.id)
        there = client.group_subclouds(self.said.name)
        reads_status = self.life.traits.reads_sync_status
        status = find_status(self.life, client, self.said.id) if reads_status else None
        changed, failed = self._take_members(there, pulling=status == "out-of-sync")
        if self.said.leader_id == self.peer.uuid and (changed or self.life.traits.follows_without_changes):
            self._take_leader()
        self._reset_peer()
        if not (status == "out-of-sync" and failed):
            set_status(self.life, self.association_id, "in-sync", self.said.id)

    def _take_members(self, there: list[Json], *, pulling: bool) -> tuple[bool, bool]:
        """Judge every member; returns whether one changed, and whether one failed at the peer."""
        copies = {copy["region-name"]: copy for copy in there}
        with self.life.rows() as rows:
            members = [(each.id, copies.get(each.region_name)) for each in rows.members(self.group_id)]
        outcomes = [self._take_member(member_id, copy, pulling=pulling) for member_id, copy in members]
        return bool({"changed", "failed"} & set(outcomes)), "failed" in outcomes

    def _take_member(self, member_id: int, copy: Json | None, *, pulling: bool) -> str:
        with self.life.rows() as rows:
            member = rows.subclouds.get(member_id)
            if member is None:
                return "gone"
            if copy is None:
                member.change(deploy_status="secondary")
                rows.subclouds.remove(member)
                return "changed"
            if copy["management-state"] == "managed" and member.deploy_status not in COPY:
                self._become_copy(member, copy, pulling=pulling)
                return "changed"
            if copy["deploy-status"] in FAILED and self.life.traits.reads_sync_status:
                member.change(deploy_status="rehome-failed")
                return "failed"
            return "stays"

    def _become_copy(self, member: Subcloud, copy: Json, *, pulling: bool) -> None:
        pulled = {"saved_payload": self._pulled(member, copy)} if pulling else {}
        member.change(
            management_state="unmanaged", deploy_status="secondary", availability="offline", **pulled
        )

    def _pulled(self, member: Subcloud, copy: Json) -> Json:
        pulled = saved_payload(copy)
        if not self.life.traits.keeps_own_gateway:
            return pulled
        own = member.saved_payload or {}
        if GATEWAY not in pulled or GATEWAY not in own:
            raise AuditError(f"Subcloud {member.name} has no {GATEWAY}.")
        return pulled | {GATEWAY: own[GATEWAY]}

    def _take_leader(self) -> None:
        with self.life.rows() as rows:
            group, peer = self._group(rows), rows.peers[self.peer.id]
            group.change(leader_id=peer.uuid, leader_name=self.said.leader_name)
            if group.priority < self.said.priority:
                rows.raise_led_elsewhere(group, peer)
            else:
                rows.clear_led_elsewhere(group, peer)

    def _reset_peer(self) -> None:
        client: Client = connect(self.life, self.peer.id)
        client.update_group(self.said.name, {"migration_status": None})


def saved_payload(subcloud: Json) -> Json:
    """The values in the rehome data of a subcloud as an answer shows it; empty when there are none."""
    data: Any = subcloud.get("rehome_data")
    data = json.loads(data) if isinstance(data, str) else data
    return dict((data or {}).get("saved_payload") or {})
