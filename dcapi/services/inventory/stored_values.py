"""What is stored of a subcloud's bootstrap and install values, and what a change makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.limits import LARGEST_VALUES, size_of
from dcapi.models.secret_values import (
    MaskedSecret,
    data_install,
    deploy_config,
    deploy_values,
    rehome_data,
    shown,
    unmasked,
)
from dcapi.models.taken_networks import TakenNetworks
from dcapi.services.inventory import networks
from dcapi.services.inventory.inputs import NewSubcloud, SubcloudChange, Values
from dcapi.services.inventory.member_request import CallerKind
from dcapi.sync.values.digest import same
from dcapi.sync.values.member import ADDRESS_KEY, SAVED_PAYLOAD

# Passwords of a running system: they never travel, so they are not kept either.
NEVER_STORED = frozenset({"sysadmin_password", "ansible_ssh_pass", "ansible_become_pass"})

# Attributes that a request sets as they are; each of them is something that a secondary gets.
TEXT_FIELDS = ("description", "location")

BMC_PASSWORD = "bmc_password"  # noqa: S105 (a name, no password)

MASKED = "is masked, but no stored value belongs to the mask: send the value itself"
BOTH_NEEDED = "The subcloud has no stored bootstrap values: send both bootstrap_values and bootstrap_address."
NO_INSTALL_VALUES = "The subcloud has no stored install values: send install_values with bmc_password."


def saved_payload(values: Mapping[str, Any], name: str, address: str | None) -> Values:
    """What another site needs to take a subcloud over: its bootstrap values and address.

    The name stands in the place of one in the values, which may have none.
    """
    kept = {key: value for key, value in values.items() if key not in NEVER_STORED and key != ADDRESS_KEY}
    payload = {**kept, "name": name} if kept.get("name") else kept
    return payload if address is None else {**payload, ADDRESS_KEY: address}


def stored_payload(row: Subcloud) -> Values:
    """What a subcloud can be deployed with: its rehome data, or what it was deployed with; maybe empty."""
    stored: Values = rehome_data.read(row) or deploy_values.read(row) or {}
    return stored.get(SAVED_PAYLOAD) or {}


def without_address(payload: Values) -> Values:
    """Stored values without the bootstrap address, which stands beside them while they are deployed."""
    return {key: value for key, value in payload.items() if key != ADDRESS_KEY}


def write_new(row: Subcloud, new: NewSubcloud) -> None:
    """Put the values of a new subcloud into its row; raises BadRequest for masks in place of secrets."""
    values = with_secrets("bootstrap_values", new.bootstrap_values, None)
    payload = saved_payload(values, new.name, new.bootstrap_address)
    if new.secondary:
        rehome_data.write(row, {SAVED_PAYLOAD: payload})
    else:
        deploy_values.write(row, {SAVED_PAYLOAD: payload})
        deploy_config.write(row, new.deploy_config)
    data_install.write(row, with_secrets("install_values", new.install_values, None))
    check_size(row)


def check_size(row: Subcloud) -> None:
    """Raises BadRequest when the values that were put into a row are too large together."""
    size = size_of(stored_payload(row), data_install.read(row), deploy_config.read(row))
    if size > LARGEST_VALUES:
        raise BadRequest(
            f"The values of subcloud {row.name} take {size} bytes: bootstrap_values, install_values and "
            f"deploy_config may take {LARGEST_VALUES} bytes together"
        )


def with_secrets(what: str, values: Any, stored: Any) -> Any:
    """Values of a request with the stored secrets where it has masks; ``what`` names them in errors.

    Raises BadRequest when nothing is stored that a mask could stand for: a mask is never taken for a value.
    """
    try:
        return unmasked(values, stored)
    except MaskedSecret as error:
        raise BadRequest(f"Invalid {what}: {error.key!r} {MASKED}") from error


def check_change(
    session: Session, row: Subcloud, change: SubcloudChange, caller: CallerKind, *, joins: bool
) -> None:
    """Judge what a locked subcloud would be rehomed with; raises BadRequest.

    That are the bootstrap values of the request, and of a subcloud that joins a group those stored if it has
    none: what could not deploy it takes the place of nothing that could.
    """
    given = change.bootstrap_values
    if caller is CallerKind.OPERATOR and given is not None:
        check_name(row, given, also=change.name)
    values = stored_payload(row) if given is None and joins else given
    if values is not None:
        check_required(values)
        taken = TakenNetworks(session, but=row)
        networks.check_networks(values, taken, in_full=caller is CallerKind.OPERATOR)


def check_name(row: Subcloud, values: Values, also: object = None) -> None:
    """Raises BadRequest for the values of another subcloud; ``also`` is a name that it is about to get."""
    name = values.get("name")
    if name not in (None, "", row.name, also):
        raise BadRequest(f"name invalid: the bootstrap values are of {shown(name)}, not of {row.name}")


def write_change(row: Subcloud, change: SubcloudChange) -> bool:
    """Put changed values into a row; returns whether anything is different now.

    Raises BadRequest when the request completes nothing that is stored, or more than is stored.
    """
    bootstrap_changed = _write_bootstrap(row, change)
    changed = _write_install(row, change) or bootstrap_changed
    if changed:
        check_size(row)
    return changed


def write_texts(row: Subcloud, given: NewSubcloud | SubcloudChange) -> bool:
    """Put the texts that are given into a row; returns whether one is different now."""
    texts = {name: getattr(given, name) for name in TEXT_FIELDS}
    news = {
        name: text for name, text in texts.items() if text is not None and text != (getattr(row, name) or "")
    }
    for name, text in news.items():
        setattr(row, name, text)
    return bool(news)


def _write_bootstrap(row: Subcloud, change: SubcloudChange) -> bool:
    if change.bootstrap_values is None and change.bootstrap_address is None:
        return False
    before = rehome_data.read(row)
    wanted = _complete_payload(row, (before or {}).get(SAVED_PAYLOAD), change)
    if before is not None and same(before.get(SAVED_PAYLOAD), wanted):
        return False
    rehome_data.write(row, {**(before or {}), SAVED_PAYLOAD: wanted})
    return True


def _complete_payload(row: Subcloud, saved: Values | None, change: SubcloudChange) -> Values:
    """The payload that the change leads to; what it leaves out comes from what is stored.

    A subcloud that was deployed from here has no rehome data yet: what it was deployed with stands in for it.
    """
    stored = saved or (deploy_values.read(row) or {}).get(SAVED_PAYLOAD) or {}
    given = with_secrets("bootstrap_values", change.bootstrap_values, stored)
    values = given or without_address(stored)
    address = change.bootstrap_address or stored.get(ADDRESS_KEY)
    if not values or address is None:
        raise BadRequest(BOTH_NEEDED)
    return saved_payload(values, row.name, address)


def _write_install(row: Subcloud, change: SubcloudChange) -> bool:
    if change.install_values is None and change.bmc_password is None:
        return False
    before = data_install.read(row)
    given = with_secrets("install_values", change.install_values, before)
    values = given if given is not None else before
    if values is None:
        raise BadRequest(NO_INSTALL_VALUES)
    wanted = values if change.bmc_password is None else {**values, BMC_PASSWORD: change.bmc_password}
    if same(before, wanted):
        return False
    data_install.write(row, wanted)
    return True
