"""Two sites of one Keystone, each with a door, a user and an operator of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B
from dcapi.lab.operator import Operator, base64_text
from dcapi.lab.pair import Pair, peer_fields
from dcapi.lab.site import LabSite
from tests.keystone.cloud import PASSWORD, Cloud
from tests.keystone.server import Door, Keystone

HEARTBEAT_SECONDS = 3


class KeystonePair(Pair):
    """A pair whose callers log in at Keystone."""

    def __init__(
        self,
        folder: Path,
        keystone: Keystone,
        cloud: Cloud,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, settings=settings)
        self.door_a = keystone.door(self.a.port.address)
        self.door_b = keystone.door(self.proxy.port.address)
        # As whom a site calls the other one, and as whom it asks Keystone about tokens.
        self.users = {site.name: cloud.user("admin") for site in (self.a, self.b)}
        for site, door in ((self.a, self.door_a), (self.b, self.door_b)):
            site.settings |= keystone_environment(door, cloud.user("service", "services"))
        self.at_a = _operator(self.a, self.door_a, cloud)
        self.at_b = _operator(self.b, self.door_b, cloud)

    def start(self) -> None:
        """Open the doors, and start both sites."""
        for door in (self.door_a, self.door_b):
            door.launch()
        for door in (self.door_a, self.door_b):
            door.wait_ready()
        super().start()

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            for door in (self.door_a, self.door_b):
                door.stop()

    def introduce(self) -> None:
        pairs = (
            (self.at_a, self.a, self.b, self.door_b, GATEWAYS_B),
            (self.at_b, self.b, self.a, self.door_a, GATEWAYS_A),
        )
        for operator, own, other, door, gateways in pairs:
            if operator.find("system-peers", other.name) is None:
                login = {
                    "manager_username": self.users[own.name],
                    "manager_password": base64_text(PASSWORD),
                }
                fields = peer_fields(other, door.url, gateways) | login
                # Nobody is to be declared away because Keystone takes its time on a busy machine.
                operator.create("system-peers", fields | {"heartbeat_interval": HEARTBEAT_SECONDS})


def keystone_environment(door: Door, user: str) -> dict[str, str]:
    """Settings of a site whose callers log in at this door, and which itself logs in as ``user``."""
    return {
        "AUTH_STRATEGY": "keystone",
        "KEYSTONE_AUTH_URL": door.url,
        "KEYSTONE_USERNAME": user,
        "KEYSTONE_PASSWORD": PASSWORD,
        "KEYSTONE_TIMEOUT": "20",
    }


def _operator(site: LabSite, door: Door, cloud: Cloud) -> Operator:
    return Operator(site.url, PASSWORD, cloud.user("configurator"), identity_url=door.url)
