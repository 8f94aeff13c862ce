"""The servers that serve the site of this database: a row each, while it lives."""

from __future__ import annotations

from sqlalchemy import Double, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base


class SiteProcess(Base):
    """gunicorn's master of one server, named as holders of leases are; times are seconds since the epoch."""

    __tablename__ = "site_process"

    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    site_name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    since: Mapped[float] = mapped_column(Double)
    renewed_at: Mapped[float] = mapped_column(Double)
