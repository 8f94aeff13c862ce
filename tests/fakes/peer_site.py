"""The other site in memory: what it keeps, and the rules by which it answers another site's calls."""

from __future__ import annotations

import json
import uuid as uuids
from typing import Any

from dcapi.models.states import PeerKind
from dcapi.peers.errors import ASSOCIATION, PEER_GROUP, SUBCLOUD, PeerRefused
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.port import Reference
from dcapi.peers.remote import Answer
from tests.fakes.fields import group_fields, masked
from tests.fakes.tables import one, put, refused

SYNC_STATUSES = {"syncing", "in-sync", "out-of-sync", "failed", "unknown"}
SECRETS_OF_PAYLOAD = {"sysadmin_password", "ansible_ssh_pass", "ansible_become_pass"}
CREATED = "2026-01-01 00:00:00.000000"


class FakeSite:
    """System peers, groups, associations and subclouds by id, and what a caller may do to them.

    ``answers_like_original`` makes it answer a creation with ``not-deployed``, ignore a PATCH of a group with
    only a migration status, and keep form fields among the saved values, as older sites do. ``kind`` alone
    makes it a later original: it takes any migration status as its own, and gives members to whoever asks.
    """

    def __init__(self, uuid: str = "", name: str = "site-b", *, answers_like_original: bool = False) -> None:
        self.uuid = uuid or str(uuids.uuid4())
        self.name = name
        self.answers_like_original = answers_like_original
        self.kind = PeerKind.ORIGINAL if answers_like_original else PeerKind.OURS
        self.system_peers: dict[int, Answer] = {}
        self.groups: dict[int, Answer] = {}
        self.associations: dict[int, Answer] = {}
        self.subclouds: dict[int, Answer] = {}
        # Every body that an audit came with, as (group id, body).
        self.audits: list[tuple[int, Answer]] = []
        # Groups that this site itself migrates, and those of them of which a member has begun.
        self.migrating_here: set[int] = set()
        self.begun: set[int] = set()
        self._last_id = 0

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # -- What a test puts there --

    def put_system_peer(self, uuid: str, name: str = "site-a", **values: Any) -> int:
        """Make the system peer that stands for the caller's site; returns its id."""
        row = {"id": self.next_id(), "peer-uuid": uuid, "peer-name": name, "availability-state": "created"}
        return put(self.system_peers, row | values)

    def put_group(self, name: str, priority: int = 1, leader: str = "", **values: Any) -> int:
        """Make a group as its answer shows it; returns its id. The leader defaults to this site."""
        row = {
            "id": self.next_id(),
            "peer_group_name": name,
            "group_priority": priority,
            "group_state": "enabled",
            "max_subcloud_rehoming": 10,
            "system_leader_id": leader or self.uuid,
            "system_leader_name": self.name,
            "migration_status": None,
            "created-at": CREATED,
            "updated-at": None,
        }
        return put(self.groups, row | values)

    def put_association(self, group_id: int, system_peer_id: int, **values: Any) -> int:
        """Make an association; non-primary and syncing unless told otherwise; returns its id."""
        row = {
            "id": self.next_id(),
            "peer-group-id": group_id,
            "system-peer-id": system_peer_id,
            "peer-group-priority": None,
            "association-type": "non-primary",
            "sync-status": "syncing",
            "sync-message": "None",
            "created-at": CREATED,
            "updated-at": None,
        }
        return put(self.associations, row | values)

    def put_subcloud(self, name: str, region_name: str, **values: Any) -> int:
        """Make a subcloud as its answer shows it, secondary unless told otherwise; returns its id."""
        row = {
            "id": self.next_id(),
            "name": name,
            "region-name": region_name,
            "description": None,
            "location": None,
            "software-version": "24.09",
            "management-state": "unmanaged",
            "availability-status": "offline",
            "deploy-status": "secondary",
            "error-description": "No errors present",
            "systemcontroller-gateway-ip": None,
            "data_install": None,
            "group_id": 1,
            "peer_group_id": None,
            "rehome_data": None,
            "created-at": CREATED,
            "updated-at": None,
        }
        return put(self.subclouds, row | {key.replace("__", "-"): value for key, value in values.items()})

    # -- What a test looks at --

    def group_named(self, name: str) -> Answer:
        return one(self.groups, "peer_group_name", name, PEER_GROUP)

    def subcloud_in(self, region_name: str) -> Answer:
        return one(self.subclouds, "region-name", region_name, SUBCLOUD)

    def saved_payload(self, region_name: str) -> Answer:
        """The values kept for a subcloud, as they would be used when it is taken over."""
        data = self.subcloud_in(region_name)["rehome_data"]
        payload: Answer = json.loads(data)["saved_payload"] if data else {}
        return payload

    def group_members(self, group_id: int) -> list[Answer]:
        return [row for row in self.subclouds.values() if row["peer_group_id"] == group_id]

    def shown(self, row: Answer) -> Answer:
        """A subcloud as lists and changes answer it: with masks in the place of its secrets."""
        if self.answers_like_original:
            return row
        return row | {key: masked(row[key]) for key in ("rehome_data", "data_install")}

    def delete_subcloud_row(self, region_name: str) -> None:
        """The operator there took a subcloud away, whatever it was."""
        del self.subclouds[self.subcloud_in(region_name)["id"]]

    def digest(self) -> str:
        """Everything that is kept, as one text: equal before and after means that nothing was written."""
        kept = [self.system_peers, self.groups, self.associations, self.subclouds]
        return json.dumps(kept, sort_keys=True)

    # -- Groups --

    def find_group(self, ref: Reference) -> Answer:
        if str(ref).isdigit():
            return one(self.groups, "id", int(ref), PEER_GROUP)
        return one(self.groups, "peer_group_name", ref, PEER_GROUP)

    def create_group(self, values: Answer) -> Answer:
        fields = group_fields(values)
        if not fields.get("peer_group_name"):
            raise refused(400, "Invalid peer-group-name")
        self._check_group_name(fields, own_id=0)
        group_id = self.put_group(fields.pop("peer_group_name"))
        row = self.groups[group_id]
        row.update({"group_priority": 0} | fields)
        return row

    def update_group(self, ref: Reference, values: Answer) -> Answer:
        row, fields = self.find_group(ref), group_fields(values)
        if not fields:
            raise refused(400, "nothing to update")
        if row["id"] in self.migrating_here:
            self._give_way(row, fields)
        changed = {key for key, value in fields.items() if row[key] != value}
        if row["group_priority"] == 0 and changed - {"migration_status"}:
            raise refused(400, "Cannot update a primary peer group from another site.")
        self._check_group_name(fields, own_id=row["id"])
        if not (self.answers_like_original and set(fields) == {"migration_status"}):
            row.update(fields)
            if self.kind is PeerKind.ORIGINAL:
                self.touch(row)
        return row

    def touch(self, row: Answer) -> None:
        """Give a row a new date."""
        row["updated-at"] = f"2026-01-01 00:00:00.{self.next_id():06}"

    def _give_way(self, row: Answer, fields: Answer) -> None:
        is_claim = fields.get("migration_status") == "migrating"
        if not is_claim or row["group_priority"] == 0 or row["id"] in self.begun:
            raise refused(409, "This site is migrating the peer group")
        self.migrating_here.discard(row["id"])

    def delete_group(self, ref: Reference) -> None:
        row = self.find_group(ref)
        if any(association["peer-group-id"] == row["id"] for association in self.associations.values()):
            raise refused(400, "Cannot delete a peer group which is associated with a system peer.")
        for member in self.group_members(row["id"]):
            member["peer_group_id"] = None
        del self.groups[row["id"]]

    def audit_group(self, ref: Reference, body: Answer) -> str | None:
        row = self.find_group(ref)
        self.audits.append((row["id"], body))
        sender, kept = body.get("peer_uuid"), f"Subcloud peer group {row['peer_group_name']} is not audited"
        if sender not in {peer["peer-uuid"] for peer in self.system_peers.values()}:
            return f"{kept}: no system peer here has the UUID {sender}."
        if sender not in {peer["peer-uuid"] for peer in self._peers_of_group(row["id"])}:
            return f"{kept}: it is not associated with peer {sender}."
        return None

    def _check_group_name(self, fields: Answer, own_id: int) -> None:
        taken = {row["peer_group_name"] for row in self.groups.values() if row["id"] != own_id}
        if fields.get("peer_group_name") in taken:
            raise refused(409, "A subcloud peer group with this name already exists")

    def _peers_of_group(self, group_id: int) -> list[Answer]:
        rows = [row for row in self.associations.values() if row["peer-group-id"] == group_id]
        return [self.system_peers[row["system-peer-id"]] for row in rows]

    # -- Associations --

    def create_association(self, group_id: int, system_peer_id: int) -> Answer:
        if group_id not in self.groups:
            raise refused(400, "Invalid peer_group_id")
        if system_peer_id not in self.system_peers:
            raise refused(400, "Invalid system_peer_id")
        if self.groups[group_id]["group_priority"] == 0:
            raise refused(
                400,
                "Peer Group Association create is not allowed when the subcloud peer group priority is "
                "greater than 0 and it is required when the subcloud peer group priority is 0.",
            )
        pairs = {(row["peer-group-id"], row["system-peer-id"]) for row in self.associations.values()}
        if (group_id, system_peer_id) in pairs:
            raise refused(
                400, "A Peer group association with same peer_group_id, system_peer_id already exists"
            )
        return self.associations[self.put_association(group_id, system_peer_id)]

    def tell_association(self, association_id: int, sync_status: str) -> Answer:
        row = one(self.associations, "id", association_id, ASSOCIATION)
        if sync_status not in SYNC_STATUSES:
            raise refused(400, "Invalid sync_status")
        if row["association-type"] == "primary":
            raise refused(
                400,
                "Peer Group Association sync_status is not allowed to update when the association type is "
                "primary.",
            )
        failed = "Primary association sync to current site failed."
        row["sync-status"], row["sync-message"] = sync_status, failed if sync_status == "failed" else "None"
        return row

    def delete_association(self, association_id: int) -> None:
        del self.associations[one(self.associations, "id", association_id, ASSOCIATION)["id"]]

    # -- Subclouds --

    def add_secondary(self, payload: SubcloudPayload) -> Answer:
        self._check_names_free(payload)
        values = payload.bootstrap_values or {}
        saved = {key: value for key, value in values.items() if key not in SECRETS_OF_PAYLOAD}
        saved["bootstrap-address"] = payload.bootstrap_address
        if self.answers_like_original:
            saved |= {"secondary": "true", "name": payload.name, "region_name": payload.region_name}
        row = self.subclouds[self.put_subcloud(payload.name, payload.region_name)]
        row["rehome_data"] = json.dumps({"saved_payload": saved})
        self._take_texts(row, payload)
        self._take_values(row, values)
        status = "not-deployed" if self.answers_like_original else "secondary"
        return row | {"deploy-status": status}

    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> Answer:
        row = self.subcloud_in(region_name)
        if not payload.update_form():
            raise refused(400, "The body must be multipart/form-data, not without a content type")
        self._check_not_rehoming(row)
        if not (_is_copy(row) or self.answers_like_original):
            raise refused(400, NO_COPY)
        if payload.peer_group is not None:
            self._move(row, payload, payload.peer_group)
        self._take_texts(row, payload)
        if payload.bootstrap_values is not None or payload.bootstrap_address is not None:
            self._take_saved(row, payload)
        return row

    def cede_subcloud(self, region_name: str, *, managed: bool = True) -> Answer:
        row = self.subcloud_in(region_name)
        if self.kind is PeerKind.ORIGINAL:
            return self._cede_as_original(row, managed=managed)
        group = self.groups.get(row["peer_group_id"] or 0)
        self._check_not_rehoming(row)
        let_go = row["management-state"] == "unmanaged" and row["deploy-status"] in LET_GO
        if not let_go and (group is None or group["migration_status"] != "migrating"):
            raise refused(400, NO_COPY)
        if row["management-state"] == "unmanaged" and self.answers_like_original:
            raise refused(422, f"Subcloud {row['name']} is unmanaged already")
        row["management-state"] = "unmanaged"
        if not let_go:
            row["deploy-status"] = "rehome-pending"
        return row

    def _cede_as_original(self, row: Answer, *, managed: bool) -> Answer:
        """It asks about nobody's migration."""
        if managed and row["management-state"] == "unmanaged":
            raise refused(422, f"Subcloud {row['name']} is unmanaged already")
        if not managed and row["management-state"] == "managed":
            raise refused(400, f"Subcloud {row['name']} is managed")
        row |= {"management-state": "unmanaged", "deploy-status": "rehome-pending"}
        return row

    def delete_subcloud(self, name: str) -> None:
        row = next((row for row in self.subclouds.values() if row["name"] == name), None)
        row = row or one(self.subclouds, "region-name", name, SUBCLOUD)
        if row["management-state"] == "managed":
            raise refused(400, 'Cannot delete a subcloud that is "managed" status')
        if row["availability-status"] == "online":
            raise refused(422, "Cannot delete a subcloud that is online, take it offline first")
        if not _is_copy(row):
            raise refused(400, NO_COPY)
        del self.subclouds[row["id"]]

    def _check_not_rehoming(self, row: Answer) -> None:
        if row["deploy-status"] in REHOMING:
            raise refused(409, "The subcloud is being rehomed to this site: try again when it has finished")

    def _check_names_free(self, payload: SubcloudPayload) -> None:
        for row in self.subclouds.values():
            if row["name"] == payload.name:
                raise refused(409, f"Subcloud with name={payload.name} already exists")
            if row["region-name"] == payload.region_name:
                raise refused(409, f"Subcloud with region_name={payload.region_name} already exists")

    def _take_texts(self, row: Answer, payload: SubcloudPayload) -> None:
        for field, value in (("description", payload.description), ("location", payload.location)):
            if value is not None:
                row[field] = value
        if payload.release:
            row["software-version"] = payload.release
        if payload.install_values is not None:
            row["data_install"] = json.dumps(payload.install_values)

    def _take_saved(self, row: Answer, payload: SubcloudPayload) -> None:
        saved = self.saved_payload(row["region-name"])
        address = payload.bootstrap_address or saved.get("bootstrap-address")
        if payload.bootstrap_values is not None:
            saved = {k: v for k, v in payload.bootstrap_values.items() if k not in SECRETS_OF_PAYLOAD}
        saved["bootstrap-address"] = address
        row["rehome_data"] = json.dumps({"saved_payload": saved})
        self._take_values(row, saved)

    def _take_values(self, row: Answer, values: Answer) -> None:
        gateway = values.get("systemcontroller_gateway_address")
        if gateway:
            row["systemcontroller-gateway-ip"] = gateway

    def _move(self, row: Answer, payload: SubcloudPayload, group: str) -> None:
        old = self.groups.get(row["peer_group_id"] or 0)
        new = None if group.lower() == "none" else self._group_to_join(group)
        if old is not None and new is not old:
            self._check_may_leave(old, new)
        if new is not None:
            self._check_may_join(row, payload)
        row["peer_group_id"] = None if new is None else new["id"]

    def _group_to_join(self, group: str) -> Answer:
        try:
            return self.find_group(group)
        except PeerRefused:
            raise refused(400, "Invalid peer group") from None

    def _check_may_join(self, row: Answer, payload: SubcloudPayload) -> None:
        if row["rehome_data"] is None and not (payload.bootstrap_values and payload.bootstrap_address):
            raise refused(
                400,
                "Cannot update the subcloud peer group: must provide both the bootstrap-values and "
                "bootstrap-address.",
            )

    def _check_may_leave(self, old: Answer, new: Answer | None) -> None:
        if old["group_priority"] != 0 and new is not None:
            raise refused(
                400,
                "Cannot move subcloud to a new peer group if the original peer group is not primary "
                "(non-zero priority).",
            )
        if old["system_leader_id"] != self.uuid:
            raise refused(
                400, "Removing subcloud from a peer group not led by the current site is prohibited."
            )
        if old["group_priority"] != 0 and any(
            peer["availability-state"] == "available" for peer in self._peers_of_group(old["id"])
        ):
            raise refused(
                400,
                "Removing subcloud from a peer group associated with an available system peer is prohibited.",
            )


COPIES = {"secondary", "secondary-failed", "rehome-failed", "rehome-prep-failed"}
REHOMING = {"pre-rehome", "rehoming"}
LET_GO = {"secondary", "secondary-failed", "rehome-pending"}
NO_COPY = "Another site can only update or delete a secondary subcloud."


def _is_copy(row: Answer) -> bool:
    return row["management-state"] != "managed" and row["deploy-status"] in COPIES
