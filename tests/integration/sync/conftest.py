"""A site whose peer is a fake in memory: every call can be counted, failed, or cut after it took effect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, PushedMember
from dcapi.models.secret_values import data_install
from tests.conftest import ADMIN_PASSWORD
from tests.fakes.peer import FakePeer
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID, SiteBesidePeer, app_beside, peer_body, subcloud_row
from tests.site_client import SiteClient


@dataclass
class Site(SiteBesidePeer):
    """A site that leads its group, and the peer that gets copies of the members."""

    def add_member(self, name: str = "edge-1", group_id: int | None = 1, **values: Any) -> int:
        """A deployed subcloud of the group, without the way there."""
        row = subcloud_row(
            name,
            saved=values,
            description="rack 4",
            location="Ottawa",
            management_state="managed",
            availability_status="online",
            deploy_status="complete",
            peer_group_id=group_id,
        )
        data_install.write(row, {"bmc_address": "10.20.30.41", "bmc_password": "c2VjcmV0"})
        return self.write(row)

    def associate(self) -> dict[str, Any]:
        """Create the association of group 1 with the peer; its sync waits as a job."""
        body = {"peer_group_id": 1, "system_peer_id": 1, "peer_group_priority": 1}
        return self.good(self.operator.post("/peer-group-associations", json=body))

    def ask_for_sync(self) -> dict[str, Any]:
        return self.good(self.operator.patch("/peer-group-associations/1/sync"))

    def association(self) -> dict[str, Any]:
        return self.good(self.operator.get("/peer-group-associations/1"))

    def standing(self) -> tuple[str, str | None]:
        """The status here, and what the peer was told last (None: there is no association there)."""
        shown: dict[str, Any] = next(iter(self.there.associations.values()), {})
        return self.association()["sync-status"], shown.get("sync-status")

    def row(self) -> PeerGroupAssociation:
        return self.read(PeerGroupAssociation)

    def ledger(self) -> dict[str, tuple[bool, bool]]:
        """Region name → (its arrival was seen, it was removed again)."""
        with self.runtime.unit_of_work() as session:
            return {row.region_name: (row.digest is not None, row.removed) for row in _ledger(session)}


def _ledger(session: Session) -> list[PushedMember]:
    return list(session.scalars(select(PushedMember)))


@contextmanager
def leading_site(
    prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[Site]:
    """A site with a group (id 1) and a system peer (id 1) whose other end is a fake."""
    peer = FakePeer(FakeSite(PEER_UUID))
    with app_beside({1: peer}, prepared, folder, monkeypatch, **settings) as app:
        site = Site(app, SiteClient.logged_in(app, "admin", ADMIN_PASSWORD), peer)
        site.there.put_system_peer(site.runtime.site.uuid)
        site.good(site.operator.post("/subcloud-peer-groups", json={"peer-group-name": "trains"}))
        site.good(site.operator.post("/system-peers", json=peer_body()))
        yield site


@pytest.fixture
def site(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    with leading_site(prepared_instance, tmp_path, monkeypatch, SQLALCHEMY_DATABASE_URI=database_uri) as made:
        yield made


def in_sync(site: Site, *names: str) -> None:
    """Members that reached the peer, and a quiet association; the calls that it took are forgotten."""
    for name in names or ("edge-1", "edge-2"):
        site.add_member(name)
    site.associate()
    site.run_jobs()
    assert site.standing() == ("in-sync", "in-sync")
    site.peer.calls.clear()


@pytest.fixture
def quiet(site: Site) -> Site:
    """A site in sync with its peer, with one member."""
    in_sync(site, "edge-1")
    return site
