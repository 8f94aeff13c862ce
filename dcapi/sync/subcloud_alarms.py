"""Raises and clears the alarms of subclouds, in the transaction of what they are about."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from dcapi.models import Alarm, Subcloud, SubcloudPeerGroup, SystemPeer
from dcapi.models.base import utc_now_text
from dcapi.models.states import NO_ERRORS, Management
from dcapi.sync.peer_alarms import Finding, Severity, clear_alarm, raise_alarm

LET_GO = "280.901"
ENTITY_PREFIX = "subcloud="
REASON_START = "Let go at"


def entity_of(name: str) -> str:
    return f"{ENTITY_PREFIX}{name}"


def raise_let_go(session: Session, row: Subcloud, group: SubcloudPeerGroup, peer: SystemPeer) -> None:
    """Ask the operator to look at a subcloud that nobody manages any more, because a peer leads its group.

    Source: "What another site's word may do" in the sync model.
    """
    entity = entity_of(row.name)
    raise_alarm(
        session,
        Finding(
            LET_GO,
            entity,
            Severity.MAJOR,
            f"Subcloud let go: {peer.peer_name} leads peer group {group.peer_group_name} "
            f"and does not have it ({entity})",
            f"Look whether {peer.peer_name} manages the subcloud. If it does, delete it here; if not, manage "
            "it here.",
        ),
    )


def reason_of(group: SubcloudPeerGroup, peer: SystemPeer) -> str:
    """What a subcloud itself says of why nobody manages it."""
    return (
        f"{REASON_START} {utc_now_text()}: peer {peer.peer_name} leads peer group {group.peer_group_name} "
        "and does not have it."
    )


def clear_let_go(session: Session, row: Subcloud) -> None:
    """Clear the alarm of a subcloud that is managed, in a group or deleted now; the caller commits."""
    clear_alarm(session, LET_GO, entity_of(row.name))
    if row.error_description.startswith(REASON_START):
        row.error_description = NO_ERRORS


def rename_let_go(session: Session, name: str, new_name: str) -> None:
    """Let the alarm of a subcloud follow its new name; the caller commits."""
    query = select(Alarm).where(Alarm.alarm_id == LET_GO, Alarm.entity == entity_of(name))
    alarm = session.scalar(query.with_for_update())
    if alarm is not None:
        alarm.entity = entity_of(new_name)
        alarm.reason = alarm.reason.replace(f"({entity_of(name)})", f"({entity_of(new_name)})")


def untrue_let_go(session: Session) -> list[tuple[str, str]]:
    """The alarms (id, entity) of subclouds that are managed, in a group or gone, however that came about."""
    raised = session.scalars(select(Alarm.entity).where(Alarm.alarm_id == LET_GO))
    return [(LET_GO, entity) for entity in raised if not _is_let_go(session, entity)]


def _is_let_go(session: Session, entity: str) -> bool:
    found = exists().where(
        Subcloud.name == entity.removeprefix(ENTITY_PREFIX),
        Subcloud.management_state != Management.MANAGED,
        Subcloud.peer_group_id.is_(None),
    )
    return bool(session.scalar(select(found)))
