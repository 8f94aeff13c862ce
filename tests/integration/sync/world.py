"""A site in one thread whose peers are fakes, whose clock can jump and whose process can die anywhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy import Connection, event, select, text
from sqlalchemy.orm import Session

from dcapi import sources
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.jobs.backlog import Backlog
from dcapi.jobs.inline import InlineJobs
from dcapi.models import Base, Subcloud, SubcloudGroup, SubcloudPeerGroup, SystemPeer
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.peers.errors import PeerUnavailable
from dcapi.runtime import Runtime
from dcapi.sync.attend import attend
from dcapi.sync.reconcile import Reconciler
from dcapi.sync.watch.monitor import beat, peer_lease, read_watches
from dcapi.tasks.hold import LeaseLost, take_hold
from tests.conftest import ADMIN_PASSWORD
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID, peer_body
from tests.site_client import SiteClient
from tests.subcloud_forms import ADDRESS, bootstrap_values, install_values

Row = TypeVar("Row", bound=Base)

MEMBERS = ("quay-1", "quay-2", "quay-3", "quay-4")
GROUPS = {1: "trains", 2: "buses"}
PEERS = {1: PEER_UUID, 2: "22222222-2222-4333-8444-555555555555"}
GATEWAYS = {1: "192.168.204.101", 2: "192.168.204.102"}
# What stays from example to example: who the site is, and the schema.
KEPT_TABLES = {"site", "subcloud_group"}
# A jump of the clock that ends every lease.
LONG = 1000.0


class Crash(BaseException):
    """The process died: nothing of it may run on, so it is no Exception."""


class Inline(Executor):
    """Does everything in the caller's thread, in order: the same steps have to lead to the same calls."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 (as any executor does)
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], *arguments: Any, **_: Any) -> Iterator[Any]:  # type: ignore[override]
        return map(work, *arguments)


class ModelPeer(FakePeer):
    """A fake that can be away, and that hears nothing of a process that is dead."""

    def __init__(self, world: World, peer_id: int) -> None:
        super().__init__(FakeSite(PEERS[peer_id], f"site-{peer_id}"))
        self.site.put_system_peer(world.runtime.site.uuid)
        self.world = world
        self.away = False

    def _call(self, method: str, arguments: tuple[Any, ...], effect: Callable[[], Any]) -> Any:
        self.world.live()
        if self.away:
            self.before_request()
            self.calls.append((method, arguments))
            raise PeerUnavailable("connection refused")
        return super()._call(method, arguments, effect)

    def at_call(self, number: int, action: Callable[[], object], *, after: bool) -> None:
        """Do something at one of the next calls."""
        self.do(lambda: (action(), None)[1], at=len(self.calls) + number, after=after)


