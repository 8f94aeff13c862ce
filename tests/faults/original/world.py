"""A site of this project (D) and a stand-in of the original (O), with wires in both directions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from dcapi.lab.gateways import GATEWAYS_A, GATEWAYS_B, primary_address
from dcapi.lab.members import SIMPLEX, Member, member
from dcapi.lab.operator import Json, Operator
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.life import Switches
from dcapi.lab.original.original_site import OriginalSite
from dcapi.lab.pair import peer_fields
from dcapi.lab.ports import HOST, Port
from dcapi.lab.site import LabSite
from tests.faults import processes
from tests.faults.databases import SQLITE, Database
from tests.faults.pace import PACE, paced
from tests.faults.started_sites import StartedSites
from tests.faults.wire import Wire
from tests.faults.world import HEARTBEAT_SECONDS, HEARTBEAT_THRESHOLD, SETTINGS, deploy, posers_at

D = "D"
O = "O"  # noqa: E741 (as D)

# A migration lasts long enough for something to befall it.
SETTINGS_OF_D = SETTINGS | {
    "DEPLOY_PHASE_SECONDS": str(paced(0.3)),
    "REHOME_RETRY_SECONDS": str(paced(0.5)),
    "REHOME_ONLINE_SECONDS": str(paced(20)),
}
# So many seconds of the original are one of this machine's.
FACTOR = 20.0 / PACE
BEAT_OF_O = 10
FIRST_ID_AT_O = 41
# Subclouds that are at home at D; those of O are made for each run.
SUBCLOUDS = 4


class OriginalWorld(StartedSites):
    """As a context manager it starts both sites, introduces them and deploys the subclouds at D."""

    def __init__(self, folder: Path, kind: str = SQLITE, plant: str = "") -> None:
        super().__init__(kind)
        port_d, port_o = Port(), Port()
        self.to_d, self.to_o = Wire((HOST, port_d.number)), Wire((HOST, port_o.number))
        self.d = LabSite(
            "site-d",
            folder / "d",
            port=port_d,
            public_url=self.to_d.url,
            settings=SETTINGS_OF_D,
            app=f"tests.faults.app:make({plant!r})",
        )
        self.o = OriginalSite(
            "site-o", clock=Clock(FACTOR), port=port_o, public_url=self.to_o.url, first_id=FIRST_ID_AT_O
        )
        self.at_d = Operator(self.d.url, self.d.admin_password)
        self.at_o = Operator(self.o.url, self.o.admin_password)

    # -- Its life --

    def _start(self) -> None:
        self.databases[self.d.name] = self._open_database(self.d)
        for wire in (self.to_d, self.to_o):
            self._stack.callback(wire.stop)
            wire.start()
        self._stack.callback(self._end, self.d)
        self._stack.callback(self.o.close)
        self.o.start()
        self.d.start()
        self.posers += posers_at(self.d, self.at_d)
        self._introduce()
        self.members = [self.new_member() for _ in range(SUBCLOUDS)]
        for new in self.members:
            deploy(self.at_d, new)

    def _introduce(self) -> None:
        beats: Json = {"heartbeat_failure_threshold": HEARTBEAT_THRESHOLD}
        of_o = peer_fields(self.o, self.o.endpoint, GATEWAYS_B)
        of_d = peer_fields(self.d, f"{self.to_d.url}/v3", primary_address(GATEWAYS_A))
        self.at_d.create("system-peers", of_o | beats | {"heartbeat_interval": HEARTBEAT_SECONDS})
        self.at_o.create("system-peers", of_d | beats | {"heartbeat_interval": BEAT_OF_O})

    def new_member(self, sample: str = SIMPLEX) -> Member:
        number = next(self.names)
        return member(number, f"mill-{number}", sample, install=True)

    @property
    def database(self) -> Database:
        return self.databases[self.d.name]

    def at(self, site: str) -> Operator:
        return self.at_d if site == D else self.at_o

    # -- What a run does to it --

    @property
    def sites(self) -> Sequence[LabSite]:
        return (self.d,)

    @property
    def told_wires(self) -> dict[str, Wire]:
        return {D: self.to_d, O: self.to_o}

    def some_site(self, _chance: random.Random) -> LabSite:
        return self.d

    def some_wire(self, chance: random.Random) -> tuple[Wire, str]:
        return chance.choice(((self.to_d, "to D"), (self.to_o, "to O")))

    def begin_run(self) -> None:
        self.to_d.forget()
        self.to_o.forget()
        self.o.switches.playbook_seconds = Switches.playbook_seconds
        self.pauses = []

    def mend(self) -> None:
        """Faults off: wires whole, nobody stands still, both sites up, and nothing fails at O any more."""
        self.to_d.lift()
        self.to_o.lift()
        self.o.switches.failing_playbooks.clear()
        self.o.start()
        processes.restart(self.d)
        processes.set_workers(self.d, int(self.d.settings["WORKERS"]))
        self.d.wait_ready()
