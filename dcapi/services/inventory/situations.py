"""What the rules of membership look at, read from the rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.states import REHOMING_STATES, Deploy
from dcapi.runtime import Runtime
from dcapi.services.inventory.activity import why_busy
from dcapi.services.inventory.inputs import SubcloudChange
from dcapi.services.inventory.lookup import UNKNOWN_PEER_GROUP, group_facts, peer_group_named
from dcapi.services.inventory.member_request import CallerKind, GroupFacts, Situation


@dataclass(frozen=True)
class Groups:
    """The peer group that a subcloud is in and the one that it is to be in."""

    current: GroupFacts | None
    target: GroupFacts | None


def groups_of(session: Session, runtime: Runtime, row: Subcloud, change: SubcloudChange) -> Groups:
    """The groups that a change of a locked subcloud concerns, which are locked too; raises BadRequest."""
    current = row.peer_group_id
    target = current if change.peer_group is None else peer_group_named(session, change.peer_group)
    facts = group_facts(session, runtime.site, {one for one in (current, target) if one is not None})
    if target is not None and target not in facts:
        raise BadRequest(UNKNOWN_PEER_GROUP)  # deleted since its name was looked up
    return Groups(
        None if current is None else facts.get(current), None if target is None else facts.get(target)
    )


def situation_of(row: Subcloud, caller: CallerKind, groups: Groups, change: SubcloudChange) -> Situation:
    """A request about a subcloud as the rules see it."""
    return Situation(
        caller=caller,
        management_state=row.management_state,
        availability_status=row.availability_status,
        deploy_status=row.deploy_status,
        has_rehome_data=row.rehome_data is not None,
        is_rehoming=row.rehome_step is not None or row.deploy_status in REHOMING_STATES,
        group=groups.current,
        target=groups.target,
        given=change.given(),
        wanted_state=change.management_state,
        migrates=bool(change.migrate),
        is_worked_on=(
            row.rehome_step is not None
            or row.deploy_status == Deploy.REHOME_PENDING
            or why_busy(row) is not None
        ),
    )
