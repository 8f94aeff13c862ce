"""The address of a client: how it is read, and under what its failed logins are counted."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Bits of an IPv6 address that one customer of a provider holds still: within them it has all addresses.
NETWORK_BITS = 64


def parsed_address(text: str) -> Address | None:
    """The address in a text, None when there is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # How a socket for both versions shows a client of the older one.
    return getattr(address, "ipv4_mapped", None) or address


def counted_address(text: str) -> str:
    """What an address is counted as: an IPv6 address as its /64, any other text as it is."""
    address = parsed_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), NETWORK_BITS), strict=False))
    return text if address is None else str(address)
