"""The schemas of the resources: every field with its default, its limits and its text."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.schemas import system_peers
from dcapi.schemas.associations import AssociationCreate, AssociationPatch
from dcapi.schemas.base import RequestSchema, load
from dcapi.schemas.peer_groups import PeerGroupCreate, PeerGroupPatch
from dcapi.schemas.subcloud_groups import SubcloudGroupCreate, SubcloudGroupPatch
from dcapi.settings import Settings

UUID = "0b4fb1b2-6c9e-4a8e-9d5e-2f7d6f3c1a55"
SETTINGS = Settings()

PEER = {
    "peer_uuid": UUID,
    "peer_name": "north",
    "manager_endpoint": "http://192.0.2.1:5000/v3",
    "manager_username": "keeper",
    "manager_password": "c2VjcmV0",
    "peer_controller_gateway_address": "192.0.2.1",
}
GROUP = {"peer-group-name": "windmills"}
ASSOCIATION = {"peer_group_id": 1, "system_peer_id": 2}
SUBCLOUD_GROUP = {"name": "coast", "description": "at the sea", "update_apply_type": "serial"}

PEER_CREATE = system_peers.create_schema(SETTINGS)
PEER_PATCH = system_peers.patch_schema(SETTINGS)

# (schema of a create, values that suffice, what they load as)
DEFAULTS: list[tuple[RequestSchema, dict[str, Any], dict[str, Any]]] = [
    (
        PEER_CREATE,
        PEER,
        {
            **PEER,
            "administrative_state": "enabled",
            "heartbeat_interval": 60,
            "heartbeat_failure_threshold": 3,
            "heartbeat_failure_policy": "alarm",
            "heartbeat_maintenance_timeout": 600,
        },
    ),
    (
        PeerGroupCreate(),
        GROUP,
        {
            "peer_group_name": "windmills",
            "group_priority": 0,
            "group_state": "enabled",
            "max_subcloud_rehoming": 10,
        },
    ),
    (AssociationCreate(), ASSOCIATION, ASSOCIATION),
    (
        SubcloudGroupCreate(),
        SUBCLOUD_GROUP,
        {**SUBCLOUD_GROUP, "max_parallel_subclouds": 2},
    ),
]


@pytest.mark.parametrize(("schema", "given", "loaded"), DEFAULTS)
def test_what_is_required_suffices_and_the_rest_has_its_default(
    schema: RequestSchema, given: dict[str, Any], loaded: dict[str, Any]
) -> None:
    assert load(schema, given) == loaded


REQUIRED = [
    (PEER_CREATE, PEER, "peer_uuid", "Invalid peer uuid"),
    (PEER_CREATE, PEER, "peer_name", "Invalid peer name"),
    (PEER_CREATE, PEER, "manager_endpoint", "Invalid peer manager_endpoint"),
    (PEER_CREATE, PEER, "manager_username", "Invalid peer manager_username"),
    (PEER_CREATE, PEER, "manager_password", "Invalid peer manager_password"),
    (
        PEER_CREATE,
        PEER,
        "peer_controller_gateway_address",
        "Invalid peer peer_controller_gateway_address",
    ),
    (PeerGroupCreate(), GROUP, "peer-group-name", "Invalid peer-group-name"),
    (AssociationCreate(), ASSOCIATION, "peer_group_id", "Invalid peer_group_id"),
    (AssociationCreate(), ASSOCIATION, "system_peer_id", "Invalid system_peer_id"),
    (SubcloudGroupCreate(), SUBCLOUD_GROUP, "name", "Invalid group name"),
    (SubcloudGroupCreate(), SUBCLOUD_GROUP, "description", "Invalid group description"),
    (SubcloudGroupCreate(), SUBCLOUD_GROUP, "update_apply_type", "Invalid group update_apply_type"),
]


@pytest.mark.parametrize(("schema", "given", "key", "text"), REQUIRED)
def test_a_required_field_that_is_missing_or_null_is_told(
    schema: RequestSchema, given: dict[str, Any], key: str, text: str
) -> None:
    for values in ({k: v for k, v in given.items() if k != key}, {**given, key: None}):
        with pytest.raises(BadRequest) as raised:
            load(schema, values)
        assert raised.value.message == text


# (create and patch schema with a base, key, text, values at the limits that are taken, values beyond)
Limits = tuple[tuple[RequestSchema, dict[str, Any]], ...]
ON_PEER: Limits = ((PEER_CREATE, PEER), (PEER_PATCH, {}))
ON_GROUP: Limits = ((PeerGroupCreate(), GROUP), (PeerGroupPatch(), {}))
ON_SUBCLOUD_GROUP: Limits = ((SubcloudGroupCreate(), SUBCLOUD_GROUP), (SubcloudGroupPatch(), {}))
ON_ASSOCIATION: Limits = ((AssociationCreate(), ASSOCIATION), (AssociationPatch(), {}))
ON_CREATE: Limits = ((AssociationCreate(), ASSOCIATION),)
WRONG_WORDS = ["none", "Enabled", 1, True, ["enabled"]]

LIMITS: list[tuple[Limits, str, str, list[Any], list[Any]]] = [
    (ON_PEER, "peer_uuid", "Invalid peer uuid", [UUID], ["x", 5]),
    (ON_PEER, "peer_name", "Invalid peer name", ["n" * 255], ["n" * 256, "7", "a/b"]),
    (
        ON_PEER,
        "manager_endpoint",
        "Invalid peer manager_endpoint",
        ["http://a/" + "v" * 245],
        ["http://a/" + "v" * 246],
    ),
    (ON_PEER, "manager_username", "Invalid peer manager_username", ["u" * 254], ["u" * 255, "a\nb", 1]),
    (ON_PEER, "manager_password", "Invalid peer manager_password", ["YWFh" * 63], ["YWFh" * 64, "%"]),
    (
        ON_PEER,
        "peer_controller_gateway_address",
        "Invalid peer peer_controller_gateway_address",
        ["fd00::1"],
        ["fd00::1/64", 1],
    ),
    (
        ON_PEER,
        "administrative_state",
        "Invalid peer administrative_state",
        ["enabled", "disabled"],
        WRONG_WORDS,
    ),
    (ON_PEER, "heartbeat_interval", "Invalid peer heartbeat_interval", [10, "600"], [9, 601, True, "1e2"]),
    (
        ON_PEER,
        "heartbeat_failure_threshold",
        "Invalid peer heartbeat_failure_threshold",
        [1, 30],
        [0, 31, 1.5],
    ),
    (
        ON_PEER,
        "heartbeat_failure_policy",
        "Invalid peer heartbeat_failure_policy",
        ["alarm", "rehome", "delegate"],
        WRONG_WORDS,
    ),
    (
        ON_PEER,
        "heartbeat_maintenance_timeout",
        "Invalid peer heartbeat_maintenance_timeout",
        [300, 36000],
        [299, 36001, []],
    ),
    (
        ON_GROUP,
        "peer-group-name",
        "Invalid peer-group-name",
        ["n" * 255, "nonesuch"],
        ["n" * 256, "none", "7", "a.b", {}],
    ),
    (ON_GROUP, "group-priority", "Invalid group-priority", [0, "0", 65536], [-1, 65537, "1.5", True]),
    (ON_GROUP, "group-state", "Invalid group-state", ["enabled", "disabled"], WRONG_WORDS),
    (ON_GROUP, "max-subcloud-rehoming", "Invalid max-subcloud-rehoming", [1, "250"], [0, 251, "ten"]),
    (ON_GROUP, "system-leader-id", "Invalid system-leader-id", [UUID], ["1", 1]),
    (ON_GROUP, "system-leader-name", "Invalid system-leader-name", ["site-b"], ["7", "a/b", []]),
    (
        ON_ASSOCIATION,
        "peer_group_priority",
        "Invalid peer_group_priority",
        [1, "65536"],
        [0, 65537, True, "1e3", 2**64],
    ),
    (ON_SUBCLOUD_GROUP, "name", "Invalid group name", ["Sea & Co"], ["7", "a*", 1]),
    (ON_SUBCLOUD_GROUP, "description", "Invalid group description", ["d" * 254], ["d" * 255, "a\x00", 1]),
    (
        ON_SUBCLOUD_GROUP,
        "update_apply_type",
        "Invalid group update_apply_type",
        ["parallel", "serial"],
        ["both", 1],
    ),
    (
        ON_SUBCLOUD_GROUP,
        "max_parallel_subclouds",
        "Invalid group max_parallel_subclouds",
        [1, 501, 5000, "2", "5000"],
        [0, 5001, False],
    ),
    (
        ((AssociationPatch(), {}),),
        "sync_status",
        "Invalid sync_status",
        ["syncing", "in-sync", "out-of-sync", "failed", "unknown"],
        ["synced", "IN-SYNC", 1],
    ),
    (
        ((PeerGroupPatch(), {}),),
        "migration_status",
        "Invalid migration_status",
        ["migrating", "complete", "none", None],
        ["done", 1, [], True],
    ),
    (
        ((AssociationCreate(), ASSOCIATION),),
        "peer_group_id",
        "Invalid peer_group_id",
        ["5"],
        ["x", 2**63, True],
    ),
    (
        ((AssociationCreate(), ASSOCIATION),),
        "system_peer_id",
        "Invalid system_peer_id",
        [5],
        ["-5", 1.0, None],
    ),
]

TAKEN = [(s, {**b, k: v}) for where, k, _text, taken, _ in LIMITS for s, b in where for v in taken]
REFUSED = [(s, {**b, k: v}, text) for where, k, text, _, refused in LIMITS for s, b in where for v in refused]


@pytest.mark.parametrize(("schema", "values"), TAKEN)
def test_values_within_the_limits_are_taken(schema: RequestSchema, values: dict[str, Any]) -> None:
    assert load(schema, values)


@pytest.mark.parametrize(("schema", "values", "text"), REFUSED)
def test_values_beyond_the_limits_are_refused_with_their_text(
    schema: RequestSchema, values: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadRequest) as raised:
        load(schema, values)
    assert raised.value.message == text


def test_the_limits_of_the_heartbeat_interval_are_settings() -> None:
    lab = Settings(HEARTBEAT_INTERVAL_MIN=1, HEARTBEAT_INTERVAL_MAX=20)
    assert load(system_peers.patch_schema(lab), {"heartbeat_interval": 1}) == {"heartbeat_interval": 1}
    with pytest.raises(BadRequest, match="Invalid peer heartbeat_interval"):
        load(system_peers.create_schema(lab), {**PEER, "heartbeat_interval": 21})


def test_a_migration_status_of_none_and_null_both_clear() -> None:
    assert load(PeerGroupPatch(), {"migration_status": "none"}) == {"migration_status": None}
    assert load(PeerGroupPatch(), {"migration_status": None}) == {"migration_status": None}
    with pytest.raises(BadRequest, match="nothing to update"):
        load(PeerGroupPatch(), {"migration_status": ""})


def test_a_migration_status_is_no_matter_of_creating_a_group() -> None:
    assert "migration_status" not in load(PeerGroupCreate(), {**GROUP, "migration_status": "bogus"})
