"""The subclouds that the lab makes from its samples."""

from __future__ import annotations

import ipaddress
import itertools

import pytest

from dcapi.lab.gateways import GATEWAYS_B, gateway_there
from dcapi.lab.members import DUPLEX, DUPLEX_DUAL, MOST_MEMBERS, SIMPLEX, SIMPLEX_DUAL, member
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.network_values import Span, Values, subnets_of
from dcapi.services.inventory.networks import check_networks

SAMPLES = (SIMPLEX, DUPLEX, DUPLEX_DUAL, SIMPLEX_DUAL)
NUMBERS = [*range(150), 255, 256, 257, MOST_MEMBERS - 1]
SUBNETS = ("management_subnet", "admin_subnet", "external_oam_subnet")


class NothingTaken:
    """No other subcloud has a network."""

    def owner_of(self, _: Span) -> str | None:
        return None

    def has_subnet(self, _: Span) -> bool:
        return False


def networks_of(values: Values) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [network for key in SUBNETS if key in values for network in subnets_of(values, key)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_two_members_share_a_name_or_a_network(sample: str) -> None:
    members = [member(number, sample=sample) for number in NUMBERS]
    assert len({each.name for each in members}) == len(NUMBERS)
    networks = [network for each in members for network in networks_of(each.bootstrap_values)]
    for version in (4, 6):
        ordered = sorted(each for each in networks if each.version == version)
        assert not any(first.overlaps(second) for first, second in itertools.pairwise(ordered))


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("number", [0, 7, 300, MOST_MEMBERS - 1])
def test_every_member_keeps_the_rules_of_networks(sample: str, number: int) -> None:
    values = member(number, sample=sample).bootstrap_values
    check_required(values)
    check_networks(values, NothingTaken())


def test_address_of_a_member_is_the_primary_one_of_its_oam_network() -> None:
    dual = member(3, sample=DUPLEX_DUAL)
    assert dual.bootstrap_address == "10.128.3.20"
    assert dual.bootstrap_values["external_oam_floating_address"] == "10.128.3.20,2001:db8:3::20"


@pytest.mark.parametrize(
    ("sample", "gateway"),
    [
        (SIMPLEX, "10.33.0.1"),
        (DUPLEX, "fd21::1"),
        (DUPLEX_DUAL, "10.33.0.1,fd21::1"),
        (SIMPLEX_DUAL, "fd21::1,10.33.0.1"),
    ],
)
def test_gateway_at_the_other_site_is_of_the_members_versions(sample: str, gateway: str) -> None:
    assert gateway_there(member(0, sample=sample).bootstrap_values, GATEWAYS_B) == gateway


def test_dual_stack_member_makes_do_with_the_gateway_of_its_primary_version() -> None:
    values = member(0, sample=SIMPLEX_DUAL).bootstrap_values
    assert gateway_there(values, "fd21::1") == "fd21::1"
    with pytest.raises(KeyError):
        gateway_there(values, "10.33.0.1")


def test_install_values_lie_in_the_network_of_their_member() -> None:
    made = member(9, install=True)
    assert made.install_values is not None
    assert made.install_values["bootstrap_address"] == made.bootstrap_address
    assert {"install_values", "bmc_password"} <= made.creation().keys()


def test_a_member_without_install_values_sends_none() -> None:
    assert not {"install_values", "bmc_password"} & member(1).creation().keys()


def test_there_is_an_end_to_the_members() -> None:
    with pytest.raises(ValueError, match="is not one of"):
        member(MOST_MEMBERS)
