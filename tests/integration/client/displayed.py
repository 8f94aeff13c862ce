"""What the ``dcmanager`` command line client displays of each answer."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# Attribute that the client shows → key of the answer. A key must be there, whatever its value.
SYSTEM_PEER = {
    "id": "id",
    "peer_uuid": "peer-uuid",
    "peer_name": "peer-name",
    "manager_endpoint": "manager-endpoint",
    "manager_username": "manager-username",
    "peer_controller_gateway_address": "peer-controller-gateway-address",
    "administrative_state": "administrative-state",
    "heartbeat_interval": "heartbeat-interval",
    "heartbeat_failure_threshold": "heartbeat-failure-threshold",
    "heartbeat_failure_policy": "heartbeat-failure-policy",
    "heartbeat_maintenance_timeout": "heartbeat-maintenance-timeout",
    "availability_state": "availability-state",
    "created_at": "created-at",
    "updated_at": "updated-at",
}
PEER_GROUP = {
    "id": "id",
    "peer_group_name": "peer_group_name",
    "group_priority": "group_priority",
    "group_state": "group_state",
    "max_subcloud_rehoming": "max_subcloud_rehoming",
    "system_leader_id": "system_leader_id",
    "system_leader_name": "system_leader_name",
    "migration_status": "migration_status",
    "created_at": "created-at",
    "updated_at": "updated-at",
}
PEER_GROUP_STATUS = {
    name: name
    for name in (
        "peer_group_id",
        "peer_group_name",
        "total_subclouds",
        "complete",
        "waiting_for_migrate",
        "rehoming",
        "rehome_failed",
        "managed",
        "unmanaged",
    )
}
ASSOCIATION_ROW = {
    "id": "id",
    "peer_group_id": "peer-group-id",
    "system_peer_id": "system-peer-id",
    "type": "association-type",
    "sync_status": "sync-status",
    "peer_group_priority": "peer-group-priority",
    "created_at": "created-at",
    "updated_at": "updated-at",
}
ASSOCIATION = {**ASSOCIATION_ROW, "sync_message": "sync-message"}
SUBCLOUD = {
    "id": "id",
    "name": "name",
    "description": "description",
    "location": "location",
    "software_version": "software-version",
    "management_state": "management-state",
    "availability_status": "availability-status",
    "deploy_status": "deploy-status",
    "error_description": "error-description",
    "region_name": "region-name",
    "management_subnet": "management-subnet",
    "management_start_ip": "management-start-ip",
    "management_end_ip": "management-end-ip",
    "management_gateway_ip": "management-gateway-ip",
    "systemcontroller_gateway_ip": "systemcontroller-gateway-ip",
    "group_id": "group_id",
    "created_at": "created-at",
    "updated_at": "updated-at",
    "backup_status": "backup-status",
    "backup_datetime": "backup-datetime",
    "prestage_status": "prestage-status",
    "prestage_versions": "prestage-versions",
    "peer_group_id": "peer_group_id",
    "rehome_data": "rehome_data",
}
SUBCLOUD_SHOWN = {**SUBCLOUD, "endpoint_sync_status": "endpoint_sync_status"}
SUBCLOUD_ROW = {**SUBCLOUD_SHOWN, "sync_status": "sync_status"}
SUBCLOUD_DETAIL = {
    **SUBCLOUD_SHOWN,
    "oam_floating_ip": "oam_floating_ip",
    "deploy_config_sync_status": "deploy_config_sync_status",
    # Here, and here alone, the client of 2024 and later reads this spelling.
    "region_name": "region_name",
}
SUBCLOUD_PRESTAGED = {**SUBCLOUD, "prestage_software_version": "prestage-software-version"}
SUBCLOUD_GROUP = {
    "id": "id",
    "name": "name",
    "description": "description",
    "update_apply_type": "update_apply_type",
    "max_parallel_subclouds": "max_parallel_subclouds",
    "created_at": "created-at",
    "updated_at": "updated-at",
}
SUBCLOUD_GROUP_ROW = {**SUBCLOUD_GROUP, "subcloud_count": "subcloud_count"}
ALARMS = {
    "name": "region_name",
    "critical": "critical_alarms",
    "major": "major_alarms",
    "minor": "minor_alarms",
    "warnings": "warnings",
    "status": "cloud_status",
}

# Shown when the answer has them.
OPTIONAL = ("info_message",)


def shown(answer: Json, keys: dict[str, str]) -> Json:
    """What the client displays of an answer; raises KeyError as it does."""
    return {
        **{name: answer[key] for name, key in keys.items()},
        **{name: answer[name] for name in OPTIONAL if name in answer},
    }
