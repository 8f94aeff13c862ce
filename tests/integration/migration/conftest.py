"""A site with a copy of a peer's group, to take over: what a secondary site has after a sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

import dcapi
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.models import (
    Base,
    Operation,
    PeerGroupAssociation,
    Subcloud,
    SubcloudEndpoint,
    SubcloudPeerGroup,
)
from dcapi.models.secret_values import rehome_data
from dcapi.models.states import ENDPOINT_TYPES
from dcapi.parts import Parts
from dcapi.peers.errors import PeerUnavailable
from dcapi.sync.changes import ATTEND_JOB
from dcapi.sync.migrate import migrations_due
from dcapi.sync.reconcile import Reconciler
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.integration.sync.conftest import PEER_UUID, peer_body
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD

GROUP = "trains"
AWAY = PeerUnavailable("Peer site-a: connection refused")


@dataclass
class Survivor:
    """The site under test (secondary, unless made otherwise) and the site that leads its group."""

    app: Flask
    operator: SiteClient
    other_site: SiteClient
    peer: FakePeer

    @property
    def parts(self) -> Parts:
        built: Parts = self.app.extensions[EXTENSION]
        return built

    @property
    def there(self) -> FakeSite:
        return self.peer.site

    # -- What a test puts there --

    def add_member(self, name: str = "edge-1", **values: Any) -> int:
        """A copy of a subcloud that the other site manages."""
        row = Subcloud(
            name=name,
            region_name=f"region-of-{name}",
            software_version="24.09",
            deploy_status="secondary",
            management_subnet="192.168.101.0/24",
            management_start_ip="192.168.101.2",
            management_end_ip="192.168.101.50",
            management_gateway_ip="192.168.101.1",
            systemcontroller_gateway_ip="192.168.204.101",
            peer_group_id=1,
        )
        saved = {"name": name, "admin_password": "c2VjcmV0", "bootstrap-address": "10.10.10.12"}
        rehome_data.write(row, {"saved_payload": saved})
        for key, value in values.items():
            setattr(row, key, value)
        with self.parts.unit_of_work() as session:
            session.add(row)
            session.flush()
            session.add_all(
                SubcloudEndpoint(subcloud_id=row.id, endpoint_type=kind) for kind in ENDPOINT_TYPES
            )
            session.commit()
            subcloud_id = row.id
        self.there.put_subcloud(
            name,
            f"region-of-{name}",
            deploy__status="complete",
            management__state="managed",
            peer_group_id=self.there.group_named(GROUP)["id"],
        )
        return subcloud_id

    def be_away(self) -> None:
        """The other site answers nothing any more."""
        self.peer.fail(AWAY, times=None)

    def change(self, model: type[Base], row_id: int, **values: Any) -> None:
        with self.parts.unit_of_work() as session:
            row = session.get(model, row_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()

    # -- What is done --

    def migrate(self, **values: Any) -> TestResponse:
        body = {"sysadmin_password": PASSWORD, **values}
        return self.operator.patch(f"/subcloud-peer-groups/{GROUP}/migrate", json=body)

    def begin(self) -> list[str]:
        """Ask for a migration that is accepted; returns the names of the members that move."""
        answer = self.migrate()
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json["subclouds"]]  # type: ignore[index]

    @property
    def jobs(self) -> InlineJobs:
        jobs = self.parts.jobs
        assert isinstance(jobs, InlineJobs)
        return jobs

    def run_jobs(self) -> int:
        return self.jobs.run_waiting()

    def sweep(self) -> int:
        """Let the reconciler find what is due, and do it."""
        found = Reconciler(self.parts, [migrations_due]).sweep()
        self.run_jobs()
        return found

    # -- What a test looks at --

    def subcloud(self, name: str = "edge-1") -> dict[str, Any]:
        answer = self.operator.get(f"/subclouds/{name}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json  # type: ignore[assignment]
        return body

    def standing(self, name: str = "edge-1") -> tuple[str, str]:
        """Deploy status and management state."""
        shown = self.subcloud(name)
        return shown["deploy-status"], shown["management-state"]

    def group(self) -> SubcloudPeerGroup:
        with self.parts.unit_of_work() as session:
            found = session.get(SubcloudPeerGroup, 1)
            assert found is not None
            session.expunge_all()
            return found

    def association(self) -> PeerGroupAssociation:
        with self.parts.unit_of_work() as session:
            found = session.get(PeerGroupAssociation, 1)
            assert found is not None
            session.expunge_all()
            return found

    def steps(self) -> dict[str, str | None]:
        with self.parts.unit_of_work() as session:
            rows = session.execute(select(Subcloud.name, Subcloud.rehome_step).order_by(Subcloud.id))
            return {row.name: row.rehome_step for row in rows}

    def status(self) -> dict[str, Any]:
        body: dict[str, Any] = self.operator.get(f"/subcloud-peer-groups/{GROUP}/status").json  # type: ignore[assignment]
        return body

    def operations(self) -> int:
        with self.parts.unit_of_work() as session:
            return len(list(session.scalars(select(Operation.id))))

    def expect_complete(self) -> None:
        """The group is led by this site, and nothing of the migration is left."""
        group = self.group()
        assert (group.migration_status, group.migrating_here) == ("complete", False)
        assert (group.system_leader_id, group.system_leader_name) == (
            self.parts.site.uuid,
            self.parts.site.name,
        )
        assert self.operations() == 0
        assert set(self.steps().values()) <= {None}
        assert self.association().audit_to_ask


@contextmanager
def surviving_site(
    prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[Survivor]:
    peer = FakePeer(FakeSite(PEER_UUID, "site-a"))
    monkeypatch.setattr(dcapi, "Peers", lambda _settings: FakePeers({1: peer}))
    with make_site(prepared, folder, REHOME_RETRY_SECONDS=0, **settings) as app:
        operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        other_site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
        site = Survivor(app, operator, other_site, peer)
        # What an audit makes of a migration is tested with the audit.
        site.jobs._functions[ATTEND_JOB] = lambda **_: None
        body = peer_body(peer_name="site-a")
        assert operator.post("/system-peers", json=body).status_code == 200
        own_id = site.there.put_system_peer(site.parts.site.uuid, "site-b")
        group_id = site.there.put_group(GROUP, priority=0)
        site.there.put_association(group_id, own_id, **{"association-type": "primary"})
        group = {
            "peer-group-name": GROUP,
            "group-priority": 1,
            "system-leader-id": PEER_UUID,
            "system-leader-name": "site-a",
        }
        assert operator.post("/subcloud-peer-groups", json=group).status_code == 200
        pair = {"peer_group_id": 1, "system_peer_id": 1}
        assert operator.post("/peer-group-associations", json=pair).status_code == 200
        site.change(PeerGroupAssociation, 1, sync_status="in-sync")
        site.run_jobs()
        site.peer.calls.clear()
        yield site


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Survivor]:
    with surviving_site(
        prepared_instance, tmp_path, monkeypatch, SQLALCHEMY_DATABASE_URI=database_uri
    ) as made:
        yield made
