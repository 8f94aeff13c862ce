"""Install values: how the software comes onto the first node of a subcloud.

Source: "Install values" in the wire contract.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from marshmallow import ValidationError

from dcapi.errors import BadRequest
from dcapi.models.secret_values import take_out
from dcapi.schemas.base import RequestSchema, load
from dcapi.schemas.fields import Checked, PlainText, WholeNumber, whole_number

Values = dict[str, Any]

PASSWORD_KEY = "bmc_password"  # noqa: S105 (a name, no password)
PASSWORD_REQUIRED = "subcloud bmc_password required"  # noqa: S105 (a name, no password)
PERSISTENT_SIZE_MIN = 30000
LARGEST = 2**31 - 1

# Addresses that must be of the IP version of the first one.
ANCHOR_KEY = "bootstrap_address"
ADDRESS_KEYS = ("bmc_address", "nexthop_gateway", "network_address")


def _missing(key: str) -> str:
    return f"Mandatory install value {key} not present"


class HostAddress(Checked):
    """An IP address, kept as it was written."""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or _version(value) is None:
            raise self.wrong()
        return value


class AtLeast(Checked):
    """A whole number from ``lowest`` up."""

    def __init__(self, text: str, lowest: int, **options: Any) -> None:
        super().__init__(text, **options)
        self.lowest = lowest

    def checked(self, value: Any) -> int:
        number = whole_number(value)
        if number is None or not self.lowest <= number <= LARGEST:
            raise ValidationError(f"{self.text}: {take_out(value)[0]!r}"[:200])
        return number


class InstallValuesSchema(RequestSchema):
    """The values that are checked; all others are the installer's business."""

    bootstrap_interface = PlainText(
        "bootstrap_interface invalid: must be a text",
        shortest=1,
        required=True,
        missing_text=_missing("bootstrap_interface"),
    )
    bootstrap_address = HostAddress(
        "bootstrap_address invalid: Invalid address - not a valid IP address",
        required=True,
        missing_text=_missing("bootstrap_address"),
    )
    bootstrap_address_prefix = WholeNumber(
        "bootstrap_address_prefix invalid: must be a whole number of bits",
        0,
        128,
        required=True,
        missing_text=_missing("bootstrap_address_prefix"),
    )
    install_type = WholeNumber(
        "install_type invalid: must be a whole number from 0 to 5",
        0,
        5,
        required=True,
        missing_text=_missing("install_type"),
    )
    bmc_address = HostAddress(
        "bmc_address invalid: Invalid address - not a valid IP address",
        required=True,
        missing_text=_missing("bmc_address"),
    )
    bmc_username = PlainText(
        "bmc_username invalid: must be a text",
        shortest=1,
        required=True,
        missing_text=_missing("bmc_username"),
    )
    nexthop_gateway = HostAddress("nexthop_gateway invalid: Invalid address - not a valid IP address")
    network_address = HostAddress("network_address invalid: Invalid address - not a valid IP address")
    persistent_size = AtLeast(
        f"persistent_size invalid: must be a whole number of MB of at least {PERSISTENT_SIZE_MIN}",
        PERSISTENT_SIZE_MIN,
    )
    hw_settle = AtLeast("hw_settle invalid: must be a whole number of seconds of at least 0", 0)


def check_install_values(values: Values, bmc_password: str | None) -> Values:
    """The values of an operator with the password that came beside them; raises BadRequest.

    What stands in them stays as it was written: the installer reads it, not we.
    """
    checked = load(InstallValuesSchema(), {key: value for key, value in values.items() if value != ""})
    version = _version(checked[ANCHOR_KEY])
    for key in ADDRESS_KEYS:
        if key in checked and _version(checked[key]) != version:
            raise BadRequest(f"{key} and {ANCHOR_KEY} must be of the same IP version")
    if version == 4 and checked["bootstrap_address_prefix"] > 32:
        raise BadRequest("bootstrap_address_prefix invalid: longer than an address")
    if bmc_password is None:
        raise BadRequest(PASSWORD_REQUIRED)
    return with_password(values, bmc_password)


def with_password(values: Values, bmc_password: str | None) -> Values:
    """The values as they are, with the password that came beside them, if one did."""
    return values if bmc_password is None else {**values, PASSWORD_KEY: bmc_password}


def _version(text: str) -> int | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text).version
    except ValueError:
        return None
