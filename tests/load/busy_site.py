"""A site with many subclouds and three peers, of which one accepts and never answers."""

from __future__ import annotations

import socket
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcapi import prepare
from dcapi.lab.operator import Json, Operator, base64_text
from dcapi.lab.ports import Port
from dcapi.lab.site import LabSite
from dcapi.models import Subcloud
from dcapi.models.engine import make_engine
from dcapi.settings import settings_from
from tests.bench.filled_site import fill
from tests.load.databases import TakenDatabase
from tests.load.slow_clients import SITE_SETTINGS

SUBCLOUDS = 300
# Subclouds in each of the groups; each group is for one peer.
GROUP_SIZE = 20
# The heartbeats of the peers go on while the traffic does.
HEARTBEAT_SECONDS = 2
# Connections that wait at a peer that hangs; more are refused by the system.
BACKLOG = 64


class BusySite:
    """The site under load, as ``site``, with an operator of it; entering it starts everything."""

    def __init__(self, folder: Path, database: TakenDatabase) -> None:
        self.database = database
        settings = {"WORKERS": str(database.workers), "LOG_LEVEL": "WARNING", **SITE_SETTINGS}
        settings["SQLALCHEMY_DATABASE_URI"] = database.uri
        settings["HEARTBEAT_INTERVAL_MIN"] = str(HEARTBEAT_SECONDS)
        self.site = LabSite("site-a", folder / "a", settings=settings)
        self.peers = [LabSite(f"site-{name}", folder / name) for name in "bc"]
        self.operator = Operator(self.site.url, self.site.admin_password)
        self._silent = Port()
        self._listening: socket.socket | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.operator.close()
        for site in (self.site, *self.peers):
            site.close()
        if self._listening is not None:
            self._listening.close()
        self._silent.release()

    def _start(self) -> None:
        self._listening = self._silent.listen()
        fill(self.site, SUBCLOUDS)
        self.site.launch()
        for peer in self.peers:
            peer.launch()
        for site in (self.site, *self.peers):
            site.wait_ready()
        for peer in self.peers:
            self._introduce_at(peer)
        endpoints = [(peer.uuid, peer.name, peer.url, peer.admin_password) for peer in self.peers]
        endpoints.append((str(uuid.uuid4()), "site-silent", self._silent.url, "never asked"))
        for number, endpoint in enumerate(endpoints):
            self._share_a_group(number, *endpoint)

    def _introduce_at(self, peer: LabSite) -> None:
        with Operator(peer.url, peer.admin_password) as operator:
            fields = _peer(self.site.uuid, self.site.name, self.site.url, self.site.admin_password)
            operator.create("system-peers", fields)

    def _share_a_group(self, number: int, system: str, name: str, url: str, password: str) -> None:
        group = self.operator.create("subcloud-peer-groups", {"peer-group-name": f"group-{number}"})
        self._put_members(int(group["id"]), number * GROUP_SIZE)
        fields = _peer(system, name, url, password) | {"heartbeat_interval": HEARTBEAT_SECONDS}
        peer = self.operator.create("system-peers", fields)
        pair = {"peer_group_id": group["id"], "system_peer_id": peer["id"], "peer_group_priority": 1}
        self.operator.create("peer-group-associations", pair)

    def _put_members(self, group_id: int, first: int) -> None:
        """Into their group by the database: what that takes over the wire is measured elsewhere."""
        settings = settings_from(self.site.settings)
        engine = make_engine(self.database.uri, settings, prepare(settings).keyring)
        with Session(engine) as session:
            ids = session.scalars(select(Subcloud.id).order_by(Subcloud.id).offset(first).limit(GROUP_SIZE))
            session.execute(update(Subcloud).where(Subcloud.id.in_(list(ids))).values(peer_group_id=group_id))
            session.commit()
        engine.dispose()

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        master = self.site._process
        return [] if master is None else _children(master.pid)

    def memory(self) -> int:
        """What all workers together keep in memory, in bytes."""
        return sum(_resident(pid) for pid in self.workers())


def _peer(system: str, name: str, url: str, password: str) -> Json:
    return {
        "peer_uuid": system,
        "peer_name": name,
        "manager_endpoint": f"{url}/v3",
        "manager_username": "admin",
        "manager_password": base64_text(password),
        "peer_controller_gateway_address": "10.33.0.1",
    }


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name in parentheses may hold blanks; the parent is the second field behind it.
                after = (folder / "stat").read_text().rpartition(")")[2].split()
                found += [int(folder.name)] if int(after[1]) == parent else []
    return found


def _resident(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0
