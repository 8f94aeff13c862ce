"""Tasks by model: whatever happens, a status that says "under way" has its task, and a task its status.

``DCAPI_MODEL_EXAMPLES`` sets how many runs there are; with ``DCAPI_MODEL_RANDOM`` each time others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import update

import dcapi
from dcapi.deploy.port import Done, Failed, Running, StepState
from dcapi.jobs.backlog import Backlog
from dcapi.models import Subcloud, SubcloudPeerGroup, Task
from dcapi.models.states import TaskName
from dcapi.peers.errors import PeerUnavailable
from dcapi.services import association_lookup, peer_groups
from dcapi.sync import attributes
from dcapi.sync.run import cleaning, push
from dcapi.sync.takeover import claim
from dcapi.sync.watch import heartbeat
from dcapi.tasks import runner
from dcapi.tasks.runner import forget_secrets
from tests.integration.beside_peer import app_beside
from tests.integration.kept_tasks import let_expire, make_due
from tests.integration.model_profile import examples_or, profile_of
from tests.integration.subclouds.verbs import NETWORK, WITH_ACCESS
from tests.integration.sync.world import Crash, Inline, World
from tests.integration.tasks.world import FREE, GROUPS, OURS, THEIRS, TalkingDeployer, Works
from tests.subcloud_forms import ADDRESS, PASSWORD, bootstrap_values, form, install_values, new_form

# Their subject has no status that shows them: a row that is gone, a change whose process died.
WITHOUT_STATUS = frozenset({TaskName.UNDEPLOY, TaskName.GROUP_ATTRIBUTES})
NEW = (6, 7)
names = st.sampled_from([f"quay-{number}" for number in range(1, max(NEW) + 1)])
groups = st.sampled_from(GROUPS)
says = st.sampled_from([Running(30.0), Done(), Failed("no power")])
soon = st.integers(1, 12)
# Rules and what they are given.
BEGINNINGS: list[tuple[Any, ...]] = [
    ("prestage", "quay-1"),
    ("prestage", "quay-2"),
    ("reconfigure", "quay-1", True),
    ("redeploy", "quay-2", True),
    ("migrate", THEIRS),
]
# Steps after which everything that goes on must have ended.
ENOUGH = 60


def lose_jobs(world: Works) -> None:
    world.jobs._waiting = Backlog(1000)


def lose_secrets(world: Works) -> None:
    let_expire(world.runtime)
    forget_secrets(world.runtime)


class Working(RuleBasedStateMachine):
    """Operators, another site, the deployer and chance do things to one site."""

    world: Works

    def __init__(self) -> None:
        super().__init__()
        self.world.reset()

    # -- What must hold --

    @invariant()
    def statuses_and_tasks_agree(self) -> None:
        tasks = {work for work in self.world.tasks() if work[0] not in WITHOUT_STATUS}
        assert tasks == self.world.under_way()

    def attempt(self, work: Callable[[], Any]) -> None:
        """Do something that may be cut off by the death of the process."""
        self.world.working = True
        try:
            work()
        except Crash:
            self.world.restart()
        finally:
            self.world.working = False
        failed = {name: counts["failed"] for name, counts in self.world.jobs.counts().items()}
        assert not any(failed.values()), failed

    def ask(self, method: str, path: str, *, by: str = "operator", **options: Any) -> None:
        """A request that may be refused, but not fail."""
        client = self.world.operator if by == "operator" else self.world.other_site

        def call() -> None:
            answer = client.call(method, path, **options)
            assert answer.status_code < 500 or answer.status_code == 503, answer.text

        self.attempt(call)

    def existing(self, name: str) -> str:
        """The subcloud, or another one that is there: to do something to none teaches nothing."""
        known = self.world.subclouds()
        return name if name in known else known[0]

    @initialize(says=says, begun=st.lists(st.sampled_from(BEGINNINGS), max_size=3, unique=True))
    def begin(self, says: StepState, begun: list[tuple[Any, ...]]) -> None:
        """Some work is under way from the start: what follows meets it in the middle."""
        self.tell_the_deployer(says)
        for verb, *arguments in begun:
            getattr(self, verb)(*arguments)
            self.run_jobs(3)

    # -- What an operator does --

    @rule(number=st.sampled_from(NEW), kind=st.sampled_from(["plain", "install", "migrate", "secondary"]))
    def create(self, number: int, kind: str) -> None:
        more: dict[str, dict[str, Any]] = {
            "plain": {},
            "install": {"install_values": install_values(), "bmc_password": PASSWORD},
            "migrate": {"migrate": "true"},
            "secondary": {"secondary": "true", "sysadmin_password": None},
        }
        self.ask("POST", "/subclouds", **new_form(number, **more[kind]))

    @rule(name=names, prepared=st.booleans())
    def redeploy(self, name: str, prepared: bool) -> None:
        name = self.existing(name)
        if prepared:
            self.take_off_the_air(name)
        values = {"install_values": install_values(), "bmc_password": PASSWORD}
        self.ask("PATCH", f"/subclouds/{name}/redeploy", **form(sysadmin_password=PASSWORD, **values))

    @rule(name=names, prepared=st.booleans())
    def reconfigure(self, name: str, prepared: bool) -> None:
        name = self.existing(name)
        if prepared:
            self.take_off_the_air(name)
        self.ask("PATCH", f"/subclouds/{name}", **form(**network_of(name), **WITH_ACCESS))

    @rule(name=names)
    def prestage(self, name: str) -> None:
        body = {"sysadmin_password": PASSWORD, "force": "true"}
        self.ask("PATCH", f"/subclouds/{self.existing(name)}/prestage", json=body)

    @rule(name=names, state=st.sampled_from(["managed", "unmanaged"]), migrate=st.booleans())
    def manage(self, name: str, state: str, migrate: bool) -> None:
        more = {"force": "true"} if state == "managed" else {"migrate": "true"} if migrate else {}
        self.ask("PATCH", f"/subclouds/{self.existing(name)}", **form(management__state=state, **more))

    @rule(name=names, group=st.sampled_from([*GROUPS, "none"]))
    def move(self, name: str, group: str) -> None:
        name = self.existing(name)
        parts: dict[str, Any] = {"peer_group": group}
        if group != "none":
            values = bootstrap_values(int(name[-1]))
            parts |= {"bootstrap_values": values, "bootstrap_address": ADDRESS}
        self.ask("PATCH", f"/subclouds/{name}", **form(**parts))

    @rule(name=names, by=st.sampled_from(["operator", "peer"]), prepared=st.booleans())
    def delete(self, name: str, by: str, prepared: bool) -> None:
        name = self.existing(name)
        if prepared:
            self.take_off_the_air(name)
        self.ask("DELETE", f"/subclouds/{name}", by=by)

    def take_off_the_air(self, name: str) -> None:
        with self.world.session() as session:
            values = {"management_state": "unmanaged", "availability_status": "offline"}
            session.execute(update(Subcloud).where(Subcloud.name == name).values(values))
            session.commit()

    @rule(group=st.sampled_from([OURS, THEIRS]))
    def migrate(self, group: str) -> None:
        body = {"sysadmin_password": PASSWORD}
        self.ask("PATCH", f"/subcloud-peer-groups/{group}/migrate", json=body)

    @rule(group=groups, at_once=st.integers(1, 3))
    def change_group(self, group: str, at_once: int) -> None:
        self.ask("PATCH", f"/subcloud-peer-groups/{group}", json={"max-subcloud-rehoming": at_once})

    @rule()
    def delete_and_make_the_free_group(self) -> None:
        self.ask("DELETE", f"/subcloud-peer-groups/{FREE}")
        self.ask("POST", "/subcloud-peer-groups", json={"peer-group-name": FREE})

    # -- What another site does --

    @rule(group=st.sampled_from([OURS, THEIRS]), status=st.sampled_from(["migrating", "complete", "none"]))
    def tell_of_a_migration(self, group: str, status: str) -> None:
        self.world.peer.site.group_named(group)["migration_status"] = None if status == "none" else status
        path = f"/subcloud-peer-groups/{group}"
        self.ask("PATCH", path, by="peer", json={"migration_status": status})

    @rule(name=names, told=st.booleans())
    def cede(self, name: str, told: bool) -> None:
        if told:
            self.tell_of_a_migration(OURS, "migrating")
        parts = form(management__state="unmanaged", migrate="true")
        self.ask("PATCH", f"/subclouds/region-of-{self.existing(name)}", by="peer", **parts)

    @rule(group=st.sampled_from([OURS, THEIRS]), failed=st.booleans(), jobs=st.booleans())
    def take_over(self, group: str, failed: bool, jobs: bool) -> None:
        """The peer leads the group from now on, and its members live there, or failed to."""
        there = self.world.peer.site
        row = there.group_named(group)
        row |= {
            "system_leader_id": there.uuid,
            "system_leader_name": there.name,
            "migration_status": "complete",
        }
        for copy in there.group_members(row["id"]):
            copy |= {
                "deploy-status": "rehome-failed" if failed else "complete",
                "management-state": "unmanaged" if failed else "managed",
            }
        self.ask_for_an_audit(group)
        if jobs:
            self.run_jobs(10)

    @rule(group=st.sampled_from([OURS, THEIRS]))
    def give_back(self, group: str) -> None:
        """The peer takes this site for the leader, and its copies are secondary."""
        row = self.world.peer.site.group_named(group)
        row |= {
            "system_leader_id": self.world.runtime.site.uuid,
            "system_leader_name": self.world.runtime.site.name,
            "migration_status": None,
        }
        for copy in self.world.peer.site.group_members(row["id"]):
            copy |= {"deploy-status": "secondary", "management-state": "unmanaged"}
        self.ask_for_an_audit(group)

    @rule(name=names, group=st.sampled_from([OURS, THEIRS, None]))
    def move_there(self, name: str, group: str | None) -> None:
        there = self.world.peer.site
        group_id = None if group is None else there.group_named(group)["id"]
        for row in there.subclouds.values():
            if row["name"] == name:
                row["peer_group_id"] = group_id

    def ask_for_an_audit(self, group: str) -> None:
        there = self.world.peer.site
        row = there.group_named(group)
        fields = ("peer_group_name", "group_priority", "group_state", "max_subcloud_rehoming")
        leader = ("system_leader_id", "system_leader_name", "migration_status")
        body = {"peer_uuid": there.uuid} | {name: row[name] for name in (*fields, *leader)}
        self.ask("PATCH", f"/subcloud-peer-groups/{group}/audit", by="peer", json=body)

    # -- What works in the background --

    @rule(count=soon)
    def run_jobs(self, count: int) -> None:
        self.attempt(lambda: self.world.jobs.run_waiting(limit=count))

    @rule(count=soon)
    def sweep(self, count: int) -> None:
        self.attempt(lambda: (self.world.sweep(), self.world.jobs.run_waiting(limit=count)))

    @rule()
    def let_time_pass(self) -> None:
        make_due(self.world.runtime)

    @rule(says=says)
    def tell_the_deployer(self, says: StepState) -> None:
        self.world.deployer.says = says

    # -- What goes wrong --

    @rule(number=st.integers(1, 30))
    def die_at_a_transaction(self, number: int) -> None:
        self.world.steps_left = number

    @rule(number=soon, after=st.booleans())
    def die_at_a_call(self, number: int, after: bool) -> None:
        self.world.peer.at_call(number, self.world.die, after=after)

    @rule(away=st.booleans())
    def lose_or_find_the_peer(self, away: bool) -> None:
        self.world.peer.away = away
        self.world.peer.heal()

    @rule(number=soon, times=st.sampled_from([1, 2, None]))
    def lose_answers(self, number: int, times: int | None) -> None:
        error = PeerUnavailable("no answer", maybe_sent=True)
        self.world.peer.fail(error, at=len(self.world.peer.calls) + number, after=True, times=times)

    @rule(lose=st.sampled_from([World.restart, lose_jobs, lose_secrets]))
    def lose(self, lose: Callable[[Works], object]) -> None:
        self.attempt(lambda: lose(self.world))

    # -- The end --

    def let_patience_end(self) -> None:
        with self.world.session() as session:
            session.execute(update(Task).where(Task.deadline.is_not(None)).values(deadline=time.time() - 1))
            session.commit()

    def teardown(self) -> None:
        """Once nothing is in the way, all work comes to its end."""
        self.world.steps_left = 0
        self.world.peer.heal()
        self.world.peer.away = False
        self.world.deployer.says = Done()
        for group in self.world.peer.site.groups.values():
            group["migration_status"] = None
        for _ in range(ENOUGH):
            make_due(self.world.runtime)
            self.let_patience_end()
            self.sweep(count=50)
            if not self.world.tasks():
                break
        assert self.world.tasks() == set()
        assert not [group for group in self.world.read(SubcloudPeerGroup) if group.migrating_here]


def network_of(name: str) -> dict[str, str]:
    """A management network that no other subcloud has."""
    return {field: value.replace("10.77.1.", f"10.77.{name[-1]}.") for field, value in NETWORK.items()}


@pytest.fixture
def world(
    prepared_instance: Path, tmp_path: Path, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Works]:
    """A site whose jobs make one step each, in one thread."""
    deployer = TalkingDeployer()
    monkeypatch.setattr(dcapi, "deployer_of", lambda _settings: deployer)
    monkeypatch.setattr(runner, "STEPS_A_JOB", 1)
    for waiting in (association_lookup, peer_groups, heartbeat):
        monkeypatch.setattr(waiting, "PATIENCE", 0.0, raising=False)
    for side_by_side in (attributes, cleaning, push, claim):
        monkeypatch.setattr(side_by_side, "ThreadPoolExecutor", Inline)
    more = {"SQLALCHEMY_DATABASE_URI": database_uri, "REHOME_RETRY_SECONDS": 0, "LOG_LEVEL": "ERROR"}
    with app_beside({}, prepared_instance, tmp_path, monkeypatch, **more) as app:
        world = Works(app, deployer)
        monkeypatch.setattr("dcapi.tasks.hold.time", world.clock())
        yield world


EXAMPLES = examples_or(20)
PROFILE = profile_of(EXAMPLES)


@pytest.mark.timeout(60 + 10 * EXAMPLES)
def test_what_is_under_way_has_a_task_whatever_happens(world: Works) -> None:
    machine = type("Work", (Working,), {"world": world})
    run_state_machine_as_test(machine, settings=PROFILE)
