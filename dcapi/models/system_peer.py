"""System peers: the other sites that this one knows."""

from __future__ import annotations

from sqlalchemy import Double, String, false
from sqlalchemy.orm import Mapped, mapped_column, validates

from dcapi.models.base import NEVER_AGAIN, Base, Dated
from dcapi.models.states import Administrative, PeerAvailability
from dcapi.models.types import EncryptedText


class SystemPeer(Dated, Base):
    __tablename__ = "system_peer"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    peer_uuid: Mapped[str] = mapped_column(String(36), unique=True)
    peer_name: Mapped[str] = mapped_column(String(255), unique=True)
    manager_endpoint: Mapped[str] = mapped_column(String(255))
    manager_username: Mapped[str] = mapped_column(String(255))
    manager_password: Mapped[str] = mapped_column(EncryptedText)
    peer_controller_gateway_address: Mapped[str] = mapped_column(String(255))
    administrative_state: Mapped[str] = mapped_column(String(16), default=Administrative.ENABLED)
    heartbeat_interval: Mapped[int] = mapped_column(default=60)
    heartbeat_failure_threshold: Mapped[int] = mapped_column(default=3)
    heartbeat_failure_policy: Mapped[str] = mapped_column(String(16), default="alarm")
    heartbeat_maintenance_timeout: Mapped[int] = mapped_column(default=600)
    availability_state: Mapped[str] = mapped_column(String(16), default=PeerAvailability.CREATED)
    # What the service over there is taken for, and when that was read, in seconds since the epoch.
    kind: Mapped[str | None] = mapped_column(String(16))
    kind_read_at: Mapped[float | None] = mapped_column(Double)
    # Whether a login was ever accepted at the endpoint: until then nothing that it says is shown.
    login_accepted: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Heartbeats in a row that were not answered; kept here so that the next watcher goes on counting.
    heartbeat_failures: Mapped[int] = mapped_column(default=0, server_default="0")

    @validates("peer_uuid", "manager_endpoint", "availability_state")
    def _forget_kind(self, name: str, value: str) -> str:
        """Another system, another place, or one that was away: what runs there has to be read anew."""
        if getattr(self, name) != value:
            self.kind = self.kind_read_at = None
            if name == "manager_endpoint":
                self.login_accepted = False
        return value
