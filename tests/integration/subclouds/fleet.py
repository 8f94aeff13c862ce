"""A site with subclouds, peer groups and associations in whatever state a test begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dcapi.jobs.inline import InlineJobs
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.runtime import Runtime
from tests.integration.kept_tasks import due
from tests.site_client import SiteClient
from tests.subcloud_forms import ADDRESS, bootstrap_values, form, new_form, secondary_form

PEER_UUID = "3e7c3c52-6f0e-4fd1-9d5b-2a58f0c6a7aa"
ELSEWHERE = "8a1f0a0e-50d3-4a7e-8a5c-c1a4f7f0b001"


@dataclass
class Fleet:
    """Makes what a test needs, over the API where it can be made there."""

    operator: SiteClient
    other_site: SiteClient
    runtime: Runtime

    def deployed(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """A subcloud that is deployed, online and unmanaged."""
        answer = done(self.operator.post("/subclouds", **new_form(number, **changes)))
        self.run_jobs()
        return self.show(answer.json["id"])

    def managed(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """A subcloud that is managed and online."""
        subcloud = self.deployed(number, **changes)
        done(self.operator.patch(f"/subclouds/{subcloud['id']}", **form(management__state="managed")))
        return self.show(subcloud["id"])

    def member(self, group: str, number: int = 1, **changes: Any) -> dict[str, Any]:
        """A managed subcloud in a peer group."""
        subcloud = self.managed(number, **changes)
        joined = form(peer_group=group, bootstrap_values=bootstrap_values(number), bootstrap_address=ADDRESS)
        done(self.operator.patch(f"/subclouds/{subcloud['id']}", **joined))
        return self.show(subcloud["id"])

    def secondary(self, number: int = 1, group: str | None = None, **changes: Any) -> dict[str, Any]:
        """A subcloud that another site made here, and perhaps put into a group."""
        answer = done(self.other_site.post("/subclouds", **secondary_form(number, **changes)))
        if group is not None:
            region = answer.json["region-name"]
            done(self.other_site.patch(f"/subclouds/{region}", **form(peer_group=group)))
        return self.show(answer.json["id"])

    def group(self, name: str = "harbour", **more: Any) -> dict[str, Any]:
        body = {"peer-group-name": name, **more}
        group: dict[str, Any] = done(self.operator.post("/subcloud-peer-groups", json=body)).json
        return group

    def secondary_group(self, name: str = "harbour", leader: str = ELSEWHERE) -> dict[str, Any]:
        return self.group(name, **{"group-priority": 1, "system-leader-id": leader})

    def association(
        self, group_id: int, kind: str = "primary", status: str = "in-sync", availability: str = "created"
    ) -> int:
        """An association as it is after a while; written to the tables, so that nobody calls a peer."""
        with self.runtime.unit_of_work() as session:
            peer = SystemPeer(
                peer_uuid=PEER_UUID,
                peer_name="other-side",
                manager_endpoint="http://127.0.0.1:9/v3",
                manager_username="admin",
                manager_password="c2VhbA==",
                peer_controller_gateway_address="10.69.9.1",
                availability_state=availability,
            )
            session.add(peer)
            session.flush()
            association = PeerGroupAssociation(
                peer_group_id=group_id,
                system_peer_id=peer.id,
                peer_group_priority=1 if kind == "primary" else None,
                association_type=kind,
                sync_status=status,
            )
            session.add(association)
            session.commit()
            return association.id

    def standing(self, association_id: int) -> tuple[str, int]:
        """Status and revision of an association."""
        with self.runtime.unit_of_work() as session:
            query = select(PeerGroupAssociation.sync_status, PeerGroupAssociation.revision)
            row = session.execute(query.where(PeerGroupAssociation.id == association_id)).one()
            return row[0], row[1]

    def set_subcloud(self, subcloud_id: int, **values: Any) -> None:
        self._set(update(Subcloud).where(Subcloud.id == subcloud_id).values(**values))

    def set_group(self, group_id: int, **values: Any) -> None:
        self._set(update(SubcloudPeerGroup).where(SubcloudPeerGroup.id == group_id).values(**values))

    def _set(self, statement: Any) -> None:
        with self.runtime.unit_of_work() as session:
            session.execute(statement)
            session.commit()

    def show(self, subcloud_id: int | str) -> dict[str, Any]:
        answer: dict[str, Any] = done(self.operator.get(f"/subclouds/{subcloud_id}")).json
        return answer

    def run_sweep(self) -> None:
        """What the reconciler finds due in the life of subclouds, done."""
        for one in due(self.runtime):
            self.runtime.jobs.submit(one.name, one.key, delay=0.0, **one.ids)
        self.run_jobs()

    def run_jobs(self) -> int:
        assert isinstance(self.runtime.jobs, InlineJobs)
        return self.runtime.jobs.run_waiting()


def done(answer: TestResponse) -> Any:
    """The answer, which must be a success; what its JSON is, the test knows better than the type checker."""
    assert answer.status_code == 200, answer.text
    return answer


def refused(answer: Any, code: int, text: str) -> None:
    """The answer must be this error."""
    assert (answer.status_code, answer.json["description"]) == (code, text)
