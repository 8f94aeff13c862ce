"""This site itself: one row."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base

THE_SITE = 1


class SiteRecord(Base):
    """The identity that is made once and kept: several processes insert, one wins, all read."""

    __tablename__ = "site"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(String(36))
    # Shows whether another host of this site has the same encryption keys, without showing them.
    key_fingerprint: Mapped[str] = mapped_column(String(64))
