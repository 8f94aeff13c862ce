"""A site that runs the original, as far as a peer sees it: the whole, with its switches."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from dcapi.lab.members import Member
from dcapi.lab.operator import Operator
from dcapi.lab.original.api.application import Application
from dcapi.lab.original.api.server import Server
from dcapi.lab.original.clock import Clock
from dcapi.lab.original.failures import AnyFault, Failures
from dcapi.lab.original.life import Belongings, Identity, Life, Switches
from dcapi.lab.original.record import Record
from dcapi.lab.original.rows import AnyRow, Association, PeerGroup, Rows, Subcloud, SystemPeer
from dcapi.lab.original.running import Running
from dcapi.lab.original.tokens import Tokens
from dcapi.lab.original.version import Version
from dcapi.lab.ports import Port


class OriginalSite:
    """A site that can be started, killed in the middle of everything, and started again on the same rows.

    ``public_url`` is where others reach it when something stands before it. ``first_id`` is the id of the
    first row of each table: two sites with different ones show who mixes their ids up. ``switches`` say how
    it behaves and may be changed at any time; ``record`` has every request that it served or sent.
    """

    def __init__(
        self,
        name: str,
        *,
        version: Version = Version.V3,
        clock: Clock | None = None,
        port: Port | None = None,
        public_url: str = "",
        first_id: int = 1,
    ) -> None:
        self.name = name
        self.uuid = str(uuid.uuid4())
        self.admin_password = secrets.token_urlsafe(12)
        self.port = port or Port()
        self.public_url = public_url or self.port.url
        self.switches = Switches(version=version, clock=clock or Clock())
        self.record = Record()
        self.tokens = Tokens()
        self._serving, self._sending = Failures(), Failures()
        self._rows = Rows(first_id)
        self._running: Running | None = None
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where the server itself listens, past anything that stands before it."""
        return self.port.url

    @property
    def endpoint(self) -> str:
        """Its identity service, as the system peers of other sites name it."""
        return f"{self.public_url}/v3"

    # -- Its life --

    @property
    def running(self) -> bool:
        return self._running is not None

    def start(self) -> None:
        """Serve, and do what a start does; a site that runs goes on."""
        if self._running is not None:
            return
        with self._rows.lock:
            self._rows.recover()
        identity = Identity(self.uuid, self.name)
        life = Life(
            Belongings(identity, self.switches, self._rows, self.record, self._serving, self._sending)
        )
        running = self._running = Running(life, self.public_url, self.admin_password, self.tokens)
        self._server = Server(self.port, Application(running))
        running.monitor.refresh()

    def kill(self) -> None:
        """End at once: from now on it writes nothing, sends nothing, and answers nobody."""
        running, server = self._running, self._server
        self._running = self._server = None
        if running is not None and server is not None:
            running.life.end()
            server.end()

    def close(self) -> None:
        """Kill it, take its faults away and give its port back."""
        self.kill()
        self._serving.release()
        self._sending.release()
        self.port.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- What goes wrong --

    def fail(self, fault: AnyFault) -> AnyFault:
        """Let a fault strike what it serves, until it is released."""
        return self._serving.add(fault)

    def fail_sending(self, fault: AnyFault) -> AnyFault:
        """Let a fault strike what it sends, until it is released."""
        return self._sending.add(fault)

    # -- What it has, as copies of the rows --

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        """Its tables, to read or to set by hand; nobody else writes meanwhile, whether it runs or not."""
        with self._rows.lock:
            yield self._rows

    def peer(self, name: str) -> SystemPeer:
        """The system peer of this name; raises LookupError."""
        with self.rows() as rows:
            return _copied(rows.peers.find(name=name), name)

    def group(self, name: str) -> PeerGroup:
        """The peer group of this name; raises LookupError."""
        with self.rows() as rows:
            return _copied(rows.groups.find(name=name), name)

    def association(self, group: str) -> Association:
        """The association of a group, its first one; raises LookupError."""
        with self.rows() as rows:
            found = rows.groups.find(name=group)
            return _copied(rows.associations.find(group_id=found.id) if found else None, group)

    def members(self, group: str) -> dict[str, Subcloud]:
        """The members of a group by name."""
        with self.rows() as rows:
            found = rows.groups.find(name=group)
            return {each.name: replace(each) for each in rows.members(found.id)} if found else {}

    def alarms(self) -> set[tuple[str, str]]:
        """(alarm id, entity) of the alarms that are raised."""
        with self.rows() as rows:
            return set(rows.alarms)

    # -- Its monitor --

    def require_audits(self) -> None:
        """Have its watches read anew: every group is audited at the next heartbeat, if its peer has news."""
        if self._running is not None:
            self._running.monitor.refresh()

    def awaits_audits(self) -> bool:
        """Whether an audit is required, or under way."""
        return self._running is not None and bool(self._running.monitor.required())

    def migrates(self) -> bool:
        """Whether a migration is under way, whatever a group says."""
        return self._running is not None and self._running.migrator.is_busy

    # -- What an operator does --

    def operator(self) -> Operator:
        """An operator of this site; the caller closes it."""
        return Operator(self.url, self.admin_password)

    def add_member(self, group: str, new: Member) -> Subcloud:
        """Have a subcloud that is deployed, online, managed, and a member of a group here."""
        with self.rows() as rows:
            found = rows.groups.find(name=group)
            row = rows.subclouds.add(
                name=new.name,
                region_name=uuid.uuid4().hex,
                description=new.bootstrap_values.get("description"),
                location=new.bootstrap_values.get("location"),
                management_state="managed",
                availability="online",
                deploy_status="complete",
                # A file's texts are those of the subcloud, as they are for the site that gets a copy.
                peer_group_id=None if found is None else found.id,
                saved_payload=new.bootstrap_values | {"bootstrap-address": new.bootstrap_address},
                install_values=new.install_values,
            )
            return replace(row)


def _copied(row: AnyRow | None, name: str) -> AnyRow:
    if row is None:
        raise LookupError(name)
    return replace(row)
