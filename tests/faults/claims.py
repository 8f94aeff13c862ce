"""A peer whose operator claims groups, and deletes copies, at random."""

from __future__ import annotations

import random
from functools import partial

from dcapi.lab.members import SYSADMIN_PASSWORD
from dcapi.lab.operator import Json, Operator
from tests.faults.checks import GROUPS, association_at_a
from tests.faults.ledger import Answered, attempt
from tests.faults.migration import allow_what_b_has
from tests.faults.pace import paced_range
from tests.faults.posing import as_site
from tests.faults.session import WAIT_SECONDS, Session

AFTER_SECONDS = paced_range(0, 0.7)


def claim_and_delete(session: Session, chance: random.Random) -> None:
    """At B copies of a group are deleted, and the group is claimed, in one order or another.

    Groups are claimed only in runs that migrate them: in the others nobody would take them home.
    """
    group_id = chance.choice(session.groups)
    for act in chance.choice(COURSES if session.migrates else (THEFT,)):
        # Also when the faults end meanwhile: who only claims is followed, and nothing is missing.
        act(session, chance, group_id)
        session.over.wait(chance.uniform(*AFTER_SECONDS))


def claim(session: Session, chance: random.Random, group_id: int) -> None:
    """B's copy says that B leads, or that the group is being migrated; or B is asked to migrate it."""
    session.claimed.add(group_id)
    name = session.ledger.acknowledged(session.group(group_id), "peer_group_name")
    said = chance.choice(_claims(session))
    if said is None:
        allow_what_b_has(session, group_id)
        with session.world.at_b.twin() as operator:
            answered, answer = attempt(lambda: operator.migrate(name, SYSADMIN_PASSWORD))
    else:
        with as_site(session.world.at_b) as caller:
            answered, answer = attempt(lambda: caller.update(GROUPS, name, said))
    _note(session, f"B claims {name}: {said or 'migration'}", answered, answer)


def _claims(session: Session) -> tuple[Json | None, ...]:
    leads: Json = {"system-leader-id": session.world.b.uuid, "system-leader-name": session.world.b.name}
    status = "migration_status"
    complete: Json = {**leads, status: "complete"}
    return (complete, complete, leads, {status: "migrating"}, {status: "none"}, None, None)


def delete_copies(session: Session, chance: random.Random, group_id: int) -> None:
    """Delete some of B's copies, or take them out of the group, as another site may."""
    name = session.ledger.acknowledged(session.group(group_id), "peer_group_name")
    session.robbed.add(group_id)
    with as_site(session.world.at_b) as caller:
        answered, found = attempt(lambda: caller.members(name))
        copies: list[Json] = found if answered is Answered.ACKNOWLEDGED else []
        for copy in chance.sample(copies, min(len(copies), chance.randint(1, 3))):
            _take_away(session, caller, copy, whole=chance.random() < 0.8)


def _take_away(session: Session, caller: Operator, copy: Json, *, whole: bool) -> None:
    name, region = copy["name"], copy["region-name"]
    if whole:
        outcome = attempt(lambda: caller.delete("subclouds", name))
    else:
        outcome = attempt(lambda: caller.update_subcloud(region, {"peer_group": "none"}))
    _note(session, f"B's {name} {'deleted' if whole else 'out of its group'}", *outcome)


THEFT = (delete_copies, delete_copies)
COURSES = (
    THEFT,
    (delete_copies, claim),
    (delete_copies, claim),
    (claim, delete_copies),
    (claim, delete_copies, delete_copies),
    (claim, claim, delete_copies, claim),
)


def _note(session: Session, what: str, answered: Answered, answer: object) -> None:
    said = "" if answered is Answered.ACKNOWLEDGED else f": {str(answer)[:160]}"
    session.say(f"{what}: {answered.value}{said}")
    session.done[f"claiming {answered.value}"] += 1


def sync_what_was_robbed(session: Session) -> None:
    """Once the faults are off: A is not told of copies that were deleted at B, and learns of it by a sync."""
    at_a = session.world.at_a
    for group_id in sorted(session.robbed):
        association = association_at_a(at_a, group_id)
        if association is not None:
            answered, _ = attempt(partial(at_a.sync, association["id"], wait=WAIT_SECONDS))
            session.say(f"group {group_id}, some of whose copies were deleted, is synced: {answered.value}")
