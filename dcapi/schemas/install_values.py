"""Install values: how the software comes onto the first node of a subcloud. Here is judged what they are.

Source: "Install values" in the wire contract. Whether they fit the rest of the subcloud is judged by
``dcapi.services.inventory.installation``.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from dcapi.errors import BadRequest
from dcapi.models.network_values import checked_subnet, is_given, parsed_address
from dcapi.models.secret_values import shown
from dcapi.schemas.base import RequestSchema, load
from dcapi.schemas.fields import Checked, Given, NamedAddress, PlainText, WholeNumber, whole_number

Values = dict[str, Any]

PASSWORD_KEY = "bmc_password"  # noqa: S105 (a name, no password)
PASSWORD_REQUIRED = "subcloud bmc_password required"  # noqa: S105 (a name, no password)
PERSISTENT_SIZE_MIN = 30000
LARGEST = 2**31 - 1

INTERFACE_KEY = "bootstrap_interface"
ANCHOR_KEY = "bootstrap_address"
# Addresses that must be of the IP version of that one.
SAME_VERSION_KEYS = ("bmc_address", "nexthop_gateway")
# What must stand beside a network address → what is said when it does not.
NETWORK_NEEDS = {
    "nexthop_gateway": "nexthop_gateway is required when network_address is present",
    "network_mask": "The network mask is required when network address is present",
}


def _missing(key: str) -> str:
    return f"Mandatory install value {key} not present"


class Amount(WholeNumber):
    """A whole number; null and the empty text are none, and no way to leave it out.

    ``text`` is said of what is none or too high, ``too_low`` of what is below; ``{v}`` in them is the value.
    """

    def __init__(
        self, text: str, lowest: int, highest: int = LARGEST, *, too_low: str = "", **options: Any
    ) -> None:
        super().__init__(text, lowest, highest, **options)
        self.too_low = too_low or text

    def make_error(self, key: str, **options: Any) -> ValidationError:
        return super().make_error(key, **options) if key == "required" else self.said_of(None)

    def checked(self, value: Any) -> int:
        number = whole_number(value)
        if number is None or number > self.highest:
            raise self.said_of(value)
        if number < self.lowest:
            raise self.said_of(value, self.too_low)
        return number

    def said_of(self, value: Any, text: str | None = None) -> ValidationError:
        return ValidationError((text or self.text).replace("{v}", shown(value)))


class Filled(Checked):
    """Any value, but for null and a text of nothing but blanks."""

    def checked(self, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise self.wrong()
        return value


class InstallValuesSchema(RequestSchema):
    """The values that are judged; all others are the installer's business."""

    bootstrap_interface = PlainText(
        "bootstrap_interface invalid: must be a text",
        shortest=1,
        required=True,
        missing_text=_missing("bootstrap_interface"),
    )
    bootstrap_address = NamedAddress(
        "bootstrap_address", required=True, missing_text=_missing("bootstrap_address")
    )
    bootstrap_address_prefix = WholeNumber(
        "bootstrap_address_prefix invalid: must be a whole number of bits",
        0,
        128,
        required=True,
        missing_text=_missing("bootstrap_address_prefix"),
    )
    install_type = Amount(
        "install_type invalid: {v}", 0, 5, required=True, missing_text=_missing("install_type")
    )
    bmc_address = NamedAddress("bmc_address", required=True, missing_text=_missing("bmc_address"))
    bmc_username = PlainText(
        "bmc_username invalid: must be a text",
        shortest=1,
        required=True,
        missing_text=_missing("bmc_username"),
    )
    persistent_size = Amount(
        "The install value persistent_size (in MB) must be a whole number greater than or equal to "
        f"{PERSISTENT_SIZE_MIN}",
        PERSISTENT_SIZE_MIN,
        too_low=f"persistent_size of {{v}} MB is less than {PERSISTENT_SIZE_MIN}",
    )
    hw_settle = Amount(
        "The install value hw_settle (in seconds) must be a whole number greater than or equal to 0",
        0,
        too_low="hw_settle of {v} seconds is less than 0",
    )
    nexthop_gateway = NamedAddress("nexthop_gateway")
    # These two make one subnet, which is judged as a whole.
    network_address = Given("network address invalid")
    network_mask = Given("network mask invalid")
    extra_boot_params = Filled("The install value extra_boot_params must not be empty.")
    ipv6dad_timeout = Amount(
        "rd.net.timeout.ipv6dad invalid: {v}",
        1,
        too_low="rd.net.timeout.ipv6dad must be greater than 0: {v}",
        data_key="rd.net.timeout.ipv6dad",
    )
    rvmc_debug_level = Amount("rvmc_debug_level must be an integer between 0 and 4.", 0, 4)

    def not_given(self, field: Checked, value: Any) -> bool:
        return value in (None, "") and (field.required or not isinstance(field, Amount | Filled))


def check_install_values(values: Values, bmc_password: str | None) -> Values:
    """The values of an operator with the password that came beside them; raises BadRequest.

    What stands in them stays as it was written: the installer reads it, not we.
    """
    _check_mandatory(values)
    if bmc_password is None:
        raise BadRequest(PASSWORD_REQUIRED)
    _check_values(values)
    return with_password(values, bmc_password)


def check_enrolment_values(values: Values, bmc_password: str | None, *, on_site: bool) -> Values:
    """The same for an enrolment, whose password may be stored; raises BadRequest.

    ``on_site``: nothing is installed through the BMC, and all but the interface can be left out.
    """
    if not on_site:
        _check_mandatory(values)
        _check_values(values)
    elif not is_given(values, INTERFACE_KEY):
        raise BadRequest(_missing(INTERFACE_KEY))
    return with_password(values, bmc_password)


def _check_values(values: Values) -> None:
    checked = load(InstallValuesSchema(), values)
    version = _version(checked[ANCHOR_KEY])
    if version == 4 and checked["bootstrap_address_prefix"] > 32:
        raise BadRequest("bootstrap_address_prefix invalid: longer than an address")
    for key in SAME_VERSION_KEYS:
        if key in checked and _version(checked[key]) != version:
            raise BadRequest(f"{key} and {ANCHOR_KEY} must be the same IP version")
    if "network_address" in checked:
        _check_network(checked, version)


def with_password(values: Values, bmc_password: str | None) -> Values:
    """The values as they are, with the password that came beside them, if one did."""
    return values if bmc_password is None else {**values, PASSWORD_KEY: bmc_password}


def _check_mandatory(values: Values) -> None:
    for name, field in InstallValuesSchema().load_fields.items():
        if field.required and not is_given(values, name):
            raise BadRequest(_missing(name))


def _check_network(checked: Values, version: int) -> None:
    """Judge the network of an installation, which may be left out as a whole."""
    for key, text in NETWORK_NEEDS.items():
        if key not in checked:
            raise BadRequest(text)
    network = f"{checked['network_address']}/{checked['network_mask']}"
    if checked_subnet("network address", network).version != version:
        raise BadRequest("network address and bootstrap address must be the same IP version")


def _version(text: str) -> int:
    address = parsed_address(text)
    assert address is not None, "the schema let nothing else through"
    return address.version
