"""Hosts as URLs and settings write them: one spelling for each, and addresses that are not the network's."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What a machine has for itself on one link; clouds answer there with secrets of the machine that asks.
LINK_LOCAL = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10")))
# What leads to the machine itself: 0.0.0.0 and :: do so too, where something is connected to.
UNSPECIFIED = tuple(map(ipaddress.ip_network, ("0.0.0.0/32", "::/128")))
LOOPBACK = (*map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128")), *UNSPECIFIED)

# IPv6 addresses whose last four bytes are an IPv4 address: mapped, compatible, translated (RFC 6052).
WITH_IPV4_AT_END = tuple(map(ipaddress.ip_network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))


def canonical(host: str) -> str:
    """The one spelling of a host: lower case, no dot at its end; of an address as it is written shortest.

    An address counts in every form that the resolver takes for one: ``0x7f.1`` is 127.0.0.1.
    """
    name = host.lower().rstrip(".")
    address = literal_address(name)
    if address is None:
        return name
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def literal_address(host: str) -> Address | None:
    """The address that a host is by itself, as the system's resolver reads it; None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):  # of labels that are too long, and of NUL
        return None
    return ipaddress.ip_address(found[0][4][0])


def addresses_of(host: str) -> set[str]:
    """The addresses that a name resolves to now, in their one spelling; raises OSError for none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return {canonical(str(address[0])) for *_, address in found}


def is_link_local(address: Address) -> bool:
    """Whether an address, or one that it stands for, is of a link alone."""
    return any(each in network for each in _meant_by(address) for network in LINK_LOCAL)


def is_loopback(address: Address) -> bool:
    """Whether a connection to an address, or to one that it stands for, ends at this machine."""
    return any(each in network for each in _meant_by(address) for network in LOOPBACK)


def listens_on_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at a host; 0.0.0.0 and :: are everybody's."""
    address = literal_address(host)
    if address is None:
        return canonical(host) == "localhost"
    return is_loopback(address) and not any(each in net for each in _meant_by(address) for net in UNSPECIFIED)


def _meant_by(address: Address) -> Iterator[Address]:
    """An address, and the IPv4 one inside it."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in WITH_IPV4_AT_END):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            yield address.sixtofour
