"""How requests spell what answers show, and what answers hide."""

from __future__ import annotations

import json

from dcapi.models.secret_values import take_out
from dcapi.peers.remote import Answer

# Fields of a group in an answer, by their spelling in a request.
GROUP_FIELDS = {
    "peer-group-name": "peer_group_name",
    "group-priority": "group_priority",
    "group-state": "group_state",
    "max-subcloud-rehoming": "max_subcloud_rehoming",
    "system-leader-id": "system_leader_id",
    "system-leader-name": "system_leader_name",
    "migration_status": "migration_status",
}


def masked(text: str | None) -> str | None:
    """A JSON text without its secrets; one that cannot be read stays as it is."""
    try:
        return json.dumps(take_out(json.loads(text))[0]) if text else text
    except (ValueError, RecursionError):
        return text


def group_fields(values: Answer) -> Answer:
    """A request in the answer's spelling; null and "" mean not given, but for the migration status."""
    fields = {
        GROUP_FIELDS[key]: value
        for key, value in values.items()
        if key in GROUP_FIELDS and (key == "migration_status" or value not in (None, ""))
    }
    if fields.get("migration_status") == "none":
        fields["migration_status"] = None
    return fields
