"""Alarms: what an operator has to look at, raised and cleared by this site itself."""

from __future__ import annotations

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base, utc_now_text


class Alarm(Base):
    """One row for a kind of alarm and the thing that it is about, however often it is raised."""

    __tablename__ = "alarm"
    __table_args__ = (UniqueConstraint("alarm_id", "entity"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # The kind, as operators know it from the original (``280.004``), and what it is about.
    alarm_id: Mapped[str] = mapped_column(String(16))
    entity: Mapped[str] = mapped_column(String(600))
    severity: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    proposed_repair: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[str] = mapped_column(String(26), default=utc_now_text)
    updated_at: Mapped[str | None] = mapped_column(String(26))
