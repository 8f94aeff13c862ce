"""The whole table."""

from __future__ import annotations

from tests.networks.case import NetworkCase
from tests.networks.fit_cases import (
    FLOATING_IS_START,
    GATEWAY_REACHED,
    GATEWAYS_OUTSIDE,
    IN_ORDER,
    INSIDE,
    LARGE_ENOUGH,
    LONG_ENOUGH,
    RANGES_FREE,
    SUBNETS_APART,
)
from tests.networks.form_cases import AS_MANY_AS_SUBNETS, AT_MOST_TWO, OF_TWO_VERSIONS, READABLE, REQUIRED

# In the contract's order; what is required comes first.
ROWS: dict[str, tuple[NetworkCase, ...]] = {
    "required": REQUIRED,
    "at most two": AT_MOST_TWO,
    "of two versions": OF_TWO_VERSIONS,
    "a subnet, an address": READABLE,
    "as many addresses as subnets": AS_MANY_AS_SUBNETS,
    "size": LARGE_ENOUGH,
    "inside its subnet": INSIDE,
    "start not after end": IN_ORDER,
    "addresses enough": LONG_ENOUGH,
    "ranges meet nothing": RANGES_FREE,
    "gateway outside of the range": GATEWAYS_OUTSIDE,
    "subnets": SUBNETS_APART,
    "gateway of the controller": GATEWAY_REACHED,
    "floating address": FLOATING_IS_START,
}
CASES = tuple(case for cases in ROWS.values() for case in cases)
