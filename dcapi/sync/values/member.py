"""A member of a peer group as its secondaries should have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import objection
from dcapi.models.limits import on_one_line, with_texts
from dcapi.models.network_values import parsed_address, primary_version, shown_subnets, version_of
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.peers.payload import SubcloudPayload
from dcapi.sync.values import digest

# Under this key the rehome data, and what is stored of a deployment, hold bootstrap values and address.
SAVED_PAYLOAD = "saved_payload"
GATEWAY_KEY = "systemcontroller_gateway_address"
ADDRESS_KEY = "bootstrap-address"
# How install values name the address of the first node.
INSTALL_ADDRESS_KEY = "bootstrap_address"
TEXTS = ("name", "region_name", "description", "location", "release")


@dataclass(frozen=True)
class Member:
    """What is sent of one subcloud, and the digest by which a later run sees that it changed."""

    payload: SubcloudPayload = field(repr=False)
    digest: str = field(repr=False)
    # The peer's gateway address, or its two.
    gateways: str = ""

    @property
    def problem(self) -> str | None:
        """Why nobody could make a system of what would be sent; None when somebody can.

        Judged is the form alone: what an older version accepted goes on being sent.
        """
        values = self.payload.bootstrap_values or {}
        wrong = objection(values)
        if wrong is not None:
            return f"its bootstrap values cannot be sent: {wrong}"
        if gateway_for(values, self.gateways) is None:
            version = primary_version(values)
            return (
                f"the peer's gateway ({self.gateways}) is none for IPv{version}: "
                f"give the system peer one of IPv{version}"
            )
        return None

    @property
    def name(self) -> str:
        return self.payload.name

    @property
    def region_name(self) -> str:
        return self.payload.region_name


def member_of(subcloud: Subcloud, gateways: str) -> Member:
    """The member that a subcloud is for a peer whose gateway address this is, or whose two."""
    saved = saved_payload_of(subcloud)
    gateway = gateway_for(saved, gateways)
    payload = SubcloudPayload(
        name=subcloud.name,
        region_name=subcloud.region_name,
        description=on_one_line(subcloud.description or ""),
        location=on_one_line(subcloud.location or ""),
        release=subcloud.software_version,
        bootstrap_values=_bootstrap_values(saved, gateway),
        bootstrap_address=saved.get(ADDRESS_KEY),
        install_values=install_values_of(subcloud),
    )
    return Member(payload, digest_of(payload), gateways)


def saved_payload_of(subcloud: Subcloud) -> dict[str, Any]:
    """The values and the address in the rehome data; empty when there are none. Raises SecretUnreadable."""
    saved: dict[str, Any] = (rehome_data.read(subcloud) or {}).get(SAVED_PAYLOAD) or {}
    return with_texts(saved)


def install_values_of(subcloud: Subcloud) -> dict[str, Any] | None:
    """The install values; None when there are none. Raises SecretUnreadable."""
    values: dict[str, Any] | None = data_install.read(subcloud)
    return None if values is None else with_texts(values)


def gateway_for(values: dict[str, Any], gateways: str) -> str | None:
    """Of a peer's gateways those that a subcloud with these values takes there; None when none serves.

    That is the one of its primary network's IP version; of a dual-stack subcloud both, that one first.
    Source: "Networks" in the wire contract.
    """
    by_version = {version_of(one): one for one in gateways.split(",")}
    try:
        primary, versions = primary_version(values), [subnet.version for subnet in shown_subnets(values)]
    except BadRequest:
        return gateways
    if primary not in by_version:
        return None
    return ",".join(by_version[version] for version in versions if version in by_version)


def bootstrap_address(
    saved: Mapping[str, Any],
    install: Mapping[str, Any] | None,
    *,
    asked: str | None = None,
    install_asked: Mapping[str, Any] | None = None,
) -> str | None:
    """The address at which a subcloud is deployed, or taken over: the first there is.

    That of the request, that of install values in the request, the stored one, that of stored install values;
    a takeover has no request. ``saved`` are the stored bootstrap values with their address. What is no
    address counts as none: not all that was stored was checked here. Source: "Install values" in the wire
    contract.
    """
    values = (
        asked,
        (install_asked or {}).get(INSTALL_ADDRESS_KEY),
        saved.get(ADDRESS_KEY),
        (install or {}).get(INSTALL_ADDRESS_KEY),
    )
    found = (str(address) for value in values if (address := parsed_address(value)) is not None)
    return next(found, None)


def keep_address(subcloud: Subcloud, address: str | None) -> None:
    """Note in the rehome data at which address a subcloud is taken over, where they have none."""
    saved = saved_payload_of(subcloud)
    if address is not None and parsed_address(saved.get(ADDRESS_KEY)) is None:
        stored = rehome_data.read(subcloud) or {}
        rehome_data.write(subcloud, {**stored, SAVED_PAYLOAD: {**saved, ADDRESS_KEY: address}})


def _bootstrap_values(saved: dict[str, Any], gateway: str | None) -> dict[str, Any]:
    """The saved values, with the gateway that this peer's subclouds go through."""
    values = {key: value for key, value in saved.items() if key != ADDRESS_KEY}
    return values if gateway is None else {**values, GATEWAY_KEY: gateway}


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