class World:
    """The site, its operator and its peers; ``reset`` makes all of it new without building it anew."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.runtime: Runtime = app.extensions[EXTENSION]
        self.operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        self.offset = 0.0
        self.dead = False
        # Whether it is the site that works, and no test that looks at it.
        self.working = False
        # Transactions that begin or end until the process dies; 0: it lives.
        self.steps_left = 0
        self.peers: dict[int, ModelPeer] = {}
        with app.app_context():
            event.listen(db.engine, "begin", self._on_transaction, insert=True)
            event.listen(db.engine, "commit", self._on_transaction)

    # -- The process --

    def live(self) -> None:
        if self.dead:
            raise Crash

    def die(self) -> None:
        self.dead = True
        raise Crash

    def _on_transaction(self, connection: Connection) -> None:
        """Die before a transaction begins, or before it counts."""
        if self.working and self.steps_left:
            self.steps_left -= 1
            self.dead = not self.steps_left
        if self.dead:
            connection.connection.rollback()
            raise Crash

    def restart(self) -> None:
        """The process is started anew after the leases of the dead one have expired."""
        self.dead = False
        self.steps_left = 0
        self.jobs._waiting = Backlog(1000)
        self.offset += LONG

    def clock(self) -> SimpleNamespace:
        """What stands for the module ``time`` where leases are taken and judged."""
        return SimpleNamespace(
            time=lambda: time.time() + self.offset, monotonic=lambda: time.monotonic() + self.offset
        )

    @property
    def jobs(self) -> InlineJobs:
        jobs = self.runtime.jobs
        assert isinstance(jobs, InlineJobs)
        return jobs

    # -- A new life --

    def reset(self) -> None:
        self.restart()
        self.jobs._counter.clear()
        self.peers = {peer_id: ModelPeer(self, peer_id) for peer_id in PEERS}
        peers = self.runtime.peers
        assert isinstance(peers, FakePeers)
        peers.fakes = dict(self.peers)
        peers.addresses.clear()
        with self.session() as session:
            _empty(session)
            session.add_all(self.rows())
            if session.get(SubcloudGroup, 2) is None:
                session.add(SubcloudGroup(name="night", description="updated at night"))
            session.commit()

    def rows(self) -> list[Any]:
        """What a life begins with."""
        own = {"system_leader_id": self.runtime.site.uuid, "system_leader_name": "site-a"}
        groups = [SubcloudPeerGroup(peer_group_name=name, **own) for name in GROUPS.values()]
        return [*groups, *map(peer_row, PEERS), *map(member_row, range(1, len(MEMBERS) + 1))]

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.runtime.unit_of_work() as session:
            yield session

    # -- What works in the background, a step at a time --

    def sweep(self) -> int:
        return Reconciler(self.runtime, sources(self.runtime)).sweep()

    def heartbeat(self, peer_id: int) -> bool:
        """One heartbeat of a peer; False when it is not watched."""
        with self.session() as session:
            watch = read_watches(session).get(peer_id)
        if watch is None:
            return False
        hold = take_hold(self.runtime.unit_of_work, peer_lease(peer_id), "the watcher", 60)
        assert hold is not None, "somebody watches it, and nobody is there"
        with hold:
            try:
                beat(self.runtime, hold, peer_id, watch)
            except LeaseLost:
                return False
        return True

    def overtake(self, association_id: int) -> None:
        """The process slept until its leases were over, and another one did its work."""
        self.offset += LONG
        before = {peer_id: peer.before_request for peer_id, peer in self.peers.items()}
        attend(self.runtime, association_id)
        for peer_id, check in before.items():
            self.peers[peer_id].before_request = partial(_expect_lost, check)

    # -- What is shown --

    def get(self, path: str) -> Any:
        answer = self.operator.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json

    def read(self, model: type[Row]) -> list[Row]:
        """All rows of a table, apart from any session: cheaper than to ask for a list."""
        with self.session() as session:
            found = list(session.scalars(select(model).order_by("id")))
            session.expunge_all()
            return found

    def members(self, group_id: int) -> dict[str, dict[str, Any]]:
        listed = self.get(f"/subcloud-peer-groups/{group_id}/subclouds")["subclouds"]
        return {row["region-name"]: row for row in listed}


def _expect_lost(check: Callable[[], None]) -> None:
    """What stands before each request of one who was overtaken: the request must not be made."""
    check()
    raise AssertionError("one who was overtaken goes on")


def values_sent(row: dict[str, Any]) -> dict[str, Any]:
    """What a secondary has of a subcloud, from either site's answer; gateways differ between the sites."""
    saved = dict(json.loads(row["rehome_data"])["saved_payload"])
    gateway = saved.pop("systemcontroller_gateway_address", None)
    return {
        "name": row["name"],
        "description": row["description"] or "",
        "location": row["location"] or "",
        "release": row["software-version"],
        "saved": saved,
        "install": json.loads(row["data_install"] or "null"),
        "gateway": gateway,
    }


def _empty(session: Session) -> None:
    names = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in KEPT_TABLES]
    if session.get_bind().dialect.name == "sqlite":
        for name in names:
            session.execute(text(f"DELETE FROM {name}"))
        session.execute(text("DELETE FROM sqlite_sequence WHERE name <> 'subcloud_group'"))
    else:
        session.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY"))


def peer_row(peer_id: int) -> SystemPeer:
    values = peer_body(
        peer_uuid=PEERS[peer_id],
        peer_name=f"site-{peer_id}",
        peer_controller_gateway_address=GATEWAYS[peer_id],
    )
    return SystemPeer(**values)


def member_row(number: int) -> Subcloud:
    """A subcloud that lives here; the first two are in the first group."""
    values = bootstrap_values(number, admin_password="Qm9sbGFyZCo3")
    row = Subcloud(
        name=values["name"],
        region_name=f"region-of-{values['name']}",
        description="",
        location="Turku",
        software_version="24.09",
        management_state="managed",
        availability_status="online",
        deploy_status="complete",
        management_subnet=values["management_subnet"],
        management_start_ip=values["management_start_address"],
        management_end_ip=values["management_end_address"],
        management_gateway_ip=values["management_gateway_address"],
        systemcontroller_gateway_ip=values["systemcontroller_gateway_address"],
        peer_group_id=1 if number <= 2 else None,
    )
    rehome_data.write(row, {"saved_payload": {**values, "bootstrap-address": ADDRESS}})
    data_install.write(row, install_values(bmc_password="c2VjcmV0"))
    return row
