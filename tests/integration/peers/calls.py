"""Every call of the port: how it is made, what it puts on the wire, what it is answered and returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcapi.models.states import PeerKind
from dcapi.peers.client import PeerClient
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.remote import remote_association, remote_group, remote_subcloud
from tests.groups import SITE_UUID, group_values

REGION = "a" * 32
GROUP = {
    "id": 1,
    "peer_group_name": "edges",
    "group_priority": 1,
    "group_state": "enabled",
    "max_subcloud_rehoming": 10,
    "system_leader_id": "u",
    "system_leader_name": "site-a",
    "migration_status": None,
}
ASSOCIATION = {
    "id": 3,
    "peer-group-id": 1,
    "system-peer-id": 2,
    "association-type": "non-primary",
    "sync-status": "syncing",
}
SUBCLOUD_ROW = {"id": 4, "name": "edge-1", "region-name": REGION, "deploy-status": "secondary"}
CREATION = {
    "peer-group-name": "edges",
    "group-priority": 1,
    "group-state": "enabled",
    "max-subcloud-rehoming": 10,
    "system-leader-id": SITE_UUID,
    "system-leader-name": "site-a",
}
AUDIT = {
    "peer_uuid": SITE_UUID,
    "id": 7,
    "peer_group_name": "edges",
    "group_priority": 0,
    "group_state": "enabled",
    "max_subcloud_rehoming": 10,
    "system_leader_id": SITE_UUID,
    "system_leader_name": "site-a",
    "migration_status": "complete",
}
SYSTEM_PEER = {"id": 2, "peer-uuid": "u", "peer-name": "site-a"}
VALUES = {
    "name": "edge-1",
    "admin_password": "Li69nux*",
    "list": ["registry:9001/a:v2"],
    "text": "Montréal 1e+20",
}
PAYLOAD = SubcloudPayload(
    name="edge-1",
    region_name=REGION,
    description="",
    location="Montréal",
    release="24.09",
    bootstrap_values=VALUES,
    bootstrap_address="10.10.10.12",
    install_values={"install_type": 3, "bmc_password": "c2VjcmV0"},
    peer_group="1",
)


GROUPS_PATH, SUBCLOUDS_PATH = "/v1.0/subcloud-peer-groups", "/v1.0/subclouds"
ASSOCIATIONS_PATH = "/v1.0/peer-group-associations"
Call = Callable[[PeerClient], Any]
# Call, (method, path, JSON body, comes from another site), answer, result.
CALLS: dict[str, tuple[Call, tuple[str, str, Any, bool], Any, Any]] = {
    "system_uuid": (
        lambda peer: peer.system_uuid(),
        ("GET", "/v1/isystems", None, False),
        {"isystems": [{"uuid": "u1"}, {"uuid": "u2"}]},
        "u1",
    ),
    "system_peer_id": (
        lambda peer: peer.system_peer_id("u"),
        ("GET", "/v1.0/system-peers/u", None, False),
        SYSTEM_PEER,
        2,
    ),
    "groups": (
        lambda peer: peer.groups(),
        ("GET", GROUPS_PATH, None, False),
        {"subcloud_peer_groups": [GROUP]},
        [remote_group(GROUP)],
    ),
    "create_group": (
        lambda peer: peer.create_group(group_values(priority=1, migration_status="complete")),
        ("POST", GROUPS_PATH, CREATION, False),
        GROUP,
        remote_group(GROUP),
    ),
    "update_group": (
        lambda peer: peer.update_group("é/1", state="disabled", migration_status="none"),
        ("PATCH", f"{GROUPS_PATH}/é/1", {"group-state": "disabled", "migration_status": "none"}, True),
        GROUP,
        remote_group(GROUP),
    ),
    "delete_group": (
        lambda peer: peer.delete_group(1),
        ("DELETE", f"{GROUPS_PATH}/1", None, False),
        None,
        None,
    ),
    "group_subclouds": (
        lambda peer: peer.group_subclouds(1),
        ("GET", f"{GROUPS_PATH}/1/subclouds", None, False),
        {"subclouds": [SUBCLOUD_ROW]},
        [remote_subcloud(SUBCLOUD_ROW)],
    ),
    "kind": (
        lambda peer: peer.kind(),
        ("GET", "/v1.0/", None, False),
        {"version": {"id": "v1.0"}},
        PeerKind.OURS,
    ),
    "audit_group": (
        lambda peer: peer.audit_group(1, SITE_UUID, 7, group_values(migration_status="complete")),
        ("PATCH", f"{GROUPS_PATH}/1/audit", AUDIT, False),
        {"message": "why not"},
        "why not",
    ),
    "associations": (
        lambda peer: peer.associations(),
        ("GET", ASSOCIATIONS_PATH, None, False),
        {"peer_group_associations": [ASSOCIATION]},
        [remote_association(ASSOCIATION)],
    ),
    "association": (
        lambda peer: peer.association(3),
        ("GET", f"{ASSOCIATIONS_PATH}/3", None, False),
        ASSOCIATION,
        remote_association(ASSOCIATION),
    ),
    "create_association": (
        lambda peer: peer.create_association(1, 2),
        ("POST", ASSOCIATIONS_PATH, {"peer_group_id": 1, "system_peer_id": 2}, False),
        ASSOCIATION,
        remote_association(ASSOCIATION),
    ),
    "tell_association": (
        lambda peer: peer.tell_association(3, "in-sync"),
        ("PATCH", f"{ASSOCIATIONS_PATH}/3", {"sync_status": "in-sync"}, False),
        ASSOCIATION,
        remote_association(ASSOCIATION),
    ),
    "delete_association": (
        lambda peer: peer.delete_association(3),
        ("DELETE", f"{ASSOCIATIONS_PATH}/3", None, False),
        None,
        None,
    ),
    "subclouds": (
        lambda peer: peer.subclouds(),
        ("GET", SUBCLOUDS_PATH, None, False),
        {"subclouds": [SUBCLOUD_ROW]},
        [remote_subcloud(SUBCLOUD_ROW)],
    ),
    "subcloud": (
        lambda peer: peer.subcloud(REGION),
        ("GET", f"{SUBCLOUDS_PATH}/{REGION}/detail", None, True),
        SUBCLOUD_ROW,
        remote_subcloud(SUBCLOUD_ROW),
    ),
    "add_secondary": (
        lambda peer: peer.add_secondary(PAYLOAD),
        ("POST", SUBCLOUDS_PATH, None, True),
        SUBCLOUD_ROW,
        remote_subcloud(SUBCLOUD_ROW),
    ),
    "update_subcloud": (
        lambda peer: peer.update_subcloud(REGION, PAYLOAD),
        ("PATCH", f"{SUBCLOUDS_PATH}/{REGION}", None, True),
        SUBCLOUD_ROW,
        remote_subcloud(SUBCLOUD_ROW),
    ),
    "cede_subcloud": (
        lambda peer: peer.cede_subcloud(REGION),
        ("PATCH", f"{SUBCLOUDS_PATH}/{REGION}", None, True),
        SUBCLOUD_ROW,
        remote_subcloud(SUBCLOUD_ROW),
    ),
    "delete_subcloud": (
        lambda peer: peer.delete_subcloud("edge-1.lab"),
        ("DELETE", f"{SUBCLOUDS_PATH}/edge-1.lab", None, True),
        None,
        None,
    ),
}
