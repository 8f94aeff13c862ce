"""Install values beside the rest of a subcloud: whether they fit it, and what they say of it.

Source: "Install values" in the wire contract. What they are by themselves is judged before, by their schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models.network_values import network_of, parsed_address
from dcapi.models.secret_values import shown

Values = dict[str, Any]

# What stored values must hold to be installed.
NEEDED_KEYS = (
    "bootstrap_interface",
    "bootstrap_address",
    "bootstrap_address_prefix",
    "install_type",
    "bmc_address",
    "bmc_username",
    "bmc_password",
)
RELEASE_KEY = "software_version"
OAM_SUBNET = "external_oam_subnet"

OTHER_OAM_VERSION = "bmc_address and primary OAM network must be the same IP version"


def fitted(install: Values, bootstrap_values: Mapping[str, Any], release: str) -> Values:
    """Checked install values of a request, with the release that they install.

    ``bootstrap_values`` are those of the subcloud, empty when there are none, ``release`` its release once
    they count. Raises BadRequest when they do not fit.
    """
    oam_version = _primary_oam_version(bootstrap_values)
    bmc = parsed_address(install.get("bmc_address"))
    if bmc is not None and oam_version is not None and bmc.version != oam_version:
        raise BadRequest(OTHER_OAM_VERSION)
    theirs = install.get(RELEASE_KEY)
    if theirs not in (None, "") and str(theirs) != release:
        raise BadRequest(
            f"The software_version value {shown(theirs)} in the install values yaml file does not match with "
            f"the specified/current software version of {release}. Please correct or remove this parameter "
            "from the yaml file and try again."
        )
    return of_release(install, release)


def of_release(install: Values, release: str) -> Values:
    """Install values that install this release."""
    return {**install, RELEASE_KEY: release}


def _primary_oam_version(bootstrap_values: Mapping[str, Any]) -> int | None:
    """The IP version of the OAM network, of two that of the first; None when there is none to be read."""
    first = str(bootstrap_values.get(OAM_SUBNET)).split(",")[0].strip()
    try:
        return network_of(first).version
    except ValueError:
        return None
