"""Install values beside the rest of a subcloud, and the address at which it is deployed."""

from __future__ import annotations

from typing import Any

import pytest

from dcapi.errors import BadRequest
from dcapi.services.inventory.installation import fitted
from dcapi.sync.values.member import bootstrap_address
from tests.subcloud_forms import bootstrap_values, install_values

RELEASE = "24.09"
OTHER_OAM = "bmc_address and primary OAM network must be the same IP version"


@pytest.mark.parametrize(
    ("subnet", "bmc", "fits"),
    [
        ("10.71.9.0/24", "10.72.0.20", True),
        ("10.71.9.0/24", "fd72::20", False),
        ("fd71::/64", "fd72::20", True),
        ("fd71::/64", "10.72.0.20", False),
        # Of two, the first one is the primary.
        ("10.71.9.0/24,fd71::/64", "10.72.0.20", True),
        ("10.71.9.0/24,fd71::/64", "fd72::20", False),
        (" fd71::/64 , 10.71.9.0/24", "fd72::20", True),
        # What was stored is nobody's fault here.
        (None, "fd72::20", True),
        ("no subnet", "fd72::20", True),
        (7, "fd72::20", True),
    ],
)
def test_the_bmc_is_of_the_ip_version_of_the_primary_oam_network(subnet: Any, bmc: str, fits: bool) -> None:
    install, values = install_values(bmc_address=bmc), bootstrap_values(external_oam_subnet=subnet)
    if fits:
        assert fitted(install, values, RELEASE)["bmc_address"] == bmc
        return
    with pytest.raises(BadRequest, match=rf"^{OTHER_OAM}$"):
        fitted(install, values, RELEASE)


@pytest.mark.parametrize("version", [None, "", RELEASE, 24.09])
def test_the_release_that_is_installed_stands_in_the_values(version: Any) -> None:
    install = {**install_values(), "software_version": version}
    assert fitted(install, {}, RELEASE) == {**install_values(), "software_version": RELEASE}
    assert fitted(install_values(), {}, RELEASE) == {**install_values(), "software_version": RELEASE}


@pytest.mark.parametrize("version", ["24.9", "25.09", 24.1, True, ["24.09"]])
def test_another_release_in_the_values_is_refused(version: Any) -> None:
    with pytest.raises(BadRequest) as refusal:
        fitted(install_values(software_version=version), {}, RELEASE)
    assert refusal.value.message == (
        f"The software_version value {version} in the install values yaml file does not match with the "
        "specified/current software version of 24.09. Please correct or remove this parameter from the yaml "
        "file and try again."
    )


ASKED, INSTALL_ASKED, SAVED, INSTALL = (f"10.71.9.{number}" for number in (1, 2, 3, 4))


@pytest.mark.parametrize("nothing", [None, "", "quay", ["10.71.9.9"]])
def test_the_address_of_a_deployment_is_the_first_there_is_of(nothing: Any) -> None:
    places = [ASKED, INSTALL_ASKED, SAVED, INSTALL]
    for index, expected in enumerate([*places, None]):
        asked, install_asked, saved, install = [nothing] * index + places[index:]
        found = bootstrap_address(
            {"bootstrap-address": saved},
            {"bootstrap_address": install},
            asked=asked,
            install_asked={"bootstrap_address": install_asked},
        )
        assert found == expected


def test_a_takeover_goes_by_what_is_stored() -> None:
    assert bootstrap_address({"bootstrap-address": SAVED}, {"bootstrap_address": INSTALL}) == SAVED
    assert bootstrap_address({}, {"bootstrap_address": INSTALL}) == INSTALL
    assert bootstrap_address({}, None) is None
