"""What a site knows, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from dcapi.lab.operator import Json

# Statuses of a member that waits to be taken over, and of one that is being taken over.
WAITING = frozenset({"secondary", "rehome-failed", "rehome-prep-failed"})
MOVING = frozenset({"pre-rehome", "rehoming"})

PEER_DISCONNECTED = "280.004"
LED_ELSEWHERE = "280.005"


def utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@dataclass(kw_only=True)
class Row:
    id: int
    created_at: str = field(default_factory=utc_now)
    updated_at: str | None = None

    def change(self, **values: Any) -> bool:
        """Set attributes; returns whether one of them got another value, which is an update."""
        differing = {name: value for name, value in values.items() if getattr(self, name) != value}
        for name, value in differing.items():
            setattr(self, name, value)
        if differing:
            self.updated_at = utc_now()
        return bool(differing)


@dataclass(kw_only=True)
class SystemPeer(Row):
    """Another site; ``password`` is base64 text, as it came."""

    uuid: str
    name: str
    endpoint: str
    username: str
    password: str = field(repr=False)
    gateway_address: str
    administrative_state: str = "enabled"
    heartbeat_interval: int = 60
    heartbeat_failure_threshold: int = 3
    heartbeat_failure_policy: str = "alarm"
    heartbeat_maintenance_timeout: int = 600
    availability: str = "created"


@dataclass(kw_only=True)
class PeerGroup(Row):
    name: str
    priority: int = 0
    state: str = "enabled"
    max_subcloud_rehoming: int = 10
    leader_id: str
    leader_name: str
    migration_status: str | None = None

    @property
    def is_primary(self) -> bool:
        return self.priority == 0


@dataclass(kw_only=True)
class Association(Row):
    group_id: int
    peer_id: int
    type: str
    peer_group_priority: int | None = None
    sync_status: str = "syncing"
    sync_message: str = "None"

    @property
    def is_primary(self) -> bool:
        return self.type == "primary"


@dataclass(kw_only=True)
class Subcloud(Row):
    name: str
    region_name: str
    description: str | None = None
    location: str | None = None
    software_version: str = "24.09"
    management_state: str = "unmanaged"
    availability: str = "offline"
    deploy_status: str = "secondary"
    group_id: int = 1
    peer_group_id: int | None = None
    # What it would be rehomed with, and installed with.
    saved_payload: Json | None = field(default=None, repr=False)
    install_values: Json | None = field(default=None, repr=False)

    @property
    def is_managed(self) -> bool:
        return self.management_state == "managed"

    def let_go(self) -> None:
        """Leave it to the site that migrates its group."""
        self.change(management_state="unmanaged", deploy_status="rehome-pending")


AnyRow = TypeVar("AnyRow", bound=Row)


class Table(Generic[AnyRow]):
    """Rows of one kind by id; a number is never given twice."""

    def __init__(self, kind: Callable[..., AnyRow], first_id: int) -> None:
        self._kind = kind
        self._next_id = first_id
        self._rows: dict[int, AnyRow] = {}

    def add(self, **values: Any) -> AnyRow:
        row = self._rows[self._next_id] = self._kind(id=self._next_id, **values)
        self._next_id += 1
        return row

    def remove(self, row: AnyRow) -> None:
        self._rows.pop(row.id, None)

    def get(self, row_id: int) -> AnyRow | None:
        return self._rows.get(row_id)

    def __getitem__(self, row_id: int) -> AnyRow:
        return self._rows[row_id]

    def __iter__(self) -> Iterator[AnyRow]:
        return iter(list(self._rows.values()))

    def where(self, **values: Any) -> list[AnyRow]:
        """The rows with these values, in the order of their ids."""
        return [row for row in self if all(getattr(row, name) == value for name, value in values.items())]

    def find(self, **values: Any) -> AnyRow | None:
        return next(iter(self.where(**values)), None)


class Rows:
    """All tables of a site. Whoever reads or writes them holds the lock."""

    def __init__(self, first_id: int = 1) -> None:
        self.lock = threading.RLock()
        self.peers = Table(SystemPeer, first_id)
        self.groups = Table(PeerGroup, first_id)
        self.associations = Table(Association, first_id)
        self.subclouds = Table(Subcloud, first_id)
        # (alarm id, entity) → what it says.
        self.alarms: dict[tuple[str, str], str] = {}

    def members(self, group_id: int) -> list[Subcloud]:
        return self.subclouds.where(peer_group_id=group_id)

    def peers_of(self, group_id: int) -> list[SystemPeer]:
        """The peers with which a group is associated, in the order of the associations."""
        return [self.peers[each.peer_id] for each in self.associations.where(group_id=group_id)]

    def group_of(self, association: Association) -> PeerGroup:
        return self.groups[association.group_id]

    def recover(self) -> None:
        """What a start makes of what a kill cut off; a group that was migrating stays so."""
        after = {"pre-rehome": "rehome-prep-failed", "rehoming": "rehome-failed"}
        for subcloud in self.subclouds:
            subcloud.change(deploy_status=after.get(subcloud.deploy_status, subcloud.deploy_status))
        for association in self.associations.where(sync_status="syncing"):
            association.change(sync_status="failed", sync_message="The sync was interrupted.")

    def raise_disconnected(self, peer: SystemPeer) -> None:
        text = f"Peer {peer.name} (peer_uuid={peer.uuid}) is disconnected."
        self.alarms[PEER_DISCONNECTED, f"peer={peer.uuid}"] = text

    def clear_disconnected(self, peer: SystemPeer) -> None:
        self.alarms.pop((PEER_DISCONNECTED, f"peer={peer.uuid}"), None)

    def raise_led_elsewhere(self, group: PeerGroup, peer: SystemPeer) -> None:
        text = f"Subcloud peer group {group.name} is managed by remote system {peer.uuid}."
        self.alarms[LED_ELSEWHERE, f"peer_group={group.name},peer={peer.uuid}"] = text

    def clear_led_elsewhere(self, group: PeerGroup, peer: SystemPeer) -> None:
        self.alarms.pop((LED_ELSEWHERE, f"peer_group={group.name},peer={peer.uuid}"), None)
