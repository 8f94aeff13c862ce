"""Backups of subclouds: which there are, of which release, and where."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base, utc_now_text


class BackupPlace(StrEnum):
    """Where a backup is kept: in the subcloud itself, or at this site."""

    LOCAL = "local"
    CENTRAL = "central"


class SubcloudBackup(Base):
    """A backup; a new one of the same release and place takes the place of the old one."""

    __tablename__ = "subcloud_backup"
    __table_args__ = (UniqueConstraint("subcloud_id", "release", "place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subcloud_id: Mapped[int] = mapped_column(ForeignKey("subcloud.id", ondelete="CASCADE"))
    release: Mapped[str] = mapped_column(String(64))
    place: Mapped[str] = mapped_column(String(16))
    # Whether it holds the images of the subcloud's registry.
    images: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[str] = mapped_column(String(26), default=utc_now_text)
