"""Members and copies for the tests of what compares them."""

from __future__ import annotations

from typing import Any

from dcapi.models.states import Deploy
from dcapi.peers.payload import SubcloudPayload
from dcapi.sync.copy import RemoteSubcloud
from dcapi.sync.member import ADDRESS_KEY, Member, digest_of
from dcapi.sync.plan import Pushed


def member(name: str = "edge-1", **values: Any) -> Member:
    payload = SubcloudPayload(
        **{
            "name": name,
            "region_name": f"region-of-{name}",
            "description": "rack 4",
            "location": "Ottawa",
            "release": "24.09",
            "bootstrap_values": {"name": name, "management_subnet": "192.168.101.0/24"},
            "bootstrap_address": "10.10.10.12",
            "install_values": {"bmc_address": "fd01::1", "bmc_password": "c2VjcmV0"},
            **values,
        }
    )
    return Member(payload, digest_of(payload))


def copy_of(wanted: Member, **values: Any) -> RemoteSubcloud:
    """What a peer shows of a member that arrived."""
    sent = wanted.payload
    return RemoteSubcloud(
        **{
            "name": sent.name,
            "region_name": sent.region_name,
            "deploy_status": Deploy.SECONDARY,
            "peer_group_id": 3,
            "description": sent.description,
            "location": sent.location,
            "release": sent.release,
            "saved_payload": {**(sent.bootstrap_values or {}), ADDRESS_KEY: sent.bootstrap_address},
            "install_values": sent.install_values,
            **values,
        }
    )


def pushed(wanted: Member) -> dict[str, Pushed]:
    """The ledger after a member arrived."""
    return {wanted.region_name: Pushed(wanted.name, wanted.digest)}
