"""A site whose peer is a fake in memory: every call can be counted, failed, or cut after it took effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import dcapi
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.models import PeerGroupAssociation, PushedMember, Subcloud
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.parts import Parts
from tests.conftest import ADMIN_PASSWORD, make_site
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.site_client import SiteClient

PEER_UUID = "11111111-2222-4333-8444-555555555555"


@dataclass
class Site:
    """The site under test and its one peer."""

    app: Flask
    operator: SiteClient
    peer: FakePeer

    @property
    def parts(self) -> Parts:
        built: Parts = self.app.extensions[EXTENSION]
        return built

    @property
    def there(self) -> FakeSite:
        return self.peer.site

    def run_jobs(self) -> int:
        """Run every job that was hinted."""
        jobs = self.parts.jobs
        assert isinstance(jobs, InlineJobs)
        return jobs.run_waiting()

    def add_member(self, name: str = "edge-1", group_id: int | None = 1, **values: Any) -> int:
        """A deployed subcloud of the group, without the way there."""
        row = Subcloud(
            name=name,
            region_name=f"region-of-{name}",
            description="rack 4",
            location="Ottawa",
            software_version="24.09",
            management_state="managed",
            availability_status="online",
            deploy_status="complete",
            management_subnet="192.168.101.0/24",
            management_start_ip="192.168.101.2",
            management_end_ip="192.168.101.50",
            management_gateway_ip="192.168.101.1",
            systemcontroller_gateway_ip="192.168.204.101",
            peer_group_id=group_id,
        )
        saved = {"name": name, "admin_password": "c2VjcmV0", "bootstrap-address": "10.10.10.12"}
        rehome_data.write(row, {"saved_payload": {**saved, **values}})
        data_install.write(row, {"bmc_address": "10.20.30.41", "bmc_password": "c2VjcmV0"})
        return self.write(row)

    def write(self, row: Any) -> int:
        with self.parts.unit_of_work() as session:
            session.add(row)
            session.commit()
            row_id: int = row.id
            return row_id

    def change(self, model: type[Any], row_id: int, **values: Any) -> None:
        with self.parts.unit_of_work() as session:
            row = session.get(model, row_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()

    def associate(self) -> dict[str, Any]:
        """Create the association of group 1 with the peer; its sync waits as a job."""
        body = {"peer_group_id": 1, "system_peer_id": 1, "peer_group_priority": 1}
        return self.good(self.operator.post("/peer-group-associations", json=body))

    def ask_for_sync(self) -> dict[str, Any]:
        return self.good(self.operator.patch("/peer-group-associations/1/sync"))

    def good(self, answer: Any) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json
        return body

    def association(self) -> dict[str, Any]:
        return self.good(self.operator.get("/peer-group-associations/1"))

    def standing(self) -> tuple[str, str | None]:
        """The status here, and what the peer was told last (None: there is no association there)."""
        shown: dict[str, Any] = next(iter(self.there.associations.values()), {})
        return self.association()["sync-status"], shown.get("sync-status")

    def row(self) -> PeerGroupAssociation:
        with self.parts.unit_of_work() as session:
            found = session.get(PeerGroupAssociation, 1)
            assert found is not None
            session.expunge_all()
            return found

    def ledger(self) -> dict[str, tuple[bool, bool]]:
        """Region name → (its arrival was seen, it was removed again)."""
        with self.parts.unit_of_work() as session:
            return {row.region_name: (row.digest is not None, row.removed) for row in _ledger(session)}


def _ledger(session: Session) -> list[PushedMember]:
    return list(session.scalars(select(PushedMember)))


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A site with a group (id 1) and a system peer (id 1) whose other end is a fake."""
    peer = FakePeer(FakeSite(PEER_UUID))
    monkeypatch.setattr(dcapi, "Peers", lambda _settings: FakePeers({1: peer}))
    with make_site(prepared_instance, tmp_path, SQLALCHEMY_DATABASE_URI=database_uri) as app:
        operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        site = Site(app, operator, peer)
        site.there.put_system_peer(site.parts.site.uuid)
        site.good(operator.post("/subcloud-peer-groups", json={"peer-group-name": "trains"}))
        site.good(operator.post("/system-peers", json=peer_body()))
        yield site


def peer_body(**values: Any) -> dict[str, Any]:
    return {
        "peer_uuid": PEER_UUID,
        "peer_name": "site-b",
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "manager_password": "c2VjcmV0",
        "peer_controller_gateway_address": "192.168.204.102",
        **values,
    }
