"""What another site's answers say, as types, and how a group is spelled in a request to it.

Nothing above this package knows a key of the wire.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcapi.models.limits import on_one_line, with_texts
from dcapi.models.states import Migration

# An answer, or a part of one, whose shape was checked.
Answer = dict[str, Any]

# Attribute of a group → its key in an answer, which is its column here as well.
GROUP_KEYS = {
    "name": "peer_group_name",
    "priority": "group_priority",
    "state": "group_state",
    "max_subcloud_rehoming": "max_subcloud_rehoming",
    "leader_id": "system_leader_id",
    "leader_name": "system_leader_name",
    "migration_status": "migration_status",
}
# As much of a version as is kept.
LONGEST_VERSION = 128
# What a copy gets from the site that leads.
COPIED = ("name", "priority", "state", "max_subcloud_rehoming", "leader_id", "leader_name")
# What is the same in every copy, whichever site has it.
SHARED = ("name", "state", "max_subcloud_rehoming")


@dataclass(frozen=True, kw_only=True)
class GroupValues:
    """A group as one site has it, this one or another."""

    name: str
    priority: int
    state: str
    max_subcloud_rehoming: int
    leader_id: str
    leader_name: str
    migration_status: str | None = None

    @property
    def is_primary(self) -> bool:
        return self.priority == 0

    @property
    def is_migrating(self) -> bool:
        return self.migration_status == Migration.MIGRATING

    def is_led_by(self, site_uuid: str) -> bool:
        """Whether a site is the leader; a UUID is the same in capitals."""
        return self.leader_id.lower() == site_uuid.lower()

    def missing_in(self, copy: GroupValues) -> dict[str, Any]:
        """What a copy would have to be sent to be equal, by attribute."""
        differing = {name for name in COPIED if getattr(self, name) != getattr(copy, name)}
        if copy.is_led_by(self.leader_id):
            differing.discard("leader_id")
        return {name: getattr(self, name) for name in COPIED if name in differing}

    def differing_keys(self, other: GroupValues) -> list[str]:
        """The shared attributes that differ, in the words that an operator knows."""
        return [GROUP_KEYS[name] for name in SHARED if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True, kw_only=True)
class RemoteGroup(GroupValues):
    """A subcloud peer group at another site."""

    id: int
    changed_at: str | None = None

    @property
    def version(self) -> str:
        """Tells one saying of the peer from the next: when the group had changed there, and who leads it."""
        return f"{self.changed_at} {self.leader_id}"[:LONGEST_VERSION]


@dataclass(frozen=True)
class RemoteAssociation:
    """An association at another site, of a group and a system peer there."""

    id: int
    group_id: int
    peer_id: int
    sync_status: str


@dataclass(frozen=True)
class RemoteSubcloud:
    """A subcloud at another site, as far as anybody here asks."""

    name: str
    region_name: str
    deploy_status: str
    peer_group_id: int | None
    description: str
    location: str
    release: str
    saved_payload: dict[str, Any] = field(repr=False)
    install_values: dict[str, Any] | None = field(repr=False)
    # Empty when the peer does not say.
    management_state: str = ""
    error_description: str = ""
    # Which values it has and nobody can read.
    unreadable: frozenset[str] = frozenset()


# -- Answers --


def remote_group(answer: Answer) -> RemoteGroup:
    values = {name: answer[key] for name, key in GROUP_KEYS.items()}
    values |= {name: values[name] or "" for name in ("leader_id", "leader_name")}
    changed_at = answer.get("updated-at")
    return RemoteGroup(id=answer["id"], changed_at=None if changed_at is None else str(changed_at), **values)


def remote_association(answer: Answer) -> RemoteAssociation:
    keys = ("id", "peer-group-id", "system-peer-id", "sync-status")
    return RemoteAssociation(*(answer[key] for key in keys))


def remote_subcloud(answer: Answer) -> RemoteSubcloud:
    """What cannot be read counts as not there, so it is sent again."""
    rehome, install = _value(answer.get("rehome_data")), _value(answer.get("data_install"))
    saved = rehome.get("saved_payload") if isinstance(rehome, dict) else rehome
    values = {"saved_payload": saved, "install_values": install}
    return RemoteSubcloud(
        name=answer["name"],
        region_name=answer["region-name"],
        deploy_status=answer["deploy-status"],
        peer_group_id=answer.get("peer_group_id"),
        description=on_one_line(answer.get("description") or ""),
        location=on_one_line(answer.get("location") or ""),
        release=answer.get("software-version") or "",
        saved_payload=with_texts(saved) if isinstance(saved, dict) else {},
        install_values=with_texts(install) if isinstance(install, dict) else None,
        management_state=answer.get("management-state") or "",
        error_description=answer.get("error-description") or "",
        unreadable=frozenset(name for name, one in values.items() if not isinstance(one, dict | None)),
    )


def _value(text: Any) -> Any:
    """The value that a JSON text says, None for none; a text that says nothing stays one."""
    try:
        return (json.loads(text) if isinstance(text, str) else text) if text else None
    except (ValueError, RecursionError):
        return text


# -- Requests --


def group_request(changes: Mapping[str, object]) -> Answer:
    """Attributes of a group as a request spells them: with hyphens, but for the migration status."""
    return {
        GROUP_KEYS[name] if name == "migration_status" else GROUP_KEYS[name].replace("_", "-"): value
        for name, value in changes.items()
    }


def creation_request(group: GroupValues) -> Answer:
    return group_request({name: getattr(group, name) for name in COPIED})


def audit_request(site_uuid: str, group_id: int, group: GroupValues) -> Answer:
    """What a site says of itself and its group when it asks another one to audit its own."""
    told = {key: getattr(group, name) for name, key in GROUP_KEYS.items()}
    return {"peer_uuid": site_uuid, "id": group_id} | told
