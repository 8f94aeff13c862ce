"""A site with a copy of a peer's group, to take over: what a secondary site has after a sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from dcapi import KINDS
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudEndpoint, SubcloudPeerGroup
from dcapi.models.states import ENDPOINT_TYPES
from dcapi.peers.errors import PeerUnavailable
from dcapi.sync.changes import ATTEND_JOB
from dcapi.sync.reconcile import Reconciler
from dcapi.tasks import leases
from dcapi.tasks.hold import Hold
from dcapi.tasks.runner import tasks_due
from tests.conftest import ADMIN_PASSWORD
from tests.fakes.peer import FakePeer
from tests.fakes.peer_site import FakeSite
from tests.integration.beside_peer import PEER_UUID, SiteBesidePeer, app_beside, peer_body, subcloud_row
from tests.integration.kept_tasks import tasks
from tests.site_client import SiteClient
from tests.subcloud_forms import PASSWORD

GROUP = "trains"
AWAY = PeerUnavailable("Peer site-a: connection refused")


@dataclass
class Survivor(SiteBesidePeer):
    """The site under test (secondary, unless made otherwise) and the site that leads its group."""

    other_site: SiteClient

    # -- What a test puts there --

    def add_member(self, name: str = "edge-1", **values: Any) -> int:
        """A copy of a subcloud that the other site manages."""
        subcloud_id = self.write(subcloud_row(name, **{"deploy_status": "secondary", **values}))
        self.write(
            *(SubcloudEndpoint(subcloud_id=subcloud_id, endpoint_type=kind) for kind in ENDPOINT_TYPES)
        )
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

    # -- What is done --

    def migrate(self, **values: Any) -> TestResponse:
        body = {"sysadmin_password": PASSWORD, **values}
        return self.operator.patch(f"/subcloud-peer-groups/{GROUP}/migrate", json=body)

    def begin(self) -> list[str]:
        """Ask for a migration that is accepted; returns the names of the members that move."""
        return [row["name"] for row in self.good(self.migrate())["subclouds"]]

    def sweep(self) -> int:
        """Let the reconciler find what is due, and do it."""
        found = Reconciler(self.runtime, [partial(tasks_due, self.runtime, KINDS)]).sweep()
        self.run_jobs()
        return found

    # -- What a test looks at --

    def subcloud(self, name: str = "edge-1") -> dict[str, Any]:
        return self.good(self.operator.get(f"/subclouds/{name}"))

    def standing(self, name: str = "edge-1") -> tuple[str, str]:
        """Deploy status and management state."""
        shown = self.subcloud(name)
        return shown["deploy-status"], shown["management-state"]

    def group(self) -> SubcloudPeerGroup:
        return self.read(SubcloudPeerGroup)

    def association(self) -> PeerGroupAssociation:
        return self.read(PeerGroupAssociation)

    def steps(self) -> dict[str, str | None]:
        with self.runtime.unit_of_work() as session:
            rows = session.execute(select(Subcloud.name, Subcloud.rehome_step).order_by(Subcloud.id))
            return {row.name: row.rehome_step for row in rows}

    def status(self) -> dict[str, Any]:
        return self.good(self.operator.get(f"/subcloud-peer-groups/{GROUP}/status"))

    def association_hold(self) -> Hold:
        """The lease under which the association is worked on."""
        hold = leases.take(self.runtime, leases.association_lease(1))
        assert hold is not None
        return hold

    def tasks(self) -> int:
        return len(tasks(self.runtime))

    def expect_complete(self) -> None:
        """The group is led by this site, and nothing of the migration is left."""
        group = self.group()
        assert (group.migration_status, group.migrating_here) == ("complete", False)
        assert (group.system_leader_id, group.system_leader_name) == (
            self.runtime.site.uuid,
            self.runtime.site.name,
        )
        assert self.tasks() == 0
        assert set(self.steps().values()) <= {None}
        assert self.association().unfollowed


@contextmanager
def surviving_site(
    prepared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> Iterator[Survivor]:
    peer = FakePeer(FakeSite(PEER_UUID, "site-a"))
    with app_beside({1: peer}, prepared, folder, monkeypatch, REHOME_RETRY_SECONDS=0, **settings) as app:
        operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
        other_site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")
        site = Survivor(app, operator, peer, other_site)
        # What an audit makes of a migration is tested with the audit.
        site.jobs._functions[ATTEND_JOB] = lambda **_: None
        site.good(operator.post("/system-peers", json=peer_body(peer_name="site-a")))
        own_id = site.there.put_system_peer(site.runtime.site.uuid, "site-b")
        group_id = site.there.put_group(GROUP, priority=0)
        site.there.put_association(group_id, own_id, **{"association-type": "primary"})
        group = {
            "peer-group-name": GROUP,
            "group-priority": 1,
            "system-leader-id": PEER_UUID,
            "system-leader-name": "site-a",
        }
        site.good(operator.post("/subcloud-peer-groups", json=group))
        pair = {"peer_group_id": 1, "system_peer_id": 1}
        site.good(operator.post("/peer-group-associations", json=pair))
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
