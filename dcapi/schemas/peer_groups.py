"""Requests about subcloud peer groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcapi.models.states import Administrative, Migration
from dcapi.schemas.base import PatchSchema, RequestSchema
from dcapi.schemas.fields import Base64Text, Choice, Given, Name, Uuid, WholeNumber

# What a subcloud's PATCH says for "no group".
NO_GROUP = "none"
LOWEST_PRIORITY = 65536


class MigrationStatus(Choice):
    """How far a migration of the group is; ``none`` and null both clear it, and load as None."""

    def __init__(self, text: str) -> None:
        super().__init__(text, Migration, keeps_null=True)

    def checked(self, value: Any) -> Any:
        word = super().checked(value)
        return None if word == Migration.NONE else word


def _name(**options: Any) -> Name:
    return Name("Invalid peer-group-name", but_not=[NO_GROUP], data_key="peer-group-name", **options)


def _priority(**options: Any) -> WholeNumber:
    return WholeNumber("Invalid group-priority", 0, LOWEST_PRIORITY, data_key="group-priority", **options)


def _state(**options: Any) -> Choice:
    return Choice("Invalid group-state", Administrative, data_key="group-state", **options)


def _max_rehoming(**options: Any) -> WholeNumber:
    text = "Invalid max-subcloud-rehoming"
    return WholeNumber(text, 1, 250, data_key="max-subcloud-rehoming", **options)


def _leader_id() -> Uuid:
    return Uuid("Invalid system-leader-id", data_key="system-leader-id")


def _leader_name() -> Name:
    return Name("Invalid system-leader-name", data_key="system-leader-name")


class PeerGroupCreate(RequestSchema):
    """Who leads the group is this site unless given, which the schema does not know: the keys are absent."""

    peer_group_name = _name(required=True)
    group_priority = _priority(default=0)
    group_state = _state(default=Administrative.ENABLED.value)
    max_subcloud_rehoming = _max_rehoming(default=10)
    system_leader_id = _leader_id()
    system_leader_name = _leader_name()


class PeerGroupPatch(PatchSchema):
    peer_group_name = _name()
    group_priority = _priority()
    group_state = _state()
    max_subcloud_rehoming = _max_rehoming()
    system_leader_id = _leader_id()
    system_leader_name = _leader_name()
    migration_status = MigrationStatus("Invalid migration_status")


def _given(name: str) -> Given:
    return Given(f"{name} required", required=True, keeps_null=True)


class PeerGroupAudit(RequestSchema):
    """What a peer tells of its copy when it asks for an audit.

    Who asks must be a UUID. The rest has to be there, null too, and is no more than a hint: what is true is
    read from that peer.
    """

    peer_uuid = Uuid("Invalid peer_uuid", required=True, missing_text="peer_uuid required")
    peer_group_name = _given("peer_group_name")
    group_priority = _given("group_priority")
    group_state = _given("group_state")
    system_leader_id = _given("system_leader_id")
    system_leader_name = _given("system_leader_name")
    migration_status = _given("migration_status")

    @classmethod
    def missing_in(cls, body: Mapping[str, Any]) -> str | None:
        """The first key that a body lacks; what is said of it names the group, which no schema knows."""
        return next((name for name in cls().load_fields if name not in body), None)


class PeerGroupMigration(PatchSchema):
    """What a migration takes: the password of the subclouds' system administrator.

    It takes nothing else, and cannot do without; but what is said of that names the group, which no schema
    knows.
    """

    may_be_empty = True

    sysadmin_password = Base64Text(
        "Failed to decode subcloud sysadmin_password, verify the password is base64 encoded"
    )
