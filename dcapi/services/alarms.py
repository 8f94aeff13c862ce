"""Alarms of this site, and the summary of its subclouds' alarms."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcapi.models import Alarm, Subcloud
from dcapi.services.row_answers import Answer, RowAnswer

# What the summary says of a subcloud whose alarms nobody collects.
NOT_KNOWN = -1
NOT_COLLECTED = "disabled"

SYSTEM_ALARM = RowAnswer(
    Alarm,
    {
        "id": "id",
        "alarm_id": "alarm_id",
        "entity_instance_id": "entity",
        "severity": "severity",
        "reason_text": "reason",
        "proposed_repair_action": "proposed_repair",
        "raised-at": "raised_at",
        "updated-at": "updated_at",
    },
)


def list_system_alarms(session: Session) -> list[Answer]:
    """The alarms that are raised, the oldest first."""
    return SYSTEM_ALARM.all(session)


def summarize_subclouds(session: Session) -> list[dict[str, Any]]:
    """Counts of alarms per subcloud, by name; none is known here, which is what the numbers say."""
    query = select(Subcloud.name, Subcloud.region_name).order_by(Subcloud.name)
    return [_summary(name, region_name) for name, region_name in session.execute(query)]


def _summary(name: str, region_name: str) -> dict[str, Any]:
    return {
        "region_name": name,
        "uuid": region_name,
        "critical_alarms": NOT_KNOWN,
        "major_alarms": NOT_KNOWN,
        "minor_alarms": NOT_KNOWN,
        "warnings": NOT_KNOWN,
        "cloud_status": NOT_COLLECTED,
    }
