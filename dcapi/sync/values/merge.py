"""What the leader of a group shows of a member, who changed it, and what this site takes over. Pure.

What was pushed is known by its outlines (``dcapi/sync/values/digest.py``). What the leader has beside that,
hides or writes in another way is no change there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import Networks, check_form
from dcapi.models.limits import (
    LARGEST_VALUES,
    RELEASE,
    TEXT_LENGTH,
    is_clean,
    is_storable,
    on_one_line,
    size_of,
)
from dcapi.models.network_values import parsed_address
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.models.shown_span import show
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.compare import Place
from dcapi.sync.values.digest import hash_of, same
from dcapi.sync.values.member import (
    ADDRESS_KEY,
    GATEWAY_KEY,
    SAVED_PAYLOAD,
    install_values_of,
    saved_payload_of,
)

# What was pushed: the outline of each field of a digest.
Sent = dict[str, Any]
Object = dict[str, Any]

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
        description=on_one_line(row.description or ""),
        location=on_one_line(row.location or ""),
        release=row.software_version,
        saved_payload=saved_payload_of(row),
        install_values=install_values_of(row),
    )


def write_values(session: Session, row: Subcloud, values: Values) -> None:
    """Put values into a row, each only where it differs."""
    before = values_here(row)
    if not same(values.saved_payload, before.saved_payload):
        rehome_data.write(row, {**(rehome_data.read(row) or {}), SAVED_PAYLOAD: values.saved_payload})
        show(session, row, values.saved_payload)
    if not same(values.install_values, before.install_values):
        data_install.write(row, values.install_values)
    for column, name in (("description", "description"), ("location", "location")):
        if getattr(values, name) != getattr(before, name):
            setattr(row, column, getattr(values, name))
    if values.release != before.release:
        row.software_version = values.release


def without_own(payload: dict[str, Any]) -> dict[str, Any]:
    """Of a payload, here or there, what may come over at all."""
    return {key: value for key, value in payload.items() if key not in OWN_KEYS | NO_VALUES}


def taken_over(here: Values, copy: RemoteSubcloud, *, max_length: int) -> Values:
    """What this site has after it took the leader's values over.

    Kept are this site's gateway, secrets that the leader masks or leaves out, and whatever only looks
    different: addresses in another spelling, passwords that were encoded once more. ``max_length`` bounds
    the texts of bootstrap and of install values.
    """
    texts = {name: text_there(copy, name) for name in TEXTS}
    return Values(
        **{name: getattr(here, name) if text is None else text for name, text in texts.items()},
        saved_payload=_payload(here.saved_payload, payload_there(copy, max_length=max_length)),
        install_values=_install(here.install_values, install_there(copy, max_length=max_length)),
    )


def differing_fields(here: Values, taken: Values) -> tuple[str, ...]:
    """The names of the fields in which the values differ, as an operator knows them."""
    found = [name for name in TEXTS if getattr(here, name) != getattr(taken, name)]
    left, right = ({ADDRESS_KEY: None, **one.saved_payload} for one in (here, taken))
    if not same(left.pop(ADDRESS_KEY), right.pop(ADDRESS_KEY)):
        found.append("bootstrap address")
    if not same(left, right):
        found.append("bootstrap values")
    if not same(here.install_values, taken.install_values):
        found.append("install values")
    return tuple(found)


# -- What the peer shows, None where there is nothing to take over --


def text_there(copy: RemoteSubcloud, name: str) -> str | None:
    text: str = getattr(copy, name)
    if name == "release":
        return text if RELEASE.fullmatch(text) else None
    return text if len(text) <= TEXT_LENGTH and is_clean(text) else None


def payload_there(copy: RemoteSubcloud, *, max_length: int) -> dict[str, Any] | None:
    """The saved values that may come over; none there must not empty what is here."""
    saved = without_own(copy.saved_payload)
    fits = copy.saved_payload and is_storable(saved, max_length=max_length) and _is_payload(saved)
    return saved if fits and _fits_together(copy, max_length) else None


def _fits_together(copy: RemoteSubcloud, max_length: int) -> bool:
    """Whether all values that could be stored each for itself are not too large for one subcloud."""
    values = (copy.saved_payload, copy.install_values)
    storable = [value for value in values if is_storable(value, max_length=max_length)]
    return size_of(*storable) <= LARGEST_VALUES


def _is_payload(saved: dict[str, Any]) -> bool:
    """Whether an operator could have written the addresses and subnets."""
    try:
        check_form(Networks(saved))
    except BadRequest:
        return False
    return ADDRESS_KEY not in saved or parsed_address(saved[ADDRESS_KEY]) is not None


def install_there(copy: RemoteSubcloud, *, max_length: int) -> dict[str, Any] | None:
    """The install values; a member's are never taken away over the wire."""
    fits = is_storable(copy.install_values, max_length=max_length) and _fits_together(copy, max_length)
    return copy.install_values if fits else None


