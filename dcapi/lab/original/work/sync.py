"""A sync: to make a peer's copy of a group what this site has."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from dcapi.lab.operator import Json
from dcapi.lab.original.client import CALL_ERRORS, Client, connect
from dcapi.lab.original.life import Life
from dcapi.lab.original.rows import Association, PeerGroup, Subcloud, SystemPeer

log = logging.getLogger(__name__)

GATEWAY = "systemcontroller_gateway_address"
BOOTSTRAP_ADDRESS = "bootstrap-address"
# What a copy's values hold beside them: fields of the form that brought them.
FORM_FIELDS = ("secondary", "region_name", "release")


class SyncError(Exception):
    """A sync, or that of one member, failed; the text says why."""


class Syncer:
    """Runs syncs, each on a thread of its own; ``after`` is called at the end of each."""

    def __init__(self, life: Life, after: Callable[[], None]) -> None:
        self._life = life
        self._after = after

    def begin(self, association_id: int) -> None:
        """Sync a primary association, which shows ``syncing`` from now on until it has ended."""
        with self._life.rows() as rows:
            rows.associations[association_id].change(sync_status="syncing", sync_message="None")
        self._life.spawn(self._sync, association_id)

    def _sync(self, association_id: int) -> None:
        with self._life.rows() as rows:
            association = rows.associations[association_id]
            group, peer = rows.group_of(association), rows.peers[association.peer_id]
            members = [replace(member) for member in rows.members(group.id)]
            run = Run(self._life, replace(association), replace(group), replace(peer), members)
        status, message = run.carry_out()
        with self._life.rows():
            association.change(sync_status=status, sync_message=message)
        self._after()


@dataclass
class Run:
    """One sync of what a site had at its beginning."""

    life: Life
    association: Association
    group: PeerGroup
    peer: SystemPeer
    members: list[Subcloud]

    def carry_out(self) -> tuple[str, str]:
        """Do it, tell the peer how it ended, and return status and message of the association here."""
        try:
            client = connect(self.life, self.peer.id)
            group_there, association_there = self._find_copies(client)
        except (SyncError, *CALL_ERRORS) as error:
            return "failed", str(error)
        try:
            client.tell_association(association_there, "syncing")
            self._send(client, group_there)
        except (SyncError, *CALL_ERRORS) as error:
            return self._end(client, association_there, "failed", str(error))
        return self._end(client, association_there, "in-sync", "None")

    def _end(self, client: Client, association_there: int, status: str, message: str) -> tuple[str, str]:
        try:
            client.tell_association(association_there, status)
        except CALL_ERRORS as error:
            return "failed", message if status == "failed" else str(error)
        return status, message

    # -- The copies of group and association --

    def _find_copies(self, client: Client) -> tuple[int, int]:
        """Ids of group and association there, which are made if need be; raises CallError or SyncError."""
        if client.system_uuid() != self.peer.uuid:
            raise SyncError(f"Peer site {self.peer.name} has another UUID.")
        own_id = client.system_peer_id(self.life.identity.uuid)
        if own_id is None:
            raise SyncError(f"Peer site {self.peer.name} has no system peer of this site.")
        name = self.group.name
        group = client.group(name) or client.create_group({"peer-group-name": name, **self._attributes()})
        found = client.association(group["id"], own_id)
        association = found or client.create_association(group["id"], own_id)
        return int(group["id"]), int(association["id"])

    def _attributes(self) -> Json:
        return {
            "group-priority": self.association.peer_group_priority,
            "group-state": self.group.state,
            "system-leader-id": self.group.leader_id,
            "system-leader-name": self.group.leader_name,
            "max-subcloud-rehoming": self.group.max_subcloud_rehoming,
        }

    # -- Members --

    def _send(self, client: Client, group_there: int) -> None:
        """Make attributes and members equal; raises CallError, or SyncError that names what failed."""
        client.update_group(self.group.name, self._attributes())
        # A member that is a copy here, because a leader did not get it, counts as none.
        own = [member for member in self.members if member.deploy_status != "secondary"]
        failures = [text for member in own if (text := self._send_member(client, group_there, member))]
        known = {member.region_name for member in own}
        for copy in client.group_subclouds(group_there):
            if copy["region-name"] not in known and copy["deploy-status"] in self.life.traits.changeable:
                client.delete_subcloud(copy["name"])
        if failures:
            raise SyncError("\n".join(failures))

    def _send_member(self, client: Client, group_there: int, member: Subcloud) -> str:
        """Send one member; returns what went wrong, an empty text if nothing did."""
        try:
            copy = client.subcloud(member.name, migrating=False)
            if copy is None:
                client.add_secondary({"secondary": "true", **self._values(member)})
            elif copy["deploy-status"] in self.life.traits.changeable:
                client.update_subcloud(member.region_name, self._values(member))
            else:
                return f"Subcloud {member.name} is not in the right state for sync."
            client.update_subcloud(member.region_name, {"peer_group": group_there})
        except (SyncError, *CALL_ERRORS) as error:
            return f"Subcloud {member.name}: {error}"
        return ""

    def _values(self, member: Subcloud) -> Json:
        """The parts of a form that carries a member; raises SyncError when it has no values."""
        if member.saved_payload is None:
            raise SyncError("it has no rehome data")
        saved = member.saved_payload | {GATEWAY: self.peer.gateway_address}
        fields: Json = {
            "bootstrap-address": saved.pop(BOOTSTRAP_ADDRESS, None),
            "bootstrap_values": {key: saved[key] for key in saved if key not in FORM_FIELDS},
            "install_values": member.install_values,
            "region_name": member.region_name,
            "description": member.description,
            "location": member.location,
            "release": member.software_version,
        }
        return {name: value for name, value in fields.items() if value is not None}
