"""What the description allows for a field is what the field takes."""

from __future__ import annotations

import re

import pytest

from dcapi.api.description.fields import KINDS, TWO_ADDRESSES
from dcapi.schemas import fields
from dcapi.schemas.system_peers import create_schema
from dcapi.settings import Settings

IPV6 = (
    "::",
    "::1",
    "fd00::",
    "fd00::1",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "1::3:4:5:6:7:8",
)
NO_IPV6 = ("", ":", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "fd00::12345", "fd00::1%eth0", "g::1")


@pytest.mark.parametrize("address", IPV6)
def test_two_addresses_are_described_in_either_order(address: str) -> None:
    field = fields.IpAddresses("wrong")
    for text in (f"10.0.0.1,{address}", f"{address} , 10.0.0.1"):
        assert re.search(TWO_ADDRESSES, text)
        assert field.checked(text)


@pytest.mark.parametrize("address", [*NO_IPV6, "10.0.0.2", "fd00::1,10.0.0.2"])
def test_what_is_no_pair_of_addresses_is_not_described(address: str) -> None:
    assert not re.search(TWO_ADDRESSES, f"10.0.0.1,{address}")
    assert not re.search(TWO_ADDRESSES, f"{address},256.0.0.1")


def test_every_field_of_a_system_peer_is_described() -> None:
    described = {type(field) for field in create_schema(Settings()).fields.values()}
    assert described <= KINDS.keys()
