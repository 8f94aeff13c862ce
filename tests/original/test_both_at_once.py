"""Both sites are asked to migrate the same group at the same time."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from dcapi.lab.operator import RefusedError
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from tests.original.plays import WHOLE, both_databases
from tests.original.takeovers import MANAGES_ALL, expect_led_by
from tests.original.watcher import is_worked_on, one_manager
from tests.original.world import World

# Of the machine: within so many seconds both are asked.
APART = 0.5
ROUNDS = [
    pytest.param(5, id="5 times"),
    pytest.param(50, id="50 times", marks=[WHOLE, pytest.mark.timeout(900)]),
]


@pytest.mark.parametrize("rounds", ROUNDS)
@both_databases
def test_two_that_begin_at_once_never_work_on_the_same_member(
    world: World, site: LabSite, rounds: int
) -> None:
    world.share("D")
    # About as long as D takes, so that either may be in the middle when the other one begins.
    world.original.switches.playbook_seconds = 6
    engine = create_engine(database_of(site))
    seed = random.randrange(10**6)
    for number in range(rounds):
        let_all_fail(world, engine)
        delays = (
            random.Random(seed + number).uniform(0, APART),
            random.Random(-seed - number).uniform(0, APART),
        )
        with one_manager(world, holding=is_worked_on):
            begin_both(world, delays)
            wait_until("one leader", lambda: over(world), within=MANAGES_ALL)
            expect_led_by(world, world.leaders()[0], in_sync=False)
    engine.dispose()


def database_of(site: LabSite) -> str:
    path = Path(site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3"
    return site.settings.get("SQLALCHEMY_DATABASE_URI", f"sqlite:///{path}")


def let_all_fail(world: World, engine: Engine) -> None:
    """Nobody manages a member, and either site may take each."""
    group_id = world.group_at_site()["id"]
    with world.original.rows() as rows:
        for member in rows.members(world.original.group(world.group).id):
            member.change(management_state="unmanaged", deploy_status="rehome-failed", availability="offline")
    with engine.begin() as connection:
        statement = (
            "UPDATE subcloud SET management_state = 'unmanaged', deploy_status = 'rehome-failed', "
            "availability_status = 'offline' WHERE peer_group_id = :group"
        )
        connection.execute(text(statement), {"group": group_id})


def begin_both(world: World, delays: tuple[float, float]) -> None:
    threads = [
        threading.Thread(target=begin, args=(world, to, delay))
        for to, delay in zip("DO", delays, strict=True)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def begin(world: World, to: str, delay: float) -> None:
    """Ask one of the sites; it may have nothing left to migrate, or give way."""
    time.sleep(delay)
    try:
        if to == "D":
            world.migrate_to_site()
        else:
            world.migrate_to_original()
    except RefusedError as error:
        if error.code not in (400, 409, 500):
            raise


def over(world: World) -> bool:
    """Whether nobody migrates any more, and both name one leader."""
    moving = {
        status for _, status in [*world.states_at_site().values(), *world.states_at_original().values()]
    }
    return (
        "migrating" not in world.migration_statuses()
        and len(set(world.leaders())) == 1
        and not moving & {"pre-rehome", "rehoming"}
    )
