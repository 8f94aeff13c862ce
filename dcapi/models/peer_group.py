"""Subcloud peer groups: subclouds that move together."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import NEVER_AGAIN, Base, Dated
from dcapi.models.states import Administrative


class SubcloudPeerGroup(Dated, Base):
    __tablename__ = "subcloud_peer_group"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    peer_group_name: Mapped[str] = mapped_column(String(255), unique=True)
    group_priority: Mapped[int] = mapped_column(default=0)
    group_state: Mapped[str] = mapped_column(String(16), default=Administrative.ENABLED)
    max_subcloud_rehoming: Mapped[int] = mapped_column(default=10)
    system_leader_id: Mapped[str] = mapped_column(String(36))
    system_leader_name: Mapped[str] = mapped_column(String(255))
    migration_status: Mapped[str | None] = mapped_column(String(16))
    # This site itself is taking the group over; ``migrating`` alone may be what another site told.
    migrating_here: Mapped[bool] = mapped_column(default=False)
    # Members were let in already: the site gives way to no other one any more.
    members_begun: Mapped[bool] = mapped_column(default=False)

    @property
    def is_primary(self) -> bool:
        return self.group_priority == 0
