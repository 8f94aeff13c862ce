"""A member of a peer group as its secondaries should have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.peers.payload import SubcloudPayload
from dcapi.sync import digest

# Under this key the rehome data, and what is stored of a deployment, hold bootstrap values and address.
SAVED_PAYLOAD = "saved_payload"
GATEWAY_KEY = "systemcontroller_gateway_address"
ADDRESS_KEY = "bootstrap-address"
TEXTS = ("name", "region_name", "description", "location", "release")


@dataclass(frozen=True)
class Member:
    """What is sent of one subcloud, and the digest by which a later run sees that it changed."""

    payload: SubcloudPayload = field(repr=False)
    digest: str = field(repr=False)

    @property
    def name(self) -> str:
        return self.payload.name

    @property
    def region_name(self) -> str:
        return self.payload.region_name


def member_of(subcloud: Subcloud, gateway_address: str) -> Member:
    """The member that a subcloud is for a peer whose gateway address this is."""
    payload = SubcloudPayload(
        name=subcloud.name,
        region_name=subcloud.region_name,
        description=subcloud.description or "",
        location=subcloud.location or "",
        release=subcloud.software_version,
        bootstrap_values=_bootstrap_values(subcloud, gateway_address),
        bootstrap_address=saved_payload_of(subcloud).get(ADDRESS_KEY),
        install_values=data_install.read(subcloud),
    )
    return Member(payload, digest_of(payload))


def saved_payload_of(subcloud: Subcloud) -> dict[str, Any]:
    """The values and the address in the rehome data; empty when there are none. Raises SecretUnreadable."""
    saved: dict[str, Any] = (rehome_data.read(subcloud) or {}).get(SAVED_PAYLOAD) or {}
    return saved


def _bootstrap_values(subcloud: Subcloud, gateway_address: str) -> dict[str, Any]:
    """The saved values, with the gateway that this peer's subclouds go through."""
    values = {key: value for key, value in saved_payload_of(subcloud).items() if key != ADDRESS_KEY}
    return values | {GATEWAY_KEY: gateway_address}


def digest_of(payload: SubcloudPayload) -> str:
    """A digest of all that is sent; the peer's reference of the group is no value of the member."""
    saved = {**(payload.bootstrap_values or {}), ADDRESS_KEY: payload.bootstrap_address}
    return digest.written(
        {
            **{name: digest.hash_of(getattr(payload, name)) for name in TEXTS},
            SAVED_PAYLOAD: digest.outline(saved),
            "install_values": digest.outline(payload.install_values or {}),
        }
    )
