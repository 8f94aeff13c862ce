"""How rows look in answers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dcapi.lab.operator import Json
from dcapi.lab.original.rows import Association, PeerGroup, Row, Rows, Subcloud, SystemPeer

# Key of an answer → attribute of the row.
DATES = {"created-at": "created_at", "updated-at": "updated_at"}
PEER = {
    "id": "id",
    "peer-uuid": "uuid",
    "peer-name": "name",
    "manager-endpoint": "endpoint",
    "manager-username": "username",
    "peer-controller-gateway-address": "gateway_address",
    "administrative-state": "administrative_state",
    "heartbeat-interval": "heartbeat_interval",
    "heartbeat-failure-threshold": "heartbeat_failure_threshold",
    "heartbeat-failure-policy": "heartbeat_failure_policy",
    "heartbeat-maintenance-timeout": "heartbeat_maintenance_timeout",
    "availability-state": "availability",
} | DATES
GROUP = {
    "id": "id",
    "peer_group_name": "name",
    "group_priority": "priority",
    "group_state": "state",
    "max_subcloud_rehoming": "max_subcloud_rehoming",
    "system_leader_id": "leader_id",
    "system_leader_name": "leader_name",
    "migration_status": "migration_status",
} | DATES
LISTED_ASSOCIATION = {
    "id": "id",
    "peer-group-id": "group_id",
    "system-peer-id": "peer_id",
    "peer-group-priority": "peer_group_priority",
    "association-type": "type",
    "sync-status": "sync_status",
} | DATES
ASSOCIATION = LISTED_ASSOCIATION | {"sync-message": "sync_message"}
SUBCLOUD = {
    "id": "id",
    "name": "name",
    "description": "description",
    "location": "location",
    "software-version": "software_version",
    "management-state": "management_state",
    "availability-status": "availability",
    "deploy-status": "deploy_status",
    "region-name": "region_name",
    "group_id": "group_id",
    "peer_group_id": "peer_group_id",
} | DATES
# What the stand-in knows nothing of.
UNKNOWN = {
    "backup-status": None,
    "backup-datetime": None,
    "error-description": "No errors present",
    "openstack-installed": False,
    "prestage-status": None,
    "prestage-versions": None,
    "data_upgrade": None,
}
# Key of an answer → bootstrap values that it shows, the first that there is. Of two networks, one of each IP
# version, the first is shown.
NETWORK = {
    "management-subnet": ("admin_subnet", "management_subnet"),
    "management-start-ip": ("admin_start_address", "management_start_address"),
    "management-end-ip": ("admin_end_address", "management_end_address"),
    "management-gateway-ip": ("admin_gateway_address", "management_gateway_address"),
    "systemcontroller-gateway-ip": ("systemcontroller_gateway_address",),
}


def peer_answer(row: SystemPeer) -> Json:
    return _shown(row, PEER)


def group_answer(row: PeerGroup) -> Json:
    return _shown(row, GROUP)


def association_answer(row: Association) -> Json:
    return _shown(row, ASSOCIATION)


def listed_association(row: Association) -> Json:
    return _shown(row, LISTED_ASSOCIATION)


def subcloud_answer(row: Subcloud) -> Json:
    saved = row.saved_payload or {}
    shown = {key: _primary(saved, names) for key, names in NETWORK.items()}
    shown["data_install"] = None if row.install_values is None else json.dumps(row.install_values)
    data = None if row.saved_payload is None else json.dumps({"saved_payload": row.saved_payload})
    return {**_shown(row, SUBCLOUD), **UNKNOWN, **shown, "rehome_data": data}


def _primary(saved: Json, names: tuple[str, ...]) -> str | None:
    value: str | None = next((saved[name] for name in names if name in saved), None)
    return value if value is None else value.partition(",")[0].strip()


def subcloud_detail(row: Subcloud) -> Json:
    more = {
        "endpoint_sync_status": [],
        "oam_floating_ip": "unavailable",
        "deploy_config_sync_status": "Deployment: configurations up-to-date",
        "region_name": row.region_name,
    }
    return subcloud_answer(row) | more


def group_status(rows: Rows, group: PeerGroup) -> Json:
    """How many members of a group stand where."""
    members = rows.members(group.id)
    deploys = [member.deploy_status for member in members]
    managed = sum(member.is_managed for member in members)
    return {
        "peer_group_id": group.id,
        "peer_group_name": group.name,
        "total_subclouds": len(members),
        "complete": deploys.count("complete"),
        "waiting_for_migrate": deploys.count("secondary"),
        "rehoming": deploys.count("rehoming"),
        "rehome_failed": deploys.count("rehome-failed") + deploys.count("rehome-prep-failed"),
        "managed": managed,
        "unmanaged": len(members) - managed,
    }


def alarm_answers(rows: Rows) -> list[Json]:
    return [
        {"alarm_id": alarm_id, "entity_instance_id": entity, "reason_text": text}
        for (alarm_id, entity), text in rows.alarms.items()
    ]


def _shown(row: Row, keys: Mapping[str, str]) -> Json:
    return {key: getattr(row, name) for key, name in keys.items()}
