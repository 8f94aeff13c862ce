"""A request that a worker of B has in its hands while it stands still, and does when nobody waits for it."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from dcapi.lab.members import Member
from dcapi.lab.polling import wait_until
from tests.faults import processes
from tests.faults.checks import ASSOCIATIONS, association_at_a, group_differences
from tests.faults.held import member_write
from tests.faults.session import WAIT_SECONDS, Session
from tests.faults.world import World

# One worker of two has the request; each is tried as the one that stands still for longer.
ATTEMPTS = 3
# Seconds, on a machine that has other things to do.
PATIENCE = 120


def test_what_a_stopped_worker_of_the_peer_does_late_changes_nothing(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.set_workers(1, 2)
        session = Session(world, 1)
        session.set_up(random.Random(0))
        group = world.at_a.one("subcloud-peer-groups", session.groups[0])
        for attempt in range(ATTEMPTS):
            stopped = processes.workers_of(world.b)[attempt % 2]
            _be_overtaken(session, world.members[0], attempt, stopped)
            gateways = world.at_a.one("system-peers", world.b.name)["peer-controller-gateway-address"]
            assert group_differences(world.at_a, world.at_b, group, gateways) == []


def _be_overtaken(session: Session, member: Member, attempt: int, stopped: int) -> None:
    """A first sync comes to workers that stand still; all but one of them go on before the second one."""
    world, association = session.world, association_at_a(session.world.at_a, session.groups[0])
    assert association is not None
    others = [process for process in processes.workers_of(world.b) if process != stopped]
    world.at_a.update_subcloud(member.name, {"description": f"early {attempt}"})
    with ExitStack() as standing:
        with world.to_b.hold(member_write()) as held:
            world.at_a.sync(association["id"])
            assert held.taken.wait(WAIT_SECONDS)
            standing.enter_context(processes.stopped([stopped]))
            the_others = standing.enter_context(ExitStack())
            the_others.enter_context(processes.stopped(others))
        wait_until("A to give up", lambda: _status(world, association["id"]) == "failed")
        the_others.close()
        world.at_a.update_subcloud(member.name, {"description": f"late {attempt}"})
        # Each sync that meets the stopped worker costs the time until A gives up.
        wait_until(
            "a sync past the stopped worker",
            lambda: _sync(world, association["id"]) == "in-sync",
            within=PATIENCE,
        )
    wait_until("B to do the rest", lambda: all(one.ended for one in world.to_b.passed_since(session.origin)))


def _status(world: World, association_id: int) -> str:
    return str(world.at_a.one(ASSOCIATIONS, association_id)["sync-status"])


def _sync(world: World, association_id: int) -> str:
    return str(world.at_a.sync(association_id, wait=WAIT_SECONDS)["sync-status"])
