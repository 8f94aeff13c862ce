"""Deploy files: what an operator keeps here, release by release, for the configuration of subclouds."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dcapi.models.base import NEVER_AGAIN, Base, Dated
from dcapi.models.types import EncryptedBytes


class FilePart(StrEnum):
    """What a deploy file is for, as the parts of its upload are named, in the order of answers."""

    PLAYBOOK = "deploy_playbook"
    OVERRIDES = "deploy_overrides"
    CHART = "deploy_chart"
    IMAGES = "prestage_images"


# What the configuration of a subcloud takes; the rest is for prestaging.
DEPLOYMENT_PARTS = (FilePart.PLAYBOOK, FilePart.OVERRIDES, FilePart.CHART)


class DeployFile(Dated, Base):
    """One file; charts and overrides hold passwords of registries, so no content is kept readable."""

    __tablename__ = "deploy_file"
    __table_args__ = (UniqueConstraint("release", "part", name="uq_deploy_file_release_part"), NEVER_AGAIN)

    id: Mapped[int] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(String(64))
    part: Mapped[str] = mapped_column(String(32))
    file_name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(EncryptedBytes)
