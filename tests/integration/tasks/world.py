"""A site with subclouds at everything that takes long, a deployer that answers as it is told, and a peer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from dcapi.deploy.port import Aborted, AbortState, Done, Phase, Running, StepState, Target
from dcapi.models import PeerGroupAssociation, Subcloud, SubcloudPeerGroup, Task
from dcapi.models.states import Deploy, RehomeStep, TaskName
from tests.conftest import ADMIN_PASSWORD
from tests.integration.sync.world import PEERS, ModelPeer, World, member_row, peer_row
from tests.site_client import SiteClient

OURS, THEIRS, FREE = "trains", "buses", "ferries"
GROUPS = (OURS, THEIRS, FREE)
# In OURS, in THEIRS (copies of what the peer manages), and in no group.
NUMBERS = {OURS: (1, 2), THEIRS: (3, 4), None: (5,)}

Work = tuple[str, int | None]


class TalkingDeployer:
    """Says of every phase what it was told to say last; one that is done was shown as going on first."""

    longest_pause = 30.0

    def __init__(self) -> None:
        self.says: StepState = Done()

    def begin(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        return Running(0.0) if self.says == Done() else self.says

    def poll(self, phase: Phase, target: Target) -> StepState:  # noqa: ARG002
        return self.says

    def abort(self, phase: Phase, target: Target) -> AbortState:  # noqa: ARG002
        return Aborted()

    def delete(self, target: Target) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing runs."""


class Works(World):
    """The site, whose group OURS the peer has a copy of, and which has a copy of the peer's group THEIRS."""

    def __init__(self, app: Any, deployer: TalkingDeployer) -> None:
        super().__init__(app)
        self.deployer = deployer
        self.other_site = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD, user_agent="dcmanager/1.0")

    @property
    def peer(self) -> ModelPeer:
        return self.peers[1]

    def rows(self) -> list[Any]:
        own = {"system_leader_id": self.runtime.site.uuid, "system_leader_name": "site-a"}
        peers = {"system_leader_id": PEERS[1], "system_leader_name": "site-1"}
        return [
            SubcloudPeerGroup(peer_group_name=OURS, **own),
            SubcloudPeerGroup(peer_group_name=THEIRS, group_priority=1, **peers),
            SubcloudPeerGroup(peer_group_name=FREE, **own),
            *(peer_row(number) for number in PEERS),
            *(
                _subcloud(number, GROUPS.index(group) + 1 if group else None)
                for group, numbers in NUMBERS.items()
                for number in numbers
            ),
        ]

    def reset(self) -> None:
        super().reset()
        self.deployer.says = Done()
        there = self.peer.site
        own_id = next(iter(there.system_peers))
        ours = there.put_group(OURS, leader=self.runtime.site.uuid, system_leader_name="site-a")
        theirs = there.put_group(THEIRS, priority=0)
        told = {"sync-status": "in-sync"}
        remote = [
            there.put_association(ours, own_id, **told),
            there.put_association(theirs, own_id, **told, **{"association-type": "primary"}),
        ]
        self._associate(1, ours, remote[0], "primary")
        self._associate(2, theirs, remote[1], "non-primary")
        lives = {"deploy__status": "complete", "management__state": "managed"}
        for group, group_id, values in ((OURS, ours, {}), (THEIRS, theirs, lives)):
            for number in NUMBERS[group]:
                name = f"quay-{number}"
                there.put_subcloud(name, f"region-of-{name}", peer_group_id=group_id, **values)

    def _associate(self, group_id: int, remote_group: int, remote_id: int, kind: str) -> None:
        row = PeerGroupAssociation(
            peer_group_id=group_id,
            system_peer_id=1,
            peer_group_priority=1 if kind == "primary" else None,
            association_type=kind,
            sync_status="in-sync",
            told_status="in-sync",
            remote_group_id=remote_group,
            remote_association_id=remote_id,
        )
        with self.session() as session:
            session.add(row)
            session.commit()

    # -- What is looked at --

    def tasks(self) -> set[Work]:
        with self.session() as session:
            return {(row.kind, row.subject_id) for row in session.execute(select(Task.kind, Task.subject_id))}

    def under_way(self) -> set[Work]:
        """The work that goes on as statuses show it."""
        found: set[Work] = set()
        for row in self.read(Subcloud):
            found |= {(kind, row.id) for kind in _work_on(row)}
            if row.rehome_step == RehomeStep.WAITING:
                found.add((TaskName.MIGRATE, row.peer_group_id))
        groups = self.read(SubcloudPeerGroup)
        return found | {(TaskName.MIGRATE, group.id) for group in groups if group.migrating_here}

    def subclouds(self) -> list[str]:
        return [row.name for row in self.read(Subcloud)]


DEPLOYING = (
    *("pre-deploy", "creating", "create-complete", "pre-install", "installing", "install-complete"),
    *("pre-bootstrap", "bootstrapping", "bootstrap-complete", "pre-config", "configuring"),
)


def _work_on(row: Subcloud) -> set[str]:
    is_at_a_step = row.rehome_step not in (None, RehomeStep.WAITING)
    is_rehoming = row.deploy_status in ("pre-rehome", "rehoming")
    shown = {
        TaskName.DEPLOY: row.deploy_status in DEPLOYING or (is_rehoming and row.rehome_step is None),
        TaskName.RECONFIGURE_NETWORK: row.deploy_status == "reconfiguring-network",
        TaskName.PRESTAGE: row.prestage_status == "prestaging",
        TaskName.REHOME: is_at_a_step,
    }
    return {kind for kind, goes_on in shown.items() if goes_on}


def _subcloud(number: int, group_id: int | None) -> Subcloud:
    row = member_row(number)
    row.peer_group_id = group_id
    if number in NUMBERS[THEIRS]:
        row.management_state, row.availability_status = "unmanaged", "offline"
        row.deploy_status = Deploy.SECONDARY
    return row
