"""What the leader of a group shows of a member, and what of it this site takes over. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dcapi.models import Subcloud
from dcapi.models.secret_values import (
    MaskedSecret,
    data_install,
    is_masked,
    is_secret,
    rehome_data,
    unmasked,
)
from dcapi.peers.payload import SubcloudPayload
from dcapi.sync.copy import RemoteSubcloud, same_value
from dcapi.sync.member import ADDRESS_KEY, GATEWAY_KEY, digest_of

LONGEST_TEXT = 255
PLAIN_VALUES = ("description", "location", "release")

# What each site keeps for itself: its own gateway, and the name, which follows the subcloud's.
OWN_KEYS = frozenset({GATEWAY_KEY, "name"})
# Fields of forms and passwords of running systems, which some sites keep among the values.
NO_VALUES = frozenset(
    {
        "secondary",
        "migrate",
        "region_name",
        "group_id",
        "peer_group",
        "release",
        "software_version",
        "description",
        "location",
        "bootstrap_values",
        "bootstrap_address",
        "install_values",
        "deploy_config",
        "management-state",
        "bmc_password",
        "sysadmin_password",
        "ansible_ssh_pass",
        "ansible_become_pass",
    }
)


@dataclass(frozen=True)
class Values:
    """All that travels of a member, with its secrets."""

    description: str
    location: str
    release: str
    saved_payload: dict[str, Any] = field(repr=False)
    install_values: dict[str, Any] | None = field(repr=False)


def values_here(row: Subcloud) -> Values:
    return Values(
        description=row.description or "",
        location=row.location or "",
        release=row.software_version,
        saved_payload=(rehome_data.read(row) or {}).get("saved_payload") or {},
        install_values=data_install.read(row),
    )


def write_values(row: Subcloud, values: Values) -> None:
    """Put values into a row, each only where it differs."""
    before = values_here(row)
    if values.saved_payload != before.saved_payload:
        rehome_data.write(row, {**(rehome_data.read(row) or {}), "saved_payload": values.saved_payload})
    if values.install_values != before.install_values:
        data_install.write(row, values.install_values)
    for column, name in (("description", "description"), ("location", "location")):
        if getattr(values, name) != getattr(before, name):
            setattr(row, column, getattr(values, name))
    if values.release != before.release:
        row.software_version = values.release


def taken_over(here: Values, copy: RemoteSubcloud) -> Values:
    """What this site has after it took the leader's values over.

    Kept are this site's gateway, secrets that the leader masks or leaves out, and whatever only looks
    different: addresses in another spelling, passwords that were encoded once more.
    """
    return Values(
        description=_text(here.description, copy.description),
        location=_text(here.location, copy.location),
        release=_text(here.release, copy.release) or here.release,
        saved_payload=_payload(here.saved_payload, copy.saved_payload),
        install_values=_install(here.install_values, copy.install_values),
    )


def differing_fields(here: Values, taken: Values) -> tuple[str, ...]:
    """The names of the fields in which the values differ, as an operator knows them."""
    found = [
        name for name in ("description", "location", "release") if getattr(here, name) != getattr(taken, name)
    ]
    if here.saved_payload.get(ADDRESS_KEY) != taken.saved_payload.get(ADDRESS_KEY):
        found.append("bootstrap address")
    if _without_address(here.saved_payload) != _without_address(taken.saved_payload):
        found.append("bootstrap values")
    if here.install_values != taken.install_values:
        found.append("install values")
    return tuple(found)


def digest_there(here: Values, copy: RemoteSubcloud) -> str:
    """The digest that the peer's copy would have had if it was pushed as it is now.

    Where it masks secrets, they count as those of this site.
    """
    saved = _unmasked(copy.saved_payload, here.saved_payload)
    return digest_of(
        SubcloudPayload(
            name=copy.name,
            region_name=copy.region_name,
            description=copy.description,
            location=copy.location,
            release=copy.release,
            bootstrap_values=_without_address(saved),
            bootstrap_address=saved.get(ADDRESS_KEY),
            install_values=_unmasked(copy.install_values, here.install_values),
        )
    )


def _without_address(payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != ADDRESS_KEY}


def _unmasked(value: Any, stored: Any) -> Any:
    try:
        return unmasked(value, stored)
    except MaskedSecret:
        return value


def _text(here: str, there: str) -> str:
    """A peer's text, unless this site would refuse it from an operator."""
    return there if len(there) <= LONGEST_TEXT and there.isprintable() else here


def _payload(here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    # What cannot be read must not empty what is here.
    if not there or not _storable(there):
        return here
    foreign = {key: value for key, value in there.items() if key not in OWN_KEYS | NO_VALUES}
    own = {key: value for key, value in here.items() if key in OWN_KEYS | NO_VALUES}
    merged = _merged({key: value for key, value in here.items() if key not in own}, foreign)
    return _as_ordered(here, {**merged, **own})


def _install(here: dict[str, Any] | None, there: dict[str, Any] | None) -> dict[str, Any] | None:
    # A member's install values are never taken away over the wire.
    if there is None or not _storable(there):
        return here
    return _merged(here or {}, there) or here


def _storable(value: Any) -> bool:
    """Whether a database takes the value: half a surrogate pair is no text."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, ValueError, RecursionError):
        return False
    return True


def _as_ordered(here: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    known = {key: merged[key] for key in here if key in merged}
    return {**known, **merged}


def _merged(here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """The peer's object, with what is here wherever that says the same."""
    kept = {key: value for key, value in here.items() if key not in there and is_secret(key, value)}
    taken = {
        key: _merged_value(key, here.get(key), value)
        for key, value in there.items()
        if key in here or not is_masked(value)
    }
    return _as_ordered(here, {**taken, **kept})


def _merged_value(key: str, here: Any, there: Any) -> Any:
    if isinstance(here, dict) and isinstance(there, dict):
        return _merged(here, there)
    if here is not None and same_value(key, there, here):
        return here
    try:
        return unmasked({key: there}, {key: here})[key]
    except MaskedSecret:
        return here
