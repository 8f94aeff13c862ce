"""What is stored of a subcloud's bootstrap and install values, and when two of them say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.secret_values import (
    MaskedSecret,
    data_install,
    deploy_config,
    deploy_values,
    is_secret_key,
    rehome_data,
    unmasked,
)
from dcapi.services.subcloud_requests import NewSubcloud, SubcloudChange, Values
from dcapi.sync.member import ADDRESS_KEY, SAVED_PAYLOAD
from dcapi.sync.spelling import canonical

# Passwords of a running system: they never travel, so they are not kept either.
NEVER_STORED = frozenset({"sysadmin_password", "ansible_ssh_pass", "ansible_become_pass"})

BMC_PASSWORD = "bmc_password"  # noqa: S105 (a name, no password)

MASKED = "is masked, and no value is stored that the mask could stand for: the value itself is needed"
BOTH_NEEDED = (
    "The subcloud has no stored bootstrap values: both bootstrap_values and bootstrap_address are needed."
)
NO_INSTALL_VALUES = "The subcloud has no stored install values: install_values are needed with bmc_password."


def saved_payload(values: Mapping[str, Any], name: str, address: str | None) -> Values:
    """What another site needs to take a subcloud over: its bootstrap values and address."""
    kept = {key: value for key, value in values.items() if key not in NEVER_STORED and key != ADDRESS_KEY}
    payload = {**kept, "name": name}
    return payload if address is None else {**payload, ADDRESS_KEY: address}


def stored_payload(row: Subcloud) -> Values:
    """What a subcloud can be deployed with: its rehome data, or what it was deployed with; maybe empty."""
    stored: Values = rehome_data.read(row) or deploy_values.read(row) or {}
    return stored.get(SAVED_PAYLOAD) or {}


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


def with_secrets(what: str, values: Any, stored: Any) -> Any:
    """Values of a request with the stored secrets where it has masks; ``what`` names them in errors.

    Raises BadRequest when nothing is stored that a mask could stand for: a mask is never taken for a value.
    """
    try:
        return unmasked(values, stored)
    except MaskedSecret as error:
        raise BadRequest(f"Invalid {what}: {error.key!r} {MASKED}") from error


def write_change(row: Subcloud, change: SubcloudChange) -> bool:
    """Put changed values into a row; returns whether anything is different now.

    Raises BadRequest when the request completes nothing that is stored.
    """
    bootstrap_changed = _write_bootstrap(row, change)
    return _write_install(row, change) or bootstrap_changed


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
    values = given or {key: stored[key] for key in stored if key != ADDRESS_KEY}
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


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values say the same: addresses in whatever spelling, keys in whatever order."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same_under(key, left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) is isinstance(right, bool) and bool(canonical(left) == canonical(right))


def _same_under(key: str, left: Any, right: Any) -> bool:
    return bool(left == right) if is_secret_key(key) else same(left, right)
