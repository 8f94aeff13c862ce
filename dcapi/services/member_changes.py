"""The end of every change of a subcloud: the associations that it concerns move in the same transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from dcapi.models import PeerGroupAssociation, Subcloud
from dcapi.runtime import Runtime
from dcapi.services.deploying import deployment
from dcapi.services.inventory import membership
from dcapi.services.inventory.inputs import SubcloudChange
from dcapi.services.inventory.member_request import CallerKind, Situation
from dcapi.services.inventory.situations import groups_of, situation_of
from dcapi.services.inventory.subcloud_answers import Answer, subcloud_answer
from dcapi.sync import changes

# What a deployment asks for, as the rules for members see it.
DEPLOYED = frozenset({"deploy"})


def deployed_situation(session: Session, runtime: Runtime, row: Subcloud) -> Situation:
    """A deployment of a locked subcloud, or of a phase of it, as the rules for members see it."""
    groups = groups_of(session, runtime, row, SubcloudChange())
    return replace(situation_of(row, CallerKind.OPERATOR, groups, SubcloudChange()), given=DEPLOYED)


def commit_deployment(
    session: Session, runtime: Runtime, row: Subcloud, situation: Situation, *, changed: bool
) -> Answer:
    """Commit what lets a deployment begin, and let it; ``changed``: something that secondaries get."""
    moved = {situation.group.id} if changed and situation.group is not None else set()
    answer = commit_change(session, runtime, row, situation, moved)
    deployment.TASK.hint(runtime, answer["id"])
    return answer


def commit_change(
    session: Session, runtime: Runtime, row: Subcloud, situation: Situation, moved: set[int]
) -> Answer:
    """Commit with the associations of the groups that the change concerns, and tell the caller of these."""
    # Written together with the subcloud: a second flush would cost a change of a member a tenth of its time.
    with session.no_autoflush:
        concerned, message = _move_associations(session, situation, moved)
    session.flush()
    ids = [association.id for association in concerned]
    answer = subcloud_answer(row)
    session.commit()
    changes.hint(runtime, ids, delay=changes.TELL_DELAY)
    return answer if message is None else {**answer, "info_message": message}


def _move_associations(
    session: Session, situation: Situation, moved: set[int]
) -> tuple[list[PeerGroupAssociation], str | None]:
    """Move what a change concerns; returns the associations that have news, and what the caller is told."""
    if membership.is_change_at_secondary(situation):
        told = [one for group_id in moved for one in changes.member_changed_here(session, group_id)]
        return [], _message_at_secondary(told)
    concerned = changes.group_changed(session, moved) if moved else []
    return concerned, changes.info_message(concerned)


def _message_at_secondary(associations: list[PeerGroupAssociation]) -> str | None:
    if not associations:
        return None
    ids = ", ".join(str(association.id) for association in associations)
    return (
        f"Peer group association {ids} is out-of-sync now: the primary site takes this change over when it "
        "is available again and audits the group.\n"
    )
