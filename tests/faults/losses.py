"""Whether a site lost what it managed: its operator alone deletes that, another site's word lets it go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dcapi.lab.operator import Json
from dcapi.models.states import Management
from dcapi.sync.subcloud_alarms import LET_GO, REASON_START, entity_of
from tests.faults.databases import rows_of
from tests.faults.migration import MANAGED
from tests.faults.session import Session

RAISED = f"SELECT entity FROM alarm WHERE alarm_id = '{LET_GO}'"


def is_let_go(shown: Json) -> bool:
    """Whether a subcloud says that a peer's word took it out of its group."""
    return str(shown["error-description"]).startswith(REASON_START)


def let_go_wrongly(shown: Json, *, claimed: bool, alarms: Collection[str]) -> list[str]:
    """What is wrong with a subcloud that was let go; ``claimed``: the peer had claimed its group."""
    name = shown["name"]
    wrong = {
        "nobody had claimed its group": not claimed,
        "it is managed": shown["management-state"] == Management.MANAGED,
        "it is in a group": shown["peer_group_id"] is not None,
        "no alarm says so": entity_of(name) not in alarms,
    }
    return [f"{name} was let go, but {what}" for what, holds in wrong.items() if holds]


def group_unmet(session: Session, shown: Json) -> list[str]:
    """Why the group that a member shows cannot be."""
    name, ledger = shown["name"], session.ledger
    if not is_let_go(shown):
        return ledger.unmet(name, "peer group", shown["peer_group_id"])
    groups = set(ledger.possible(name, "peer group")) - {None}
    claimed = bool(groups & session.claimed)
    return let_go_wrongly(shown, claimed=claimed, alarms=_alarms(session))


def take_back(session: Session) -> None:
    """A's operator looks, as the alarm asks: manages what was let go, and puts it into its group again."""
    at_a = session.world.at_a
    for member in session.world.members:
        if is_let_go(at_a.one("subclouds", member.name)):
            group_id = session.ledger.acknowledged(member.name, "peer group")
            at_a.update_subcloud(member.name, {"management-state": "managed"})
            at_a.update_subcloud(member.name, {"peer_group": group_id or "none"})
            session.say(f"{member.name}, which was let go, is managed and in group {group_id} again")
            session.done["taken back"] += 1


def _alarms(session: Session) -> set[str]:
    world = session.world
    return {entity for (entity,) in rows_of(world.databases[world.a.name], RAISED)}


def lost(session: Session) -> list[str]:
    """Members that A does not have any more, or that nobody manages though nobody let them go."""
    world, found = session.world, []
    at_b = {region for (region,) in rows_of(world.databases[world.b.name], MANAGED)}
    for member in world.members:
        shown = world.at_a.find("subclouds", member.name)
        if shown is None:
            found.append(f"{member.name} is lost: A has it no more, and its operator did not delete it")
        elif not _is_looked_after(session, shown, at_b):
            found.append(f"nobody manages {member.name}, which is {shown['deploy-status']} at A")
    return found


def _is_looked_after(session: Session, shown: Json, at_b: set[Any]) -> bool:
    is_managed = shown["management-state"] == Management.MANAGED or shown["region-name"] in at_b
    return is_managed or is_let_go(shown) or shown["name"] in session.unmanaged
