"""What an enrolment brings onto a node as it starts for the first time, kept until the node is enrolled."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base
from dcapi.models.types import EncryptedBytes


class CloudInitConfig(Base):
    """The tar of one subcloud, as it was sent; its scripts may hold passwords."""

    __tablename__ = "cloud_init_config"

    subcloud_id: Mapped[int] = mapped_column(
        ForeignKey("subcloud.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    file_name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(EncryptedBytes)
