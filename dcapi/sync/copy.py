"""The copy of a subcloud at a peer, and whether it shows what was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dcapi.models.secret_values import is_secret
from dcapi.models.states import Management
from dcapi.sync.digest import is_hidden
from dcapi.sync.member import ADDRESS_KEY, SAVED_PAYLOAD, Member
from dcapi.sync.spelling import canonical, spellings


@dataclass(frozen=True)
class RemoteSubcloud:
    """What a run needs to know of a subcloud at the peer."""

    name: str
    region_name: str
    deploy_status: str
    peer_group_id: int | None
    description: str
    location: str
    release: str
    saved_payload: dict[str, Any] = field(repr=False)
    install_values: dict[str, Any] | None = field(repr=False)
    management_state: str = Management.UNMANAGED
    error_description: str = ""
    # Which values it has and nobody can read.
    unreadable: frozenset[str] = frozenset()


def remote_subcloud(answer: dict[str, Any]) -> RemoteSubcloud:
    """Read the wire's form of a subcloud; what cannot be read counts as not there, so it is sent again."""
    rehome, install = _value(answer.get("rehome_data")), _value(answer.get("data_install"))
    saved = rehome.get(SAVED_PAYLOAD) if isinstance(rehome, dict) else rehome
    values = {"saved_payload": saved, "install_values": install}
    return RemoteSubcloud(
        name=str(answer["name"]),
        region_name=str(answer["region-name"]),
        deploy_status=str(answer["deploy-status"]),
        peer_group_id=answer.get("peer_group_id"),
        description=str(answer.get("description") or ""),
        location=str(answer.get("location") or ""),
        release=str(answer.get("software-version") or ""),
        saved_payload=saved if isinstance(saved, dict) else {},
        install_values=install if isinstance(install, dict) else None,
        management_state=str(answer.get("management-state") or Management.UNMANAGED),
        error_description=str(answer.get("error-description") or ""),
        unreadable=frozenset(name for name, one in values.items() if not isinstance(one, dict | None)),
    )


def _value(text: Any) -> Any:
    """The value that a JSON text says, None for none; a text that says nothing stays one."""
    try:
        return (json.loads(text) if isinstance(text, str) else text) if text else None
    except (ValueError, RecursionError):
        return text


def shows(copy: RemoteSubcloud, member: Member) -> bool:
    """Whether a copy has every value that would be sent; it may hold more keys than that."""
    sent = member.payload
    plain = (sent.description, sent.location, sent.release)
    if plain != (copy.description, copy.location, copy.release):
        return False
    wanted = {**(sent.bootstrap_values or {}), ADDRESS_KEY: sent.bootstrap_address}
    return _holds(copy.saved_payload, wanted) and _shows_install(copy, sent.install_values)


def _shows_install(copy: RemoteSubcloud, wanted: dict[str, Any] | None) -> bool:
    # Install values cannot be taken back over the wire: a member without any leaves the copy's alone.
    return wanted is None or _holds(copy.install_values or {}, wanted)


def _holds(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(same_value(key, there.get(key), value) for key, value in wanted.items())


def same_value(key: str, there: Any, wanted: Any) -> bool:
    """Whether a peer shows a value under ``key`` as it was sent; its objects may hold more keys."""
    if is_secret(key, wanted):
        return _equal_secret(key, there, wanted)
    if isinstance(wanted, dict):
        return isinstance(there, dict) and _holds(there, wanted)
    if isinstance(wanted, list):
        return isinstance(there, list) and _equal_lists(there, wanted)
    return bool(canonical(there) == canonical(wanted))


def _equal_lists(there: list[Any], wanted: list[Any]) -> bool:
    if len(there) != len(wanted):
        return False
    return all(same_value("", left, right) for left, right in zip(there, wanted, strict=True))


def _equal_secret(key: str, there: Any, wanted: Any) -> bool:
    # Whether a secret that the peer hides has changed is for the digest to tell.
    return is_hidden(there) or wanted in spellings(key, there)
