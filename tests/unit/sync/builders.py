"""Members and copies for the tests of what compares them."""

from __future__ import annotations

from typing import Any

from dcapi.models.states import Deploy
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.remote import RemoteSubcloud
from dcapi.sync.values.member import ADDRESS_KEY, Member, digest_of
from dcapi.sync.values.plan import Pushed
from tests.subcloud_forms import bootstrap_values

GATEWAY = "10.61.0.1"
# Longest values that a site of these tests stores.
LONGEST = 2**20


def member(name: str = "edge-1", **values: Any) -> Member:
    payload = SubcloudPayload(
        **{
            "name": name,
            "region_name": f"region-of-{name}",
            "description": "rack 4",
            "location": "Ottawa",
            "release": "24.09",
            "bootstrap_values": bootstrap_values(name=name),
            "bootstrap_address": "10.10.10.12",
            "install_values": {"bmc_address": "fd01::1", "bmc_password": "c2VjcmV0"},
            **values,
        }
    )
    return Member(payload, digest_of(payload), GATEWAY)


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
