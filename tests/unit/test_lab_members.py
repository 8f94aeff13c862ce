"""The subclouds that the lab makes from its samples."""

from __future__ import annotations

import ipaddress
import itertools

import pytest

from dcapi.lab.members import DUPLEX, MOST_MEMBERS, SIMPLEX, member

NUMBERS = [*range(150), 255, 256, 257, MOST_MEMBERS - 1]
SUBNETS = ("management_subnet", "admin_subnet", "external_oam_subnet")


@pytest.mark.parametrize("sample", [SIMPLEX, DUPLEX])
def test_no_two_members_share_a_name_or_a_network(sample: str) -> None:
    members = [member(number, sample=sample) for number in NUMBERS]
    assert len({each.name for each in members}) == len(NUMBERS)
    networks = sorted(
        ipaddress.ip_network(each.bootstrap_values[key])
        for each in members
        for key in SUBNETS
        if key in each.bootstrap_values
    )
    assert not any(first.overlaps(second) for first, second in itertools.pairwise(networks))


@pytest.mark.parametrize("sample", [SIMPLEX, DUPLEX])
@pytest.mark.parametrize("number", [0, 7, 300])
def test_the_addresses_of_a_network_move_with_it(sample: str, number: int) -> None:
    values = member(number, sample=sample).bootstrap_values
    for key in SUBNETS:
        if key in values:
            kind = key.removesuffix("subnet")
            network = ipaddress.ip_network(values[key])
            addresses = [
                values[each] for each in values if each.startswith(kind) and each.endswith("_address")
            ]
            assert len(addresses) >= 2
            assert all(ipaddress.ip_address(address) in network for address in addresses)


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
