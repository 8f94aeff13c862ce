"""What the tests of syncs do to a site: a change, a sweep, a second group."""

from __future__ import annotations

from dcapi.sync.changes import association_changed, lock_association
from dcapi.sync.reconcile import Reconciler, associations_outstanding
from tests.integration.sync.conftest import Site


def sweep(site: Site) -> int:
    """What the reconciler does now and then; returns how many jobs it found."""
    found = Reconciler(site.runtime, [associations_outstanding]).sweep()
    site.run_jobs()
    return found


def change(site: Site) -> None:
    """A change whose hint is lost."""
    with site.runtime.unit_of_work() as session:
        association = lock_association(session, 1)
        assert association is not None
        association_changed(association)
        session.commit()


def add_group(site: Site, name: str = "buses") -> int:
    group = site.good(site.operator.post("/subcloud-peer-groups", json={"peer-group-name": name}))
    group_id: int = group["id"]
    return group_id


def associate(site: Site, group_id: int, peer_id: int = 1) -> int:
    body = {"peer_group_id": group_id, "system_peer_id": peer_id, "peer_group_priority": 1}
    association = site.good(site.operator.post("/peer-group-associations", json=body))
    association_id: int = association["id"]
    return association_id


def status_of(site: Site, association_id: int) -> str:
    answer = site.good(site.operator.get(f"/peer-group-associations/{association_id}"))
    status: str = answer["sync-status"]
    return status
