"""Operations: what a long piece of work needs beyond the rows that it works on, for as long as it lasts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import Base
from dcapi.models.types import EncryptedJSON


class Operation(Base):
    """One piece of work on one object; the row dies with it."""

    __tablename__ = "operation"
    __table_args__ = (UniqueConstraint("kind", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # What is done (``deploy``, ``group-attributes``) and the id of the row that it is done to.
    kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int]
    payload: Mapped[Any] = mapped_column(EncryptedJSON)
    # Seconds since the epoch; the payload counts as forgotten after the second one.
    created_at: Mapped[float]
    expires_at: Mapped[float]
