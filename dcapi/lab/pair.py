"""Two sites that know each other: A, which leads, and B, which is reached through a proxy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from dcapi.lab.expectations import expect_equal
from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B
from dcapi.lab.members import SIMPLEX, Member, member
from dcapi.lab.operator import Json, Operator, base64_text
from dcapi.lab.polling import wait_until
from dcapi.lab.ports import HOST, Port
from dcapi.lab.proxy import Proxy
from dcapi.lab.report import Note, Report
from dcapi.lab.site import LabSite

# A peer of the lab that is away is declared unavailable after about three seconds.
HEARTBEAT_SECONDS = 1
HEARTBEAT_FAILURES = 3

# Seconds that a subcloud's simulated deployment, or a sync, may take in the lab.
OUTCOME_SECONDS = 60.0
# Subclouds that are added side by side.
ADDING_THREADS = 4


class Pair:
    """Sites A and B, an operator at each, and the proxy on the way to B.

    Operators call their sites directly: what the proxy sees comes from the other site. As a context manager
    it starts both and ends them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: tuple[int, int] = (0, 0),
        settings: Mapping[str, str] | None = None,
        report: Report | None = None,
    ) -> None:
        self.report = report or Report()
        port_b = Port(ports[1])
        self.proxy = Proxy((HOST, port_b.number))
        self.a = LabSite("site-a", folder / "a", port=Port(ports[0]), settings=settings)
        self.b = LabSite("site-b", folder / "b", port=port_b, public_url=self.proxy.url, settings=settings)
        self.at_a = Operator(self.a.url, self.a.admin_password)
        self.at_b = Operator(self.b.url, self.b.admin_password)
        self._numbers = itertools.count()

    # -- Their life --

    def start(self) -> None:
        """Start both at once and wait for both; raises SiteFailedError."""
        self.proxy.start()
        self.a.launch()
        self.b.launch()
        self.a.wait_ready()
        self.b.wait_ready()

    def stop(self) -> None:
        """End both in good order; what does not end is killed. Raises SiteFailedError for that one."""
        self.at_a.close()
        self.at_b.close()
        self.proxy.stop()
        try:
            self.a.ask_to_stop()
            self.b.stop()
            self.a.stop()
        finally:
            self.a.close()
            self.b.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def take_b_down(self) -> None:
        """B dies on the spot: its processes are killed, and nothing listens at its address."""
        self.proxy.refuse()
        self.b.kill()

    def bring_b_back(self) -> None:
        """B starts again on its data; nothing happens when it is up."""
        if not self.b.running:
            self.b.start()
        self.proxy.start()

    # -- What scenarios are made of --

    def step(self, title: str) -> AbstractContextManager[Note]:
        return self.report.step(title)

    def introduce(self) -> None:
        """Make system peers, on A for B and on B for A, where they are not there yet."""
        pairs = (
            (self.at_a, self.b, f"{self.proxy.url}/v3", GATEWAYS_B),
            (self.at_b, self.a, f"{self.a.url}/v3", GATEWAYS_A),
        )
        for operator, other, endpoint, gateways in pairs:
            if operator.find("system-peers", other.name) is None:
                operator.create("system-peers", peer_fields(other, endpoint, gateways))

    def wait_for_peer(self, availability: str) -> None:
        """Wait until A knows of B that it is ``available``, or ``unavailable``."""
        wait_until(
            f"B to be {availability} for A",
            lambda: self.peer_at_a()["availability-state"],
            lambda seen: seen == availability,
        )

    def peer_at_a(self) -> Json:
        """The system peer that stands for B at A."""
        return self.at_a.one("system-peers", self.b.name)

    def peer_at_b(self) -> Json:
        """The system peer that stands for A at B."""
        return self.at_b.one("system-peers", self.a.name)

    def new_member(self, name: str, sample: str = SIMPLEX, *, install: bool = False) -> Member:
        """Values of a subcloud that shares no name and no network with another one of this pair."""
        number = next(self._numbers)
        return member(number, f"{name}-{number}", sample, install=install)

    def deploy(self, new: Member, operator: Operator | None = None) -> Json:
        """Add a subcloud to A, wait until it is deployed and online, and manage it."""
        operator = operator or self.at_a
        added = operator.add_subcloud(new.creation(), wait=OUTCOME_SECONDS)
        states = (added["deploy-status"], added["availability-status"])
        expect_equal(f"deploy and availability status of {new.name}", states, ("complete", "online"))
        return operator.update_subcloud(new.name, {"management-state": "managed"})

    def join(self, group: object, new: Member, operator: Operator | None = None) -> Json:
        """Deploy a subcloud at A and make it a member of a peer group there; returns the last answer."""
        operator = operator or self.at_a
        self.deploy(new, operator)
        return operator.update_subcloud(new.name, new.joining(group))

    def join_all(self, group: object, members: Iterable[Member]) -> None:
        """The same for many, several side by side."""

        def join_one(new: Member) -> None:
            with self.at_a.twin() as operator:
                self.join(group, new, operator)

        with ThreadPoolExecutor(ADDING_THREADS) as pool:
            list(pool.map(join_one, members))


class Known(Protocol):
    """What one has to know of a site to log in there."""

    name: str
    uuid: str
    admin_password: str


def peer_fields(other: Known, endpoint: str, gateways: str) -> Json:
    """What makes a system peer of a site whose identity service is at ``endpoint``.

    ``gateways`` is one address, or one of each IP version with a comma between.
    """
    return {
        "peer_uuid": other.uuid,
        "peer_name": other.name,
        "manager_endpoint": endpoint,
        "manager_username": "admin",
        "manager_password": base64_text(other.admin_password),
        "peer_controller_gateway_address": gateways,
        "heartbeat_interval": HEARTBEAT_SECONDS,
        "heartbeat_failure_threshold": HEARTBEAT_FAILURES,
    }
