"""Subclouds, and the sync status of their endpoints."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import NEVER_AGAIN, Base, Dated
from dcapi.models.states import NO_ERRORS, Availability, Deploy, EndpointSync, Management
from dcapi.models.subcloud_group import DEFAULT_GROUP_ID
from dcapi.models.types import EncryptedJSON


class Subcloud(Dated, Base):
    """Texts that hold JSON are shown as they stand; the passwords in them are in ``secrets`` instead."""

    __tablename__ = "subcloud"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    description: Mapped[str | None] = mapped_column(String(255))
    location: Mapped[str | None] = mapped_column(String(255))
    software_version: Mapped[str] = mapped_column(String(255))
    management_state: Mapped[str] = mapped_column(String(16), default=Management.UNMANAGED)
    availability_status: Mapped[str] = mapped_column(String(16), default=Availability.OFFLINE)
    deploy_status: Mapped[str] = mapped_column(String(64), default=Deploy.NOT_DEPLOYED, index=True)
    backup_status: Mapped[str | None] = mapped_column(String(64))
    backup_datetime: Mapped[str | None] = mapped_column(String(26))
    error_description: Mapped[str] = mapped_column(Text, default=NO_ERRORS)
    region_name: Mapped[str] = mapped_column(String(255), unique=True)
    management_subnet: Mapped[str] = mapped_column(String(64))
    management_start_ip: Mapped[str] = mapped_column(String(64))
    management_end_ip: Mapped[str] = mapped_column(String(64))
    management_gateway_ip: Mapped[str] = mapped_column(String(64))
    openstack_installed: Mapped[bool] = mapped_column(default=False)
    prestage_status: Mapped[str | None] = mapped_column(String(64))
    prestage_versions: Mapped[str | None] = mapped_column(String(255))
    systemcontroller_gateway_ip: Mapped[str] = mapped_column(String(64))
    oam_floating_ip: Mapped[str | None] = mapped_column(String(64))
    data_install: Mapped[str | None] = mapped_column(Text)
    data_upgrade: Mapped[str | None] = mapped_column(Text)
    rehome_data: Mapped[str | None] = mapped_column(Text)
    # Values of the last deployment, without secrets: what a redeploy uses when it gets none. Beside them the
    # status before a network reconfiguration that failed, which one that is tried again leads back to.
    deploy_values: Mapped[str | None] = mapped_column(Text)
    # {"rehome_data": …, "data_install": …, "deploy_values": …}: what was taken out of the texts above; and
    # "deploy_config", the text of the last deployment's.
    secrets: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    group_id: Mapped[int] = mapped_column(
        ForeignKey("subcloud_group.id"), default=DEFAULT_GROUP_ID, index=True
    )
    peer_group_id: Mapped[int | None] = mapped_column(ForeignKey("subcloud_peer_group.id"), index=True)
    # Phases of the deployment under way that follow the present one, in their order; None: none does.
    phases_left: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    # Whether the last work begun on it was no restore, no enrolment and no takeover from another site.
    initial_deployment: Mapped[bool] = mapped_column(default=True)
    # Enrolled on site, or with a configuration for its first start: it cannot be deployed anew from here.
    vcsr: Mapped[bool] = mapped_column(default=False)
    # How far this site is with taking the subcloud over: see RehomeStep. None: it is not at it.
    rehome_step: Mapped[str | None] = mapped_column(String(16))


class SubcloudEndpoint(Base):
    """The sync status of one endpoint of a subcloud."""

    __tablename__ = "subcloud_endpoint"
    __table_args__ = (UniqueConstraint("subcloud_id", "endpoint_type"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subcloud_id: Mapped[int] = mapped_column(ForeignKey("subcloud.id", ondelete="CASCADE"))
    endpoint_type: Mapped[str] = mapped_column(String(32))
    sync_status: Mapped[str] = mapped_column(String(16), default=EndpointSync.UNKNOWN)
