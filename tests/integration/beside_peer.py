"""A site whose one peer is a fake in memory: what tests of syncs, audits and migrations have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask import Flask

import dcapi
from dcapi.api.request import EXTENSION
from dcapi.jobs.inline import InlineJobs
from dcapi.models import Base, Subcloud
from dcapi.models.secret_values import rehome_data
from dcapi.runtime import Runtime
from tests.conftest import make_site
from tests.fakes.peer import FakePeer, FakePeers
from tests.fakes.peer_site import FakeSite
from tests.site_client import SiteClient

Row = TypeVar("Row", bound=Base)

PEER_UUID = "11111111-2222-4333-8444-555555555555"


@dataclass
class SiteBesidePeer:
    """The site under test and its one peer."""

    app: Flask
    operator: SiteClient
    peer: FakePeer

    @property
    def runtime(self) -> Runtime:
        built: Runtime = self.app.extensions[EXTENSION]
        return built

    @property
    def there(self) -> FakeSite:
        return self.peer.site

    @property
    def jobs(self) -> InlineJobs:
        jobs = self.runtime.jobs
        assert isinstance(jobs, InlineJobs)
        return jobs

    def run_jobs(self) -> int:
        """Run every job that was hinted."""
        return self.jobs.run_waiting()

    # -- Rows --

    def write(self, *rows: Any) -> int:
        """Store rows in one transaction; returns the id of the first."""
        with self.runtime.unit_of_work() as session:
            session.add_all(rows)
            session.commit()
            row_id: int = rows[0].id
            return row_id

    def change(self, model: type[Base], row_id: int, **values: Any) -> None:
        with self.runtime.unit_of_work() as session:
            row = session.get(model, row_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.commit()

    def read(self, model: type[Row], row_id: int = 1) -> Row:
        """A row as it is now, apart from any session."""
        with self.runtime.unit_of_work() as session:
            found = session.get(model, row_id)
            assert found is not None
            session.expunge_all()
            return found

    # -- Answers --

    def good(self, answer: Any) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json
        return body


@contextmanager
def app_beside(
    fakes: dict[int, FakePeer],
    prepared: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Any,
) -> Iterator[Flask]:
    """A site that meets fakes, by the id of the system peer, wherever it calls its peers."""
    monkeypatch.setattr(dcapi, "Peers", lambda *_: FakePeers(dict(fakes)))
    with make_site(prepared, folder, **settings) as app:
        yield app


# What every subcloud of these tests is made of: nobody deploys them, so that they may all have one network.
NETWORKS = {
    "system_mode": "simplex",
    "management_subnet": "192.168.101.0/24",
    "management_start_address": "192.168.101.2",
    "management_end_address": "192.168.101.50",
    "management_gateway_address": "192.168.101.1",
    "external_oam_subnet": "10.10.10.0/24",
    "external_oam_gateway_address": "10.10.10.1",
    "external_oam_floating_address": "10.10.10.12",
    "systemcontroller_gateway_address": "192.168.204.101",
}


def subcloud_row(name: str, saved: dict[str, Any] | None = None, **columns: Any) -> Subcloud:
    """A subcloud of group 1; ``saved`` goes over its rehome values, ``columns`` over everything else."""
    values = {
        "name": name,
        "region_name": f"region-of-{name}",
        "software_version": "24.09",
        "management_subnet": "192.168.101.0/24",
        "management_start_ip": "192.168.101.2",
        "management_end_ip": "192.168.101.50",
        "management_gateway_ip": "192.168.101.1",
        "systemcontroller_gateway_ip": "192.168.204.101",
        "peer_group_id": 1,
    }
    row = Subcloud(**values | columns)
    payload = {**NETWORKS, "name": name, "admin_password": "c2VjcmV0", "bootstrap-address": "10.10.10.12"}
    rehome_data.write(row, {"saved_payload": payload | (saved or {})})
    return row


def peer_body(**values: Any) -> dict[str, Any]:
    """What an operator says of the peer: a request's body, or the columns of its row."""
    return {
        "peer_uuid": PEER_UUID,
        "peer_name": "site-b",
        "manager_endpoint": "http://127.0.0.1:9/v3",
        "manager_username": "admin",
        "manager_password": "c2VjcmV0",
        "peer_controller_gateway_address": "192.168.204.102",
        **values,
    }
