"""The other site twice, the fake of the tests and this application behind the real client, set up alike."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from sqlalchemy import update
from werkzeug.serving import make_server

from dcapi.api.request import EXTENSION
from dcapi.models import Base, PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.peers.address import PeerAddress
from dcapi.peers.directory import Peers
from dcapi.peers.port import PeerPort
from dcapi.runtime import Runtime
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.fakes.peer import FakePeer
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import peer_body

HERE = "11111111-1111-4111-8111-111111111111"
KEPT_TABLES = {"site", "subcloud_group"}


class OtherSite(ABC):
    """A site that is called over ``peer``; the rest is what its operator, or its own work, does there."""

    peer: PeerPort

    @abstractmethod
    def put_system_peer(self) -> int:
        """Make the system peer that stands for the caller's site; returns its id."""

    @abstractmethod
    def set_system_peer(self, **columns: Any) -> None:
        """Change that system peer."""

    @abstractmethod
    def set_group(self, **columns: Any) -> None:
        """Change every group."""

    @abstractmethod
    def set_association(self, **columns: Any) -> None:
        """Change every association."""

    @abstractmethod
    def set_subcloud(self, **columns: Any) -> None:
        """Change every subcloud."""


class FakeOtherSite(OtherSite):
    peer: FakePeer

    def __init__(self) -> None:
        self.site = FakeSite()
        self.peer = FakePeer(self.site)

    def put_system_peer(self) -> int:
        return self.site.put_system_peer(HERE)

    def set_system_peer(self, **columns: Any) -> None:
        _set_all(self.site.system_peers, columns)

    def set_group(self, **columns: Any) -> None:
        for row in self.site.groups.values():
            row |= columns

    def set_association(self, **columns: Any) -> None:
        _set_all(self.site.associations, columns)

    def set_subcloud(self, **columns: Any) -> None:
        _set_all(self.site.subclouds, columns)


def _set_all(rows: dict[int, dict[str, Any]], columns: dict[str, Any]) -> None:
    for row in rows.values():
        row |= {name.replace("_", "-"): value for name, value in columns.items()}


class RealOtherSite(OtherSite):
    def __init__(self, peer: PeerPort, runtime: Runtime) -> None:
        self.peer = peer
        self._parts = runtime

    def put_system_peer(self) -> int:
        with self._parts.unit_of_work() as session:
            row = SystemPeer(**peer_body(peer_uuid=HERE, peer_name="site-a"))
            session.add(row)
            session.commit()
            return row.id

    def set_system_peer(self, **columns: Any) -> None:
        self._set(SystemPeer, columns)

    def set_group(self, **columns: Any) -> None:
        self._set(SubcloudPeerGroup, columns)

    def set_association(self, **columns: Any) -> None:
        self._set(PeerGroupAssociation, columns)

    def set_subcloud(self, **columns: Any) -> None:
        self._set(Subcloud, columns)

    def _set(self, model: type[Base], columns: dict[str, Any]) -> None:
        with self._parts.unit_of_work() as session:
            session.execute(update(model).values(**columns))
            session.commit()

    def be_empty(self) -> None:
        """Forget all but who the site is."""
        with self._parts.unit_of_work() as session:
            for table in reversed(Base.metadata.sorted_tables):
                if table.name not in KEPT_TABLES:
                    session.execute(table.delete())
            session.commit()


@contextmanager
def real_site(prepared: Path, folder: Path) -> Iterator[RealOtherSite]:
    """This application on a port of its own, with the client that calls it."""
    server = make_server("127.0.0.1", 0, Flask("nothing yet"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    with make_site(prepared, folder, PUBLIC_URL=url) as app:
        server.app = app
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        runtime: Runtime = app.extensions[EXTENSION]
        peers = Peers(runtime.settings)
        try:
            yield RealOtherSite(peers.client(_address(f"{url}/v3")), runtime)
        finally:
            peers.close()
            server.shutdown()
            thread.join()
            server.server_close()


def _address(endpoint: str) -> PeerAddress:
    return PeerAddress(
        id=1,
        uuid="22222222-2222-4222-8222-222222222222",
        name="site-b",
        endpoint=endpoint,
        username="admin",
        password=base64.b64encode(ADMIN_PASSWORD.encode()).decode(),
        gateway_address="192.168.204.102",
        enabled=True,
    )
