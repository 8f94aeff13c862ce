"""Subclouds for the lab: any number of distinct ones, made from the samples beside this file.

A sample's networks are moved by the member's number, so that no two members overlap: an IPv4 network by as
many times its own size, an IPv6 one in its third group. The addresses of a network move with it. Of a value
with two networks or addresses, one of each IP version, both move.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dcapi.lab.gateways import primary_address
from dcapi.lab.operator import base64_text

SAMPLES = Path(__file__).parent / "samples"

SIMPLEX = "simplex-ipv4"
DUPLEX = "duplex-ipv6"
# Both IP versions: IPv4 first, and IPv6 first.
DUPLEX_DUAL = "duplex-dual"
SIMPLEX_DUAL = "simplex-dual"
INSTALL = "install-ipv4"

# Where the bootstrap address of a member lies, for each kind of sample.
OAM_ADDRESS = "external_oam_floating_address"

# Keys whose value moves with the member's number. The gateway of the system controller is common to all.
NETWORK_KEYS = ("management_", "admin_", "external_oam_")
NETWORK_KEY_ENDS = ("_subnet", "_address")

# An address at the beginning of a value, or behind a comma.
ADDRESS = re.compile(r"(?<![^, ])[0-9a-f:.]+")

# How far apart the networks of two members are: a /24, and one step in the third group of an IPv6 address.
IPV4_STEP = 2**8
IPV6_STEP = 2 ** (128 - 48)
# Members that the samples' address ranges have room for.
MOST_MEMBERS = 10_000

SYSADMIN_PASSWORD = "Lamp*lighter6"  # noqa: S105 (of imaginary machines)
BMC_PASSWORD = "Harbour*master2"  # noqa: S105 (of imaginary machines)

Values = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """A subcloud as an operator has it at hand before it is added."""

    name: str
    bootstrap_values: Values = field(repr=False)
    bootstrap_address: str
    install_values: Values | None = field(default=None, repr=False)

    def creation(self) -> Values:
        """The parts of the POST that adds and deploys it."""
        parts: Values = {
            "bootstrap_values": self.bootstrap_values,
            "bootstrap-address": self.bootstrap_address,
            "sysadmin_password": base64_text(SYSADMIN_PASSWORD),
        }
        if self.install_values is not None:
            parts |= {"install_values": self.install_values, "bmc_password": base64_text(BMC_PASSWORD)}
        return parts

    def phased_creation(self) -> Values:
        """The parts of the POST that creates it, and deploys nothing."""
        return {name: part for name, part in self.creation().items() if name != "sysadmin_password"}

    def for_phase(self) -> Values:
        """The parts of a PATCH that begins a phase with what is stored."""
        return {"sysadmin_password": base64_text(SYSADMIN_PASSWORD)}

    def joining(self, group: object) -> Values:
        """The parts of the PATCH that makes it a member of a peer group."""
        return {
            "peer_group": group,
            "bootstrap_values": self.bootstrap_values,
            "bootstrap_address": self.bootstrap_address,
        }


def member(number: int, name: str | None = None, sample: str = SIMPLEX, *, install: bool = False) -> Member:
    """The member with this number (from 0); raises ValueError above what the samples have room for."""
    if not 0 <= number < MOST_MEMBERS:
        raise ValueError(f"member {number} is not one of {MOST_MEMBERS}")
    values = _moved(_sample(sample), number)
    values["name"] = name or f"{values['name']}-{number}"
    return Member(
        name=values["name"],
        bootstrap_values=values,
        bootstrap_address=primary_address(values[OAM_ADDRESS]),
        install_values=_install_values(number) if install else None,
    )


def _install_values(number: int) -> Values:
    values = dict(_sample(INSTALL))
    for key in ("bootstrap_address", "bmc_address", "nexthop_gateway", "network_address"):
        values[key] = _moved_value(values[key], number)
    return values


def _moved(values: Mapping[str, Any], number: int) -> Values:
    return {
        key: _moved_value(value, number) if is_of_network(key) else value for key, value in values.items()
    }


def is_of_network(key: str) -> bool:
    """Whether a bootstrap value is a subnet or an address of the subcloud's own networks."""
    return key.startswith(NETWORK_KEYS) and key.endswith(NETWORK_KEY_ENDS)


def _moved_value(text: str, number: int) -> str:
    """One network or address, or two, with the blanks and prefix lengths that they have."""
    return ADDRESS.sub(lambda found: _moved_address(found[0], number), text)


def _moved_address(text: str, number: int) -> str:
    address = ipaddress.ip_address(text)
    return str(address + number * (IPV4_STEP if address.version == 4 else IPV6_STEP))


@cache
def _sample(name: str) -> Values:
    with (SAMPLES / f"{name}.yaml").open(encoding="utf-8") as file:
        return dict(yaml.safe_load(file))
