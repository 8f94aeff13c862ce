"""What a peer's answers must look like: shapes as data, and the check that nothing else comes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from dcapi.models.base import LARGEST_ID
from dcapi.models.limits import LARGEST
from dcapi.peers.remote import Answer
from dcapi.peers.texts import told
from dcapi.peers.translate import Call


def _is_text(value: Any) -> bool:
    """Whether a value is a text that every database takes."""
    return isinstance(value, str) and "\0" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _is_small_number(value: Any) -> bool:
    """Whether a value is a number that a column of 32 bits takes."""
    return _is_number(value) and value <= LARGEST_ID


# The kinds of values, and what to call them.
KINDS = {
    "text": _is_text,
    "number": _is_number,
    "small number": _is_small_number,
    "object": lambda value: isinstance(value, dict),
}

# Key → kind; a kind that ends in "?" may be null, and the key may be missing: it is null then.
Shape = Mapping[str, str]

VERSION_DOCUMENT: Shape = {"version": "object"}
SYSTEM: Shape = {"uuid": "text"}
SYSTEM_PEER: Shape = {
    "id": "number",
    "peer-uuid": "text",
    "peer-name": "text",
    "availability-state": "text?",
    "administrative-state": "text?",
}
GROUP: Shape = {
    "id": "number",
    "peer_group_name": "text",
    "group_priority": "small number",
    "group_state": "text",
    "max_subcloud_rehoming": "small number",
    "system_leader_id": "text?",
    "system_leader_name": "text?",
    "migration_status": "text?",
}
ASSOCIATION: Shape = {
    "id": "number",
    "peer-group-id": "number",
    "system-peer-id": "number",
    "peer-group-priority": "small number?",
    "association-type": "text",
    "sync-status": "text",
    "sync-message": "text?",
}
SUBCLOUD: Shape = {
    "id": "number",
    "name": "text",
    "region-name": "text",
    "deploy-status": "text",
    "description": "text?",
    "location": "text?",
    "software-version": "text?",
    "management-state": "text?",
    "availability-status": "text?",
    "error-description": "text?",
    "systemcontroller-gateway-ip": "text?",
    "data_install": "text?",
    "rehome_data": "text?",
    "peer_group_id": "number?",
}


def one_of(response: requests.Response, shape: Shape, call: Call) -> Answer:
    """The object in an answer, its missing keys filled with None; raises PeerRefused for another shape."""
    return _checked(_document(response, call), shape, call, response.status_code)


def list_of(response: requests.Response, key: str, shape: Shape, call: Call) -> list[Answer]:
    """The list of objects under ``key`` of an answer; raises PeerRefused for another shape."""
    document, status = _document(response, call), response.status_code
    items = document.get(key) if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise call.senseless(f"a list of {key}", status)
    return [_checked(item, shape, call, status) for item in items]


def message_of(response: requests.Response, call: Call) -> str | None:
    """The message of an answer that holds nothing else, fit for a log; None when it is null."""
    message: str | None = one_of(response, {"message": "text?"}, call)["message"]
    return None if message is None else told(message, call.secrets)


def check_deleted(response: requests.Response, call: Call) -> None:
    """See that the answer to a deletion is one: JSON, usually null, or nothing; a page is some proxy's."""
    if response.content.strip():
        _document(response, call)


def _document(response: requests.Response, call: Call) -> Any:
    try:
        return orjson.loads(response.content)
    except ValueError:
        raise call.senseless("JSON", response.status_code) from None


def _checked(item: Any, shape: Shape, call: Call, status: int) -> Answer:
    if not isinstance(item, dict):
        raise call.senseless("an object", status)
    for key, kind in shape.items():
        value = item.setdefault(key, None)
        if value is None and kind.endswith("?"):
            continue
        if not KINDS[kind.rstrip("?")](value):
            raise call.senseless(f"a {kind.rstrip('?')} as {key}", status)
    return item
