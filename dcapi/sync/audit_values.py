"""What the leader of a group shows of a member, and what of it this site takes over. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.limits import RELEASE, TEXT_LENGTH, is_clean, is_storable
from dcapi.models.network_values import address_of, check_forms
from dcapi.models.secret_values import (
    MaskedSecret,
    data_install,
    is_masked,
    is_secret,
    rehome_data,
    unmasked,
)
from dcapi.sync.copy import RemoteSubcloud, same_value
from dcapi.sync.member import ADDRESS_KEY, GATEWAY_KEY, SAVED_PAYLOAD, saved_payload_of

TEXTS = ("description", "location", "release")
# All that travels, by the names that an operator knows.
FIELDS = (*TEXTS, "bootstrap address", "bootstrap values", "install values")

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
        saved_payload=saved_payload_of(row),
        install_values=data_install.read(row),
    )


def write_values(row: Subcloud, values: Values) -> None:
    """Put values into a row, each only where it differs."""
    before = values_here(row)
    if values.saved_payload != before.saved_payload:
        rehome_data.write(row, {**(rehome_data.read(row) or {}), SAVED_PAYLOAD: values.saved_payload})
    if values.install_values != before.install_values:
        data_install.write(row, values.install_values)
    for column, name in (("description", "description"), ("location", "location")):
        if getattr(values, name) != getattr(before, name):
            setattr(row, column, getattr(values, name))
    if values.release != before.release:
        row.software_version = values.release


def without_own(payload: dict[str, Any]) -> dict[str, Any]:
    """Of a payload, here or there, what may come over at all."""
    return {key: value for key, value in payload.items() if key not in OWN_KEYS | NO_VALUES}


def taken_over(here: Values, copy: RemoteSubcloud) -> Values:
    """What this site has after it took the leader's values over.

    Kept are this site's gateway, secrets that the leader masks or leaves out, and whatever only looks
    different: addresses in another spelling, passwords that were encoded once more.
    """
    texts = {name: text_there(copy, name) for name in TEXTS}
    return Values(
        **{name: getattr(here, name) if text is None else text for name, text in texts.items()},
        saved_payload=_payload(here.saved_payload, payload_there(copy)),
        install_values=_install(here.install_values, install_there(copy)),
    )


def differing_fields(here: Values, taken: Values) -> tuple[str, ...]:
    """The names of the fields in which the values differ, as an operator knows them."""
    found = [name for name in TEXTS if getattr(here, name) != getattr(taken, name)]
    if here.saved_payload.get(ADDRESS_KEY) != taken.saved_payload.get(ADDRESS_KEY):
        found.append("bootstrap address")
    if _without_address(here.saved_payload) != _without_address(taken.saved_payload):
        found.append("bootstrap values")
    if here.install_values != taken.install_values:
        found.append("install values")
    return tuple(found)


def _without_address(payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != ADDRESS_KEY}


# -- What the peer shows, None where there is nothing to take over --


def text_there(copy: RemoteSubcloud, name: str) -> str | None:
    text: str = getattr(copy, name)
    if name == "release":
        return text if RELEASE.fullmatch(text) else None
    return text if len(text) <= TEXT_LENGTH and is_clean(text) else None


def payload_there(copy: RemoteSubcloud) -> dict[str, Any] | None:
    """The saved values that may come over; none there must not empty what is here."""
    saved = without_own(copy.saved_payload)
    return saved if copy.saved_payload and is_storable(saved) and _is_payload(saved) else None


def _is_payload(saved: dict[str, Any]) -> bool:
    """Whether an operator could have written the addresses and subnets."""
    try:
        check_forms(saved)
        if ADDRESS_KEY in saved:
            address_of(saved, ADDRESS_KEY)
    except BadRequest:
        return False
    return True


def install_there(copy: RemoteSubcloud) -> dict[str, Any] | None:
    """The install values; a member's are never taken away over the wire."""
    return copy.install_values if is_storable(copy.install_values) else None


def unfit_fields(copy: RemoteSubcloud) -> Iterator[str]:
    """The fields whose values there could not be stored here: whatever they are, they do not come over."""
    for name in TEXTS:
        if getattr(copy, name) and text_there(copy, name) is None:
            yield name
    if "saved_payload" in copy.unreadable or (copy.saved_payload and payload_there(copy) is None):
        yield "bootstrap values"
    if "install_values" in copy.unreadable or (copy.install_values and install_there(copy) is None):
        yield "install values"


# -- Taking over --


def _payload(here: dict[str, Any], there: dict[str, Any] | None) -> dict[str, Any]:
    if there is None:
        return here
    mine = without_own(here)
    own = {key: value for key, value in here.items() if key not in mine}
    # Nobody can take the address away: without it the subcloud could not be taken over any more.
    address = {ADDRESS_KEY: here[ADDRESS_KEY]} if ADDRESS_KEY in here else {}
    return _as_ordered(here, {**address, **_merged(mine, there), **own})


def _install(here: dict[str, Any] | None, there: dict[str, Any] | None) -> dict[str, Any] | None:
    return here if there is None else _merged(here or {}, there) or here


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
    # A list that is new here with masks in it is no value.
    known = {key: one for key, one in taken.items() if key in here or one is not None or there[key] is None}
    return _as_ordered(here, {**known, **kept})


def _merged_value(key: str, here: Any, there: Any) -> Any:
    if isinstance(there, dict):
        return _merged(here if isinstance(here, dict) else {}, there)
    if here is not None and same_value(key, there, here):
        return here
    try:
        return unmasked({key: there}, {key: here})[key]
    except MaskedSecret:
        return here
