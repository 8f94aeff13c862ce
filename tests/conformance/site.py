"""The site that the requests meet: in this process, filled, with other sites that are fakes, and put back to
where it began whenever another chain of requests begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask
from sqlalchemy import delete, insert, select

import dcapi
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.models import Base
from dcapi.peers.errors import PeerUnavailable
from dcapi.runtime import Runtime
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.integration.bad_input import world
from tests.site_client import SiteClient

ACCEPTS = ("application/json", "*/*")
# Jobs after each request: what a request sets off is on its way when the next one comes.
JOBS_AFTER_A_REQUEST = 20
# Requests that belong to no chain, before the site begins anew.
REQUESTS_BEFORE_ANEW = 40
# Every so many-th system peer is one that does not answer.
AWAY = 3


class OpenPeers(FakePeers):
    """A fake for whatever system peer there is. Nothing is sent anywhere, whichever address it has."""

    def __init__(self) -> None:
        super().__init__({})
        # The UUID of the site that calls, which the others know; empty until it is known here.
        self.caller = ""

    def client(self, address: Any, before_request: Any = None) -> FakePeer:
        if address.id not in self.fakes:
            self.fakes[address.id] = self._made(address.id, address.uuid)
        return super().client(address, before_request)

    def _made(self, peer_id: int, peer_uuid: str) -> FakePeer:
        fake = FakePeer(FakeSite(peer_uuid))
        fake.site.put_system_peer(self.caller)
        if peer_id % AWAY == 0:
            fake.fail(PeerUnavailable("Fake peer: no answer"), times=None)
        return fake


class Site:
    """A WSGI application that counts its requests, and can begin anew."""

    def __init__(self, app: Flask, peers: OpenPeers) -> None:
        self.app = app
        self.requests = 0
        # Whether a request belongs to a chain, during which the site stays as the chain makes it.
        self.in_a_chain = False
        self._statuses: Counter[int] = Counter()
        self.operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        self._parts: Runtime = app.extensions[EXTENSION]
        self._peers = peers
        peers.caller = self._parts.site.uuid
        other_site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, "dcmanager/1.0")
        world.build(app, self.operator, other_site)
        self._rows = self._read()

    @property
    def token(self) -> str:
        return self.operator.headers["X-Auth-Token"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self.in_a_chain and self.requests % REQUESTS_BEFORE_ANEW == 0:
            self.begin_anew()
        self.requests += 1
        environ["HTTP_ACCEPT"] = ACCEPTS[self.requests % len(ACCEPTS)]

        def counting(status: str, *more: Any) -> Any:
            self._statuses[int(status.split()[0])] += 1
            return start_response(status, *more)

        answer = list(self.app(environ, counting))
        self._parts.jobs.run_waiting(limit=JOBS_AFTER_A_REQUEST)  # type: ignore[attr-defined]
        return answer

    @contextmanager
    def watched(self, statuses: Counter[int]) -> Iterator[None]:
        """Count the statuses of the answers, and the requests from 0 on."""
        self.requests, self._statuses = 0, statuses
        yield

    def begin_anew(self) -> None:
        """Put back every row, and let the other sites forget what they were sent."""
        self._parts.jobs.run_waiting()  # type: ignore[attr-defined]
        self._peers.fakes.clear()
        with self.app.app_context():
            connection = db.session.connection()
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
            for name, rows in self._rows.items():
                if rows:
                    connection.execute(insert(Base.metadata.tables[name]), rows)
            db.session.commit()

    def _read(self) -> dict[str, list[dict[str, Any]]]:
        with self.app.app_context():
            connection = db.session.connection()
            return {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in Base.metadata.sorted_tables
            }


@contextmanager
def serving(prepared: Path, folder: Path, **settings: Any) -> Iterator[Site]:
    """A filled site on the database that the settings name."""
    peers = OpenPeers()
    with (
        patch.object(dcapi, "Peers", lambda *_: peers),
        make_site(prepared, folder, PREFER_WAIT_MAX=0, **settings) as app,
    ):
        app.testing = False  # an unexpected error is answered, as in service
        yield Site(app, peers)
