"""Migrations among the operations: B takes groups over, A takes them home, sometimes both at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from dcapi.lab.members import SYSADMIN_PASSWORD
from dcapi.lab.operator import Json, Operator
from tests.faults.checks import GROUPS
from tests.faults.databases import rows_of
from tests.faults.ledger import Answered, attempt
from tests.faults.session import Session
from tests.faults.world import World

# How often a group is asked to come home before that counts as impossible.
HOME_ATTEMPTS = 4

MANAGED = "SELECT region_name FROM subcloud WHERE management_state = 'managed'"


def migrate(session: Session, chance: random.Random) -> None:
    """One of the two sites, or both at once, is asked to take a group over."""
    group_id, world = chance.choice(session.groups), session.world
    name = session.ledger.acknowledged(session.group(group_id), "peer_group_name")
    asked = chance.choice((("B",), ("B",), ("A",), ("A", "B")))
    threads = [
        threading.Thread(target=_ask, args=(session, site, world.at_a if site == "A" else world.at_b, name))
        for site in asked
    ]
    if "B" in asked:
        session.claimed.add(group_id)
        allow_what_b_has(session, group_id)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(session: Session, site: str, at_site: Operator, name: str) -> None:
    with at_site.twin() as operator:
        answered, answer = attempt(lambda: operator.migrate(name, SYSADMIN_PASSWORD))
    said = f"{len(answer)} members" if answered is Answered.ACKNOWLEDGED else str(answer)[:200]
    session.say(f"migration of {name} to {site}: {answered.value}: {said}")
    session.done[f"migration {answered.value}"] += 1


def allow_what_b_has(session: Session, group_id: int) -> None:
    """Whatever B has in its copy of the group lives there from now on: the leader wins over A's removals."""
    for member in session.world.members:
        session.ledger.note(member.name, "peer group", group_id, Answered.UNKNOWN)


# -- What must hold, and how all comes home --


def managed_twice(world: World) -> list[str]:
    """Subclouds that both sites manage: at a quiet point there is none."""
    at_a, at_b = (
        {region for (region,) in rows_of(world.databases[site.name], MANAGED)} for site in world.sites
    )
    return [f"subcloud {region} is managed at both sites" for region in sorted(at_a & at_b)]


def leaders_unsettled(session: Session) -> list[str]:
    """Groups of which the two sites say different things about who leads them."""
    world, found = session.world, []
    for group_id in session.groups:
        here = world.at_a.one(GROUPS, group_id)
        there = world.at_b.find(GROUPS, here["peer_group_name"])
        if there is not None and there["system_leader_id"] != here["system_leader_id"]:
            found.append(
                f"{here['peer_group_name']} is led by {here['system_leader_name']} for A, "
                f"by {there['system_leader_name']} for B"
            )
        if "migrating" in (here["migration_status"], there and there["migration_status"]):
            found.append(f"{here['peer_group_name']} is being migrated")
    return found


def come_home(session: Session, wait_until: Callable[[Callable[[], list[str]]], list[str]]) -> list[str]:
    """Let A take home what B leads; returns why it could not. ``wait_until``: waits for quiet."""

    def quiet() -> list[str]:
        return leaders_unsettled(session)

    problems = wait_until(quiet)
    for _ in range(HOME_ATTEMPTS):
        away = _groups_away(session)
        if problems or not away:
            break
        for group in away:
            _ask(session, "A", session.world.at_a, group["peer_group_name"])
        problems = wait_until(quiet)
    return problems or [
        f"{group['peer_group_name']} did not come home: {states(session, group)}"
        for group in _groups_away(session)
    ]


def _groups_away(session: Session) -> list[Json]:
    """Groups that A does not lead, or of which it does not manage every member."""
    world = session.world
    groups = [world.at_a.one(GROUPS, group_id) for group_id in session.groups]
    return [
        group
        for group in groups
        if group["system_leader_id"] != world.a.uuid
        or any(state != "managed complete" for state in states(session, group).values())
    ]


def states(session: Session, group: Json) -> dict[str, str]:
    """Management state and deploy status of each member of a group at A."""
    return {
        member["name"]: f"{member['management-state']} {member['deploy-status']}"
        for member in session.world.at_a.members(group["id"])
    }
