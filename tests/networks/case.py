"""Values with a network that is wrong, each beside the nearest that is right.

They are those of subcloud 1; ``numbered`` makes them those of another one, so that one table serves requests
about many subclouds.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.subcloud_forms import Values, admin_network, bootstrap_values, dual_stack

POOL_ENDS = ("subnet", "start_address", "end_address", "gateway_address")
MANAGEMENT = frozenset(f"management_{end}" for end in POOL_ENDS)
ADMIN_POOL = frozenset(f"admin_{end}" for end in POOL_ENDS)

SIMPLEX: Values = {}
DUPLEX: Values = {"system_mode": "duplex"}
DUAL = dual_stack()
ADMIN = admin_network()
IPV6: Values = {
    "management_subnet": "fd70:1::/64",
    "management_start_address": "fd70:1::2",
    "management_end_address": "fd70:1::90",
    "management_gateway_address": "fd70:1::1",
    "systemcontroller_gateway_address": "fd69::1",
}
OAM_IPV6: Values = {
    "external_oam_subnet": "fd71:9::/64",
    "external_oam_gateway_address": "fd71:9::1",
    "external_oam_floating_address": "fd71:9::20",
}
# The one address of a one-node subcloud, in the place of a range.
FLOATING: Values = {
    "management_start_address": None,
    "management_end_address": None,
    "management_floating_address": "10.70.1.5",
}

# Subclouds whose networks are taken, by number: one of IPv4, one with an admin network of both versions.
PLAIN, BEHIND = 40, 41
TAKEN: dict[int, Values] = {
    PLAIN: bootstrap_values(PLAIN),
    BEHIND: bootstrap_values(
        BEHIND,
        management_gateway_address=None,
        admin_subnet="fd70:41::/64,10.75.41.0/24",
        admin_start_address="fd70:41::2,10.75.41.2",
        admin_end_address="fd70:41::90,10.75.41.90",
        admin_gateway_address="fd70:41::1,10.75.41.1",
        systemcontroller_gateway_address="fd69::1",
    ),
}


def numbered(values: Any, number: int) -> Any:
    """The same of another subcloud: values of one, or a text that quotes them."""
    text = json.dumps(values).replace('"quay-1"', f'"quay-{number}"').replace(".70.1.", f".70.{number}.")
    return json.loads(re.sub("(fd70|FD70):1:", rf"\g<1>:{number}:", text))


@dataclass(frozen=True)
class NetworkCase:
    """``wrong`` and ``right`` go over ``base``; ``text`` is what the contract says of the wrong one.

    ``copies``: another site's values are refused for it, too.
    """

    wrong: Values
    text: str
    right: Values = field(default_factory=dict)
    base: Values = field(default_factory=dict)
    copies: bool = False

    def __str__(self) -> str:
        """The id of its tests."""
        return ascii(" ".join(f"{key}={value}" for key, value in self.wrong.items()))[1:60]

    def values(self, which: Values, number: int) -> Values:
        """Bootstrap values of this subcloud with ``which`` of the two."""
        values = bootstrap_values(**{**self.base, **which})
        return numbered(values, number)  # type: ignore[no-any-return]

    @property
    def pool(self) -> str | None:
        """The network that a reconfiguration can make wrong like this; None when it cannot."""
        if None in self.wrong.values():
            return None
        for name, base, keys in (("admin", ADMIN, ADMIN_POOL), ("management", SIMPLEX, MANAGEMENT)):
            beside = {key: value for key, value in self.base.items() if key not in keys}
            expected = {key: value for key, value in base.items() if key not in keys}
            if beside in (expected, {**expected, **DUPLEX}) and self.wrong.keys() <= keys:
                return name
        return None

    @property
    def is_duplex(self) -> bool:
        return self.base.get("system_mode") == "duplex"


def management(subnet: str, start: str, end: str, gateway: str) -> Values:
    values = (subnet, start, end, gateway)
    return dict(zip((f"management_{one}" for one in POOL_ENDS), values, strict=True))


def admin(subnet: str, start: str, end: str, gateway: str) -> Values:
    values = (subnet, start, end, gateway)
    return dict(zip((f"admin_{one}" for one in POOL_ENDS), values, strict=True))


def of_copies(base: Values, wrong: Values, text: str, **right: Any) -> NetworkCase:
    """A row that holds for copies as well."""
    return NetworkCase(wrong, text, right, base, copies=True)


def of_operators(base: Values, wrong: Values, text: str, **right: Any) -> NetworkCase:
    """A row that holds for an operator alone."""
    return NetworkCase(wrong, text, right, base)


# What older or other sites hold and nobody refuses: values of one subcloud over the usual ones.
RIGHT: tuple[Values, ...] = (
    {},
    IPV6,
    ADMIN,
    DUAL,
    FLOATING,
    {"management_end_address": None, "management_floating_address": "10.70.1.2"},
    {
        "system_mode": "duplex",
        "management_floating_address": "what it likes",
        "admin_floating_address": "7,7,7",
    },
    {"management_multicast_subnet": "239.1.1.0/28", "admin_password": "secret", "cluster_host_subnet": "x"},
    {"management_subnet": "10.70.1.77/24", "management_gateway_address": "10.70.1.254"},
    {"external_oam_floating_address": "10.71.9.1"},
)
