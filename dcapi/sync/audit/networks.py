"""Writes the values that an audit takes over, but for networks that another subcloud of this site has.

An operator would not get them either: they stay as they were here, and are named.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from dcapi.models import Subcloud
from dcapi.models.network_values import Values, shown_ranges
from dcapi.models.taken_networks import TakenNetworks
from dcapi.sync.audit import acts
from dcapi.sync.audit.decisions import AuditPlan, MemberDecision
from dcapi.sync.audit.locked_rows import Here
from dcapi.sync.values.merge import write_values

# The values that come over together, by the names that an operator knows.
TOGETHER = ("bootstrap address", "bootstrap values")


def take_values(here: Here, plan: AuditPlan) -> None:
    """Write the values of a plan's steps into the rows; in the plan, too, some of them stay as they were.

    The networks are looked at when all are written: members may have changed places at the leader.
    """
    moved = []
    for step in plan.changes:
        if step.values is None:
            continue
        write_values(here.session, here.rows[step.member.id], step.values)
        acts.tell_overwritten(here, step)
        if shown_ranges(step.values.saved_payload) != shown_ranges(step.member.values.saved_payload):
            moved.append(step)
    while (met := _first_met(here, moved)) is not None:
        step, owner = met
        moved.remove(step)
        _keep(here, plan, step, owner)


def _first_met(here: Here, moved: list[MemberDecision]) -> tuple[MemberDecision, str] | None:
    """A step whose new network meets that of another subcloud, and the name of that one."""
    for step in moved:
        assert step.values is not None
        owner = _owner(here.session, here.rows[step.member.id], step.values.saved_payload)
        if owner is not None:
            return step, owner
    return None


def _owner(session: Session, row: Subcloud, values: Values) -> str | None:
    taken = TakenNetworks(session, but=row)
    return next(filter(None, map(taken.owner_of, shown_ranges(values))), None)


def _keep(here: Here, plan: AuditPlan, step: MemberDecision, owner: str) -> None:
    """Let a member have the bootstrap values and the address that it had, and say why."""
    assert step.values is not None
    member = step.member
    kept = replace(step.values, saved_payload=member.values.saved_payload)
    write_values(here.session, here.rows[member.id], kept)
    plan.steps = [replace(step, values=kept, arrived=False) if one is step else one for one in plan.steps]
    lost = tuple(name for name in plan.lost.pop(member.name, ()) if name not in TOGETHER)
    if lost:
        plan.lost[member.name] = lost
    why = f"bootstrap values, whose range overlaps with that of subcloud {owner}"
    plan.differs(member.name, f"its values there cannot be stored: {why}")
