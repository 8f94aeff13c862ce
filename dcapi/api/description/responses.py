"""What calls answer, as JSON Schema: every key, its type, whether it may be null.

Source: PEER, GROUP, ASSOCIATION and SUBCLOUD in the wire contract. A test compares the keys with those that
the services answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dcapi.api.description.fields import JsonSchema
from dcapi.models.deploy_file import FilePart
from dcapi.models.states import (
    ENDPOINT_TYPES,
    Administrative,
    AssociationType,
    Availability,
    Deploy,
    EndpointSync,
    Management,
    Migration,
    PeerAvailability,
    SyncStatus,
)
from dcapi.schemas.peer_groups import LOWEST_PRIORITY
from dcapi.schemas.subcloud_groups import APPLY_TYPES
from dcapi.schemas.system_peers import POLICIES

TEXT: JsonSchema = {"type": "string"}
NUMBER: JsonSchema = {"type": "integer"}
FLAG: JsonSchema = {"type": "boolean"}
ID: JsonSchema = {"type": "integer", "minimum": 1}
COUNT: JsonSchema = {"type": "integer", "minimum": 0}
A_UUID: JsonSchema = {"type": "string", "format": "uuid"}
ADDRESS: JsonSchema = {"anyOf": [{"type": "string", "format": kind} for kind in ("ipv4", "ipv6")]}
TIME: JsonSchema = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}$",
    "description": "UTC.",
}
# Keystone's form of a time.
ISO_TIME: JsonSchema = {"type": "string", "format": "date-time"}
JSON_TEXT: JsonSchema = {"type": "string", "contentMediaType": "application/json"}
URL: JsonSchema = {"type": "string", "format": "uri"}


def words(of: Iterable[str]) -> JsonSchema:
    """One of these words."""
    return {"type": "string", "enum": [str(word) for word in of]}


def or_null(schema: JsonSchema) -> JsonSchema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    nullable: JsonSchema = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


def record(properties: dict[str, JsonSchema], *, sometimes: Iterable[str] = ()) -> JsonSchema:
    """An object with exactly these keys, all of them there but for those that are there ``sometimes``."""
    required = [key for key in properties if key not in set(sometimes)]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def list_of(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


def named(component: str) -> JsonSchema:
    """A reference to a schema of this page."""
    return {"$ref": f"#/components/schemas/{component}"}


def listing(key: str, component: str) -> JsonSchema:
    """The answer of a call that lists something."""
    return record({key: list_of(named(component))})


DATES = {"created-at": TIME, "updated-at": or_null(TIME)}
# What the answer to a change bears when it put associations out of sync.
INFO = {"info_message": {**TEXT, "description": "Ends in a line break."}}

PEER: dict[str, JsonSchema] = {
    "id": ID,
    "peer-uuid": A_UUID,
    "peer-name": TEXT,
    "manager-endpoint": URL,
    "manager-username": TEXT,
    "peer-controller-gateway-address": ADDRESS,
    "administrative-state": words(Administrative),
    "heartbeat-interval": NUMBER,
    "heartbeat-failure-threshold": NUMBER,
    "heartbeat-failure-policy": words(POLICIES),
    "heartbeat-maintenance-timeout": NUMBER,
    "availability-state": words(PeerAvailability),
    **DATES,
}

GROUP: dict[str, JsonSchema] = {
    "id": ID,
    "peer_group_name": TEXT,
    "group_priority": {"type": "integer", "minimum": 0, "maximum": LOWEST_PRIORITY},
    "group_state": words(Administrative),
    "max_subcloud_rehoming": NUMBER,
    "system_leader_id": A_UUID,
    "system_leader_name": TEXT,
    "migration_status": or_null(words(one for one in Migration if one is not Migration.NONE)),
    **DATES,
}

GROUP_STATUS: dict[str, JsonSchema] = {
    "peer_group_id": ID,
    "peer_group_name": TEXT,
    **dict.fromkeys(
        (
            "total_subclouds",
            "complete",
            "waiting_for_migrate",
            "rehoming",
            "rehome_failed",
            "managed",
            "unmanaged",
        ),
        COUNT,
    ),
}

ASSOCIATION_IN_LIST: dict[str, JsonSchema] = {
    "id": ID,
    "peer-group-id": ID,
    "system-peer-id": ID,
    "peer-group-priority": or_null({"type": "integer", "minimum": 1, "maximum": LOWEST_PRIORITY}),
    "association-type": words(AssociationType),
    "sync-status": words(SyncStatus),
    **DATES,
}
ASSOCIATION = {**ASSOCIATION_IN_LIST, "sync-message": TEXT}
SYNC_PROGRESS = {
    **or_null(record({"done": COUNT, "total": COUNT})),
    "description": "How many of the subclouds that the sync touches are done; null between syncs.",
}

SUBCLOUD: dict[str, JsonSchema] = {
    "id": ID,
    "name": TEXT,
    "description": or_null(TEXT),
    "location": or_null(TEXT),
    "software-version": TEXT,
    "management-state": words(Management),
    "availability-status": words(Availability),
    "deploy-status": words(Deploy),
    "backup-status": or_null(TEXT),
    "backup-datetime": or_null(TIME),
    "error-description": TEXT,
    "region-name": TEXT,
    "management-subnet": TEXT,
    "management-start-ip": ADDRESS,
    "management-end-ip": ADDRESS,
    "management-gateway-ip": ADDRESS,
    "openstack-installed": FLAG,
    "prestage-status": or_null(TEXT),
    "prestage-versions": or_null(TEXT),
    "systemcontroller-gateway-ip": ADDRESS,
    "data_install": or_null(JSON_TEXT),
    "data_upgrade": or_null(JSON_TEXT),
    **DATES,
    "group_id": ID,
    "peer_group_id": or_null(ID),
    "rehome_data": or_null(JSON_TEXT),
}
ENDPOINTS = {
    "endpoint_sync_status": list_of(
        record({"endpoint_type": words(ENDPOINT_TYPES), "sync_status": words(EndpointSync)})
    )
}
SUBCLOUD_DETAIL = {
    **SUBCLOUD,
    **ENDPOINTS,
    "oam_floating_ip": TEXT,
    "deploy_config_sync_status": TEXT,
    "region_name": {**TEXT, "description": "The same as region-name."},
}

SUBCLOUD_GROUP: dict[str, JsonSchema] = {
    "id": ID,
    "name": TEXT,
    "description": TEXT,
    "update_apply_type": words(APPLY_TYPES),
    "max_parallel_subclouds": NUMBER,
    **DATES,
}

SYSTEM_ALARM: dict[str, JsonSchema] = {
    "id": ID,
    "alarm_id": TEXT,
    "entity_instance_id": TEXT,
    "severity": TEXT,
    "reason_text": TEXT,
    "proposed_repair_action": TEXT,
    "raised-at": TIME,
    "updated-at": or_null(TIME),
}
ALARM_COUNT: JsonSchema = {"type": "integer", "minimum": -1, "description": "-1: not known."}
ALARM_SUMMARY: dict[str, JsonSchema] = {
    "region_name": {**TEXT, "description": "The name of the subcloud."},
    "uuid": {**TEXT, "description": "The region name of the subcloud."},
    **dict.fromkeys(("critical_alarms", "major_alarms", "minor_alarms", "warnings"), ALARM_COUNT),
    "cloud_status": TEXT,
}

DEPLOY_FILES: dict[str, JsonSchema] = {
    "software_version": TEXT,
    **{part.value: or_null({**TEXT, "description": "The base name of the file."}) for part in FilePart},
}
UPLOADED: dict[str, JsonSchema] = {"software_version": TEXT, **{part.value: TEXT for part in FilePart}}

# Name of a component → what it is.
COMPONENTS: dict[str, JsonSchema] = {
    "SystemPeer": record(PEER),
    "SystemPeerChanged": record({**PEER, **INFO}, sometimes=INFO),
    "SubcloudPeerGroup": record(GROUP),
    "SubcloudPeerGroupStatus": record(GROUP_STATUS),
    "PeerGroupAssociation": record(ASSOCIATION),
    "PeerGroupAssociationShown": record({**ASSOCIATION, "sync-progress": SYNC_PROGRESS}),
    "PeerGroupAssociationInList": record(ASSOCIATION_IN_LIST),
    "Subcloud": record(SUBCLOUD),
    "SubcloudChanged": record({**SUBCLOUD, **INFO}, sometimes=INFO),
    "SubcloudPrestaged": record({**SUBCLOUD, "prestage-software-version": TEXT}),
    "SubcloudInList": record({**SUBCLOUD, **ENDPOINTS, "sync_status": words(EndpointSync)}),
    "SubcloudWithEndpoints": record({**SUBCLOUD, **ENDPOINTS}),
    "SubcloudDetail": record(SUBCLOUD_DETAIL),
    "SubcloudGroup": record(SUBCLOUD_GROUP),
    "SubcloudGroupInList": record({**SUBCLOUD_GROUP, "subcloud_count": COUNT}),
    "DeployFiles": record(DEPLOY_FILES),
    "UploadedFiles": record(UPLOADED, sometimes=[part.value for part in FilePart]),
    "SystemAlarm": record(SYSTEM_ALARM),
    "AlarmSummary": record(ALARM_SUMMARY),
}

NULL: JsonSchema = {"type": "null"}


def error_body(text_key: str) -> dict[str, Any]:
    """The keys of an error; ``text_key`` is where its text stands."""
    code = {"type": "integer", "minimum": 400, "maximum": 599}
    return record({"code": code, "title": TEXT, text_key: TEXT})


ERROR_COMPONENTS: dict[str, JsonSchema] = {
    "Error": error_body("description"),
    "IdentityError": record({"error": error_body("message")}),
}
