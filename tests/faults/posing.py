"""An operator who says "I am a site", with and without the right to modify subclouds."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from dcapi.lab.operator import API, Json, Operator, multipart
from dcapi.models.states import COPY_STATES, Management
from tests.faults.checks import GROUPS
from tests.faults.course import Course, Poser
from tests.faults.ledger import Answered, attempt
from tests.faults.pace import paced_range

SAYS_SITE = {"User-Agent": "dcmanager/1.0"}
AFTER_SECONDS = paced_range(0, 0.3)
MANAGED = {"management-state": "managed"}
LET_GO = {"management-state": "unmanaged", "migrate": "true"}
# What is asked of a subcloud, by its region name; None: that it be shown.
WISHES: tuple[Json | None, ...] = (
    MANAGED,
    MANAGED,
    {**MANAGED, "force": "true"},
    {**MANAGED, "force": "true"},
    LET_GO,
    {"migrate": "true"},
    {"management-state": "unmanaged"},
    None,
)
# What is said of a group's migration.
CLAIMS = ("migrating", "complete", "none")


def as_site(operator: Operator) -> Operator:
    """The same operator at another terminal, who says that another site calls."""
    twin = operator.twin()
    twin._session.headers.update(SAYS_SITE)
    return twin


def pose_as_site(course: Course, chance: random.Random) -> None:
    """Ask for what only another site asks for, a few times, at one site or the other."""
    for _ in range(chance.randint(2, 5)):
        if course.over.is_set():
            return
        poser = chance.choice(course.world.posers)
        chance.choices((_ask_of_subcloud, _ask_of_group), (4, 1))[0](course, poser, chance)
        course.over.wait(chance.uniform(*AFTER_SECONDS))


def _ask_of_subcloud(course: Course, poser: Poser, chance: random.Random) -> None:
    wish = chance.choice(WISHES)
    shown = _pick(poser, chance, "subclouds", copies=_manages(wish))
    if shown is None:
        return
    region = shown["region-name"]
    parts: Json = {} if wish is None else {"files": multipart(wish)}
    call = "GET" if wish is None else "PATCH"
    what = f"{shown['name']}, {shown['deploy-status']}: {call} {wish or ''}"
    found = _ask(course, poser, what, lambda caller: caller.call(call, f"{API}/subclouds/{region}", **parts))
    course.caught += wrong_answers(poser, what, wish, *found)


def _ask_of_group(course: Course, poser: Poser, chance: random.Random) -> None:
    shown = _pick(poser, chance, GROUPS)
    if shown is None:
        return
    claim, name = {"migration_status": chance.choice(CLAIMS)}, shown["peer_group_name"]
    found = _ask(course, poser, f"{name}: {claim}", lambda caller: caller.update(GROUPS, name, claim))
    course.caught += wrong_answers(poser, f"{name}: {claim}", claim, *found)


def _pick(poser: Poser, chance: random.Random, resource: str, *, copies: bool = False) -> Json | None:
    """One of what a site shows, of its copies if it has some; None when it shows nothing, or is silent."""
    with poser.operator.twin() as operator:
        answered, found = attempt(lambda: operator.listed(resource))
    if answered is not Answered.ACKNOWLEDGED or not found:
        return None
    wanted = [one for one in found if copies and one["deploy-status"] in COPY_STATES]
    return dict(chance.choice(wanted or found))


def _manages(wish: Json | None) -> bool:
    return wish is not None and wish.get("management-state") == Management.MANAGED


def _ask(course: Course, poser: Poser, what: str, call: Callable[[Operator], Any]) -> tuple[Answered, Any]:
    with as_site(poser.operator) as caller:
        answered, answer = attempt(lambda: call(caller))
    right = "may" if poser.may_modify else "may not"
    said = "" if answered is Answered.ACKNOWLEDGED else f": {str(answer)[:120]}"
    course.say(f"at {poser.site} one who {right} modify says to be a site: {what}: {answered.value}{said}")
    course.done[f"posing {answered.value}"] += 1
    return answered, answer


def wrong_answers(poser: Poser, what: str, wish: Json | None, answered: Answered, answer: Any) -> list[str]:
    """Why an answer may not be; empty when it may."""
    if answered is not Answered.ACKNOWLEDGED:
        return []
    if not poser.may_modify:
        return [f"who may not modify was served at {poser.site}: {what}"]
    if _manages(wish) and answer["deploy-status"] in COPY_STATES:
        return [f"a copy was managed at {poser.site}: {what}"]
    return []
