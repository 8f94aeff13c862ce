"""Groups as a site has them, for the tests of what asks other sites about them."""

from __future__ import annotations

from typing import Any

from dcapi.peers.remote import GroupValues

SITE_UUID = "11111111-1111-1111-1111-111111111111"


def group_values(name: str = "edges", **values: Any) -> GroupValues:
    """A primary group that the site leads."""
    return GroupValues(
        **{
            "name": name,
            "priority": 0,
            "state": "enabled",
            "max_subcloud_rehoming": 10,
            "leader_id": SITE_UUID,
            "leader_name": "site-a",
            **values,
        }
    )
