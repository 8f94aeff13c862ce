"""Raises and clears the alarms of the peers, in the transaction of what they are about."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from dcapi.models import Alarm, PeerGroupAssociation, SubcloudPeerGroup, SystemPeer
from dcapi.models.base import utc_now_text

logger = logging.getLogger(__name__)

PEER_DISCONNECTED = "280.004"
LED_ELSEWHERE = "280.005"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"


@dataclass(frozen=True)
class Finding:
    """What an alarm says."""

    alarm_id: str
    entity: str
    severity: Severity
    reason: str
    proposed_repair: str


def raise_alarm(session: Session, finding: Finding) -> None:
    """Raise an alarm, or renew the one that is raised already; the caller commits."""
    alarm = session.scalar(_row(finding.alarm_id, finding.entity).with_for_update())
    if alarm is None:
        alarm = Alarm(alarm_id=finding.alarm_id, entity=finding.entity)
        session.add(alarm)
        logger.warning("alarm %s raised for %s: %s", finding.alarm_id, finding.entity, finding.reason)
    else:
        alarm.updated_at = utc_now_text()
    alarm.severity = finding.severity
    alarm.reason = finding.reason
    alarm.proposed_repair = finding.proposed_repair


def clear_alarm(session: Session, alarm_id: str, entity: str) -> None:
    """Clear an alarm if it is raised; the caller commits."""
    if session.scalar(_row(alarm_id, entity)) is not None:
        session.execute(delete(Alarm).where(Alarm.alarm_id == alarm_id, Alarm.entity == entity))
        logger.warning("alarm %s cleared for %s", alarm_id, entity)


def _row(alarm_id: str, entity: str) -> Select[Alarm]:
    return select(Alarm).where(Alarm.alarm_id == alarm_id, Alarm.entity == entity)


def peer_entity(peer: SystemPeer) -> str:
    return f"peer={peer.peer_uuid}"


def raise_disconnected(session: Session, peer: SystemPeer, reason: str) -> None:
    """Raise the alarm of a peer that does not answer: critical when it leads groups that are here too."""
    led = _groups_led_by(session, peer)
    reason = reason.removesuffix(".")
    impact = f". It leads the peer group(s) {', '.join(led)}, which this site can take over." if led else ""
    raise_alarm(
        session,
        Finding(
            PEER_DISCONNECTED,
            peer_entity(peer),
            Severity.CRITICAL if led else Severity.MAJOR,
            f"Peer {peer.peer_name} (peer_uuid={peer.peer_uuid}) is disconnected: {reason}{impact}",
            "Check the connection to the peer site and the state of its services. If the site is lost and it "
            "leads peer groups, migrate these to a site that is alive.",
        ),
    )


def clear_disconnected(session: Session, peer: SystemPeer) -> None:
    clear_alarm(session, PEER_DISCONNECTED, peer_entity(peer))


def unwatched_entities(session: Session, peer_uuids: Iterable[str]) -> list[str]:
    """What a peer's alarm is raised for although nobody watches it: it was disabled, or left alone."""
    watched = {f"peer={peer_uuid}" for peer_uuid in peer_uuids}
    raised = session.scalars(select(Alarm.entity).where(Alarm.alarm_id == PEER_DISCONNECTED))
    return [entity for entity in raised if entity not in watched]


def led_entity(group_name: str, peer_uuid: str) -> str:
    return f"peer_group={group_name},peer={peer_uuid}"


def raise_led_elsewhere(session: Session, group: SubcloudPeerGroup, peer: SystemPeer) -> None:
    """Raise the alarm of a group that is at home here and led by a peer, unless it is raised already."""
    entity = led_entity(group.peer_group_name, peer.peer_uuid)
    if session.scalar(_row(LED_ELSEWHERE, entity)) is not None:
        return
    raise_alarm(
        session,
        Finding(
            LED_ELSEWHERE,
            entity,
            Severity.MAJOR,
            f"Subcloud peer group {group.peer_group_name} (priority {group.group_priority}) is led by peer "
            f"{peer.peer_name} (peer_uuid={peer.peer_uuid}), whose copy has a lower priority.",
            "Look at the state of the peer group. When its subclouds are rehomed and this site is stable, "
            "migrate the group back to this site.",
        ),
    )


def untrue_alarms(session: Session, watched_uuids: Iterable[str]) -> list[tuple[str, str]]:
    """The alarms (id, entity) whose reason is gone without anybody who would have cleared them.

    ``watched_uuids``: the peers that heartbeats go to. Nobody finds out whether another one is back, so
    nobody is alarmed that it is away.
    """
    unwatched = [(PEER_DISCONNECTED, entity) for entity in unwatched_entities(session, watched_uuids)]
    return unwatched + [(LED_ELSEWHERE, entity) for entity in _home_entities(session)]


def _home_entities(session: Session) -> list[str]:
    """What the alarm of a group that is led elsewhere is raised for although it came home, or is gone."""
    raised = list(session.scalars(select(Alarm.entity).where(Alarm.alarm_id == LED_ELSEWHERE)))
    if not raised:
        return []
    query = (
        select(SubcloudPeerGroup.peer_group_name, SystemPeer.peer_uuid)
        .join(PeerGroupAssociation, PeerGroupAssociation.peer_group_id == SubcloudPeerGroup.id)
        .join(SystemPeer, SystemPeer.id == PeerGroupAssociation.system_peer_id)
        .where(SubcloudPeerGroup.system_leader_id == SystemPeer.peer_uuid)
    )
    true = {led_entity(name, peer_uuid) for name, peer_uuid in session.execute(query)}
    return [entity for entity in raised if entity not in true]


def _groups_led_by(session: Session, peer: SystemPeer) -> list[str]:
    query = (
        select(SubcloudPeerGroup.peer_group_name)
        .join(PeerGroupAssociation, PeerGroupAssociation.peer_group_id == SubcloudPeerGroup.id)
        .where(
            PeerGroupAssociation.system_peer_id == peer.id,
            SubcloudPeerGroup.system_leader_id == peer.peer_uuid,
        )
        .order_by(SubcloudPeerGroup.peer_group_name)
    )
    return list(session.scalars(query))
