"""Two sites with wires between them, some subclouds at A, and all that can be done to their processes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B
from dcapi.lab.members import DUPLEX, SIMPLEX, Member, member
from dcapi.lab.operator import Json, Operator, base64_text
from dcapi.lab.ports import HOST, Port
from dcapi.lab.site import PROJECT_ROOT, LabSite
from tests.faults import processes
from tests.faults.course import Poser
from tests.faults.databases import SQLITE
from tests.faults.pace import PACE, paced
from tests.faults.started_sites import StartedSites
from tests.faults.wire import Wire

# Everything that waits waits shortly: what takes a minute in service takes seconds here.
SETTINGS = {
    "WORKERS": "2",
    "THREADS": "8",
    "JOB_THREADS": "4",
    "PEER_CONNECT_TIMEOUT": str(paced(0.5)),
    "PEER_READ_TIMEOUT": str(paced(1.5)),
    "PEER_PATIENCE_SECONDS": str(paced(0.5)),
    "LEASE_SECONDS": str(paced(4)),
    "RECONCILE_SECONDS": str(paced(0.5)),
    "DEPLOY_PHASE_SECONDS": "0",
    "HEARTBEAT_INTERVAL_MIN": "1",
    "DRAIN_SECONDS": str(paced(2)),
    "PREFER_WAIT_MAX": str(60 * PACE),
}
HEARTBEAT_SECONDS = 1 * PACE
HEARTBEAT_THRESHOLD = 2
LEASE_SECONDS = float(SETTINGS["LEASE_SECONDS"])

PEER_APP = "tests.faults.app:make()"
# Defects that are planted at B too: there the copies are.
AT_BOTH = frozenset({"copy"})

# A user at each site who may manage subclouds, and not modify them.
BYSTANDER, BYSTANDER_PASSWORD = "bystander", "Jetty*and 4 gulls"
ADD_BYSTANDER = ("dcapi", "user", "add", BYSTANDER, "--role", "operator", "--password-stdin")

SUBCLOUDS = 5
SUBCLOUD_GROUPS = ("coast", "inland")
SERIAL = {"update_apply_type": "serial"}
MOST_WORKERS = 4


def deploy(operator: Operator, new: Member) -> None:
    """Add a subcloud: managed, online, and with the values that a member needs."""
    operator.add_subcloud(new.creation(), wait=60)
    values = {"bootstrap_values": new.bootstrap_values, "bootstrap_address": new.bootstrap_address}
    operator.update_subcloud(new.name, {"management-state": "managed"})
    operator.update_subcloud(new.name, values)


def posers_at(site: LabSite, operator: Operator) -> tuple[Poser, ...]:
    """Add a user without the right to modify; returns it and the one who has it."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *ADD_BYSTANDER]
    said, environment = f"{BYSTANDER_PASSWORD}\n", site.environment()
    subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, input=said, text=True, check=True, capture_output=True
    )
    bystander = Operator(site.url, BYSTANDER_PASSWORD, BYSTANDER)
    bystander.log_in()
    return Poser(site.name, operator, True), Poser(site.name, bystander, False)


class World(StartedSites):
    """As a context manager it starts both sites, introduces them and deploys the subclouds at A."""

    def __init__(self, folder: Path, kind: str = SQLITE, plant: str = "") -> None:
        self.folder = folder
        super().__init__(kind)
        port_a, port_b = Port(), Port()
        self.to_a, self.to_b = Wire((HOST, port_a.number)), Wire((HOST, port_b.number))
        app = f"tests.faults.app:make({plant!r})"
        self.a = LabSite(
            "site-a", folder / "a", port=port_a, public_url=self.to_a.url, settings=SETTINGS, app=app
        )
        app = app if plant in AT_BOTH else PEER_APP
        self.b = LabSite(
            "site-b", folder / "b", port=port_b, public_url=self.to_b.url, settings=SETTINGS, app=app
        )
        self.sites = (self.a, self.b)
        self.at_a = Operator(self.a.url, self.a.admin_password)
        self.at_b = Operator(self.b.url, self.b.admin_password)

    # -- Its life --

    def _start(self) -> None:
        for site, wire in zip(self.sites, (self.to_a, self.to_b), strict=True):
            self.databases[site.name] = self._open_database(site)
            self._stack.callback(wire.stop)
            self._stack.callback(self._end, site)
            wire.start()
            site.launch()
        for site in self.sites:
            site.wait_ready()
        for site, operator in ((self.a, self.at_a), (self.b, self.at_b)):
            self.posers += posers_at(site, operator)
        self._introduce()
        for name in SUBCLOUD_GROUPS:
            self.at_a.create(
                "subcloud-groups", {**SERIAL, "name": name, "description": f"Those of the {name}"}
            )
        self.members = [self.deploy() for _ in range(SUBCLOUDS)]

    def _introduce(self) -> None:
        pairs = ((self.at_a, self.b, self.to_b, GATEWAYS_B), (self.at_b, self.a, self.to_a, GATEWAYS_A))
        for operator, other, wire, gateways in pairs:
            fields: Json = {
                "peer_uuid": other.uuid,
                "peer_name": other.name,
                "manager_endpoint": f"{wire.url}/v3",
                "manager_username": "admin",
                "manager_password": base64_text(other.admin_password),
                "peer_controller_gateway_address": gateways,
                "heartbeat_interval": HEARTBEAT_SECONDS,
                "heartbeat_failure_threshold": HEARTBEAT_THRESHOLD,
            }
            operator.create("system-peers", fields)

    def new_member(self, sample: str = SIMPLEX) -> Member:
        number = next(self.names)
        return member(number, f"mill-{number}", sample, install=sample != DUPLEX)

    def deploy(self) -> Member:
        """A new subcloud at A: managed, online, and with the values that a member needs."""
        new = self.new_member()
        deploy(self.at_a, new)
        return new

    # -- What a run does to it --

    def site(self, name: str) -> LabSite:
        return self.a if name == self.a.name else self.b

    def begin_run(self) -> None:
        """Forget what the runs before this one left in the records."""
        self.to_a.forget()
        self.to_b.forget()
        self.pauses = []

    def set_workers(self, at_a: int, at_b: int) -> None:
        processes.set_workers(self.a, at_a)
        processes.set_workers(self.b, at_b)

    @property
    def told_wires(self) -> dict[str, Wire]:
        return {"B": self.to_b}

    def some_site(self, chance: random.Random) -> LabSite:
        return chance.choice((self.a, self.a, self.b))

    def some_wire(self, chance: random.Random) -> tuple[Wire, str]:
        return chance.choice(((self.to_b, "to B"), (self.to_b, "to B"), (self.to_a, "to A")))

    def mend(self) -> None:
        """Faults off: wires whole, nobody stands still, both sites up with all their workers."""
        self.to_a.lift()
        self.to_b.lift()
        for site in self.sites:
            processes.restart(site)
            processes.set_workers(site, int(site.settings["WORKERS"]))
            site.wait_ready()
