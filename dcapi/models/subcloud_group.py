"""Subcloud groups: subclouds that are updated together."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import NEVER_AGAIN, Base, Dated

DEFAULT_GROUP_ID = 1
DEFAULT_GROUP_NAME = "Default"


class SubcloudGroup(Dated, Base):
    __tablename__ = "subcloud_group"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    description: Mapped[str] = mapped_column(String(255))
    update_apply_type: Mapped[str] = mapped_column(String(16), default="parallel")
    max_parallel_subclouds: Mapped[int] = mapped_column(default=2)
