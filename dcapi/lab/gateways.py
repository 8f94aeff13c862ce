"""The gateways of the lab's sites: by these a site's subclouds reach its system controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# One address of each IP version: a site has subclouds of both.
GATEWAYS_A = "10.32.0.1,fd20::1"
GATEWAYS_B = "10.33.0.1,fd21::1"


def primary_address(value: str) -> str:
    """The first address of a value: what answers show of it, and all that an original knows of a site."""
    return value.partition(",")[0]


def gateway_there(values: Mapping[str, Any], gateways: str) -> str:
    """The gateway that a subcloud with these bootstrap values has at a site with these gateways.

    It is the one of its primary network's IP version; of a dual-stack subcloud both, that one first. Raises
    KeyError when the site has none of the primary version. Source: "Networks" in the wire contract.
    """
    pool = "admin" if values.get("admin_subnet") else "management"
    by_version = {":" in one: one for one in gateways.split(",")}
    first, *others = (":" in subnet for subnet in values[f"{pool}_subnet"].split(","))
    return ",".join([by_version[first], *(by_version[one] for one in others if one in by_version)])
