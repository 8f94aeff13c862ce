"""How rows look in answers: the keys of the wire contract, in its spelling and order.

Lists are selected as columns and never become objects; a single row may come either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from dcapi.models import Base, PeerGroupAssociation, SubcloudGroup, SubcloudPeerGroup, SystemPeer

Answer = dict[str, Any]

Model = TypeVar("Model", bound=Base)


class RowAnswer(Generic[Model]):
    """The answer for one kind of row: key → attribute."""

    def __init__(self, model: type[Model], attributes: Mapping[str, str]) -> None:
        self.model = model
        self.keys = tuple(attributes)
        self.columns = tuple(getattr(model, name) for name in attributes.values())
        self._values = attrgetter(*attributes.values())

    def of(self, row: Model) -> Answer:
        """The answer for one object. Take it before the commit: after it somebody may delete the row."""
        return dict(zip(self.keys, self._values(row), strict=True))

    def all(self, session: Session, *conditions: ColumnElement[bool]) -> list[Answer]:
        """The answers for all rows that meet the conditions, in the order of their ids."""
        query = select(*self.columns).where(*conditions).order_by(self.columns[0])
        keys = self.keys
        return [dict(zip(keys, row, strict=True)) for row in session.execute(query)]


def _underscored(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _hyphened(*names: str) -> dict[str, str]:
    return {name.replace("_", "-"): name for name in names}


DATES = _hyphened("created_at", "updated_at")

PEER = RowAnswer(
    SystemPeer,
    _hyphened(
        "id",
        "peer_uuid",
        "peer_name",
        "manager_endpoint",
        "manager_username",
        "peer_controller_gateway_address",
        "administrative_state",
        "heartbeat_interval",
        "heartbeat_failure_threshold",
        "heartbeat_failure_policy",
        "heartbeat_maintenance_timeout",
        "availability_state",
    )
    | DATES,
)

PEER_GROUP = RowAnswer(
    SubcloudPeerGroup,
    _underscored(
        "id",
        "peer_group_name",
        "group_priority",
        "group_state",
        "max_subcloud_rehoming",
        "system_leader_id",
        "system_leader_name",
        "migration_status",
    )
    | DATES,
)

# A list of associations leaves the message out.
ASSOCIATION_IN_LIST = RowAnswer(
    PeerGroupAssociation,
    _hyphened(
        "id", "peer_group_id", "system_peer_id", "peer_group_priority", "association_type", "sync_status"
    )
    | DATES,
)
ASSOCIATION = RowAnswer(
    PeerGroupAssociation,
    _hyphened(
        "id",
        "peer_group_id",
        "system_peer_id",
        "peer_group_priority",
        "association_type",
        "sync_status",
        "sync_message",
    )
    | DATES,
)

SUBCLOUD_GROUP = RowAnswer(
    SubcloudGroup,
    _underscored("id", "name", "description", "update_apply_type", "max_parallel_subclouds") | DATES,
)