def unfit_fields(copy: RemoteSubcloud, *, max_length: int) -> Iterator[str]:
    """The fields whose values there could not be stored here: whatever they are, they do not come over."""
    for name in TEXTS:
        if getattr(copy, name) and text_there(copy, name) is None:
            yield name
    saved, install = payload_there(copy, max_length=max_length), install_there(copy, max_length=max_length)
    if "saved_payload" in copy.unreadable or (copy.saved_payload and saved is None):
        yield "bootstrap values"
    if "install_values" in copy.unreadable or (copy.install_values and install is None):
        yield "install values"


# -- Taking over --


def _payload(here: Object, there: Object | None) -> Object:
    if there is None:
        return here
    mine = without_own(here)
    # Nobody can take the address away: without it the subcloud could not be taken over any more.
    kept = {key: value for key, value in here.items() if key == ADDRESS_KEY or key not in mine}
    return dict(Place("", here, None, {**kept, **there}).merged())


def _install(here: Object | None, there: Object | None) -> Object | None:
    return here if there is None else dict(Place("", here, None, there).merged()) or here


def with_additions(here: Values, taken: Values, pushed: Sent) -> Values:
    """This site's values with what the leader has beside those that were pushed."""
    saved = Place("", here.saved_payload, pushed["saved_payload"], taken.saved_payload)
    install = Place("", here.install_values or {}, pushed["install_values"], taken.install_values or {})
    return replace(
        here,
        saved_payload=saved.with_additions(),
        install_values=install.with_additions() or here.install_values,
    )


# -- Who changed it since it was pushed --


def changed_there(here: Values, copy: RemoteSubcloud, pushed: Sent, *, max_length: int) -> bool:
    """Whether the leader has something else than was pushed to it, or than was added here meanwhile."""
    texts = {"name": copy.name, **{name: text_there(copy, name) for name in TEXTS}}
    if any(text is not None and hash_of(text) != pushed[name] for name, text in texts.items()):
        return True
    saved, install = payload_there(copy, max_length=max_length), install_there(copy, max_length=max_length)
    places = (
        Place("", without_own(here.saved_payload), without_own(pushed["saved_payload"]), saved),
        Place("", here.install_values, pushed["install_values"], install),
    )
    return not all(place.there is None or place.is_as_sent() for place in places)


def unsynced_fields(values: Values, copy: RemoteSubcloud, pushed: Sent) -> Iterator[str]:
    """The fields in which this site has what is not known to be there: neither pushed nor shown."""
    for name in TEXTS:
        value = getattr(values, name)
        if hash_of(value) != pushed.get(name) and value != getattr(copy, name):
            yield name
    saved = Place("", values.saved_payload, pushed.get("saved_payload"), copy.saved_payload)
    for place in saved.inside(values.saved_payload):
        if place.is_here and place.key not in OWN_KEYS and not place.has_arrived():
            yield "bootstrap address" if place.key == ADDRESS_KEY else "bootstrap values"
    install = Place("", values.install_values, pushed.get("install_values"), copy.install_values)
    if values.install_values and not install.has_arrived():
        yield "install values"
