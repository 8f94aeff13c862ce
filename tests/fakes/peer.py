"""A peer in memory: the real port over a ``FakeSite``, with counted calls and faults on demand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from dcapi.models.states import PeerKind
from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import ASSOCIATION, PEER_GROUP, SUBCLOUD, SYSTEM_PEER, unless_missing
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.port import PeerPort, Peers, Reference, nothing
from dcapi.peers.remote import (
    Answer,
    GroupValues,
    RemoteAssociation,
    RemoteGroup,
    RemoteSubcloud,
    audit_request,
    creation_request,
    group_request,
    remote_association,
    remote_group,
    remote_subcloud,
)
from tests.fakes.peer_site import FakeSite
from tests.fakes.tables import copied, one

T = TypeVar("T")


@dataclass
class Trap:
    """Something that happens at a call: the ``at``-th one (of method ``on``, or of all), or at every one."""

    action: Callable[[], None]
    on: str | None
    at: int | None
    after: bool
    times: int | None

    def springs(self, method: str, of_method: int, of_all: int, after: bool) -> bool:
        if self.after is not after or self.on not in (None, method) or self.times == 0:
            return False
        count = of_all if self.on is None else of_method
        return self.at is None or count >= self.at


class FakePeer(PeerPort):
    """Behaves like another site's API for another site's calls; ``site`` holds what it keeps.

    ``calls`` lists (method, arguments) in order; ``count`` tells how often each method was called.
    """

    def __init__(self, site: FakeSite | None = None, *, request_limit: float = 35.0) -> None:
        self.site = site or FakeSite()
        self.before_request = nothing
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._limit = request_limit
        self._traps: list[Trap] = []
        self._lock = threading.RLock()

    # -- What a test says and asks --

    def fail(
        self,
        error: Exception,
        *,
        on: str | None = None,
        at: int | None = None,
        after: bool = False,
        times: int | None = 1,
    ) -> None:
        """Raise ``error`` at a call, before it takes effect or (``after``) when it has.

        ``on`` names a method, ``at`` counts calls from 1 since the fake was made (those of ``on`` when it is
        given); without ``at`` the next call counts. ``times``: how often; None for ever.
        """

        def strike() -> None:
            raise error

        self.do(strike, on=on, at=at, after=after, times=times)

    def do(
        self,
        action: Callable[[], None],
        *,
        on: str | None = None,
        at: int | None = None,
        after: bool = False,
        times: int | None = 1,
    ) -> None:
        """Run ``action`` at a call; same choice as in ``fail``. It runs outside of the fake's lock."""
        with self._lock:
            self._traps.append(Trap(action, on, at, after, times))

    def heal(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._traps.clear()

    @property
    def count(self) -> Counter[str]:
        with self._lock:
            return Counter(method for method, _ in self.calls)

    def changes(self) -> list[str]:
        """Names of the calls that change something there, in order."""
        return [method for method, _ in self.calls if method in CHANGING]

    # -- The port --

    @property
    def request_limit(self) -> float:
        return self._limit

    @property
    def requests(self) -> int:
        return len(self.calls)

    def kind(self) -> PeerKind:
        return self._call("kind", (), lambda: self.site.kind)

    def system_uuid(self) -> str:
        return self._call("system_uuid", (), lambda: self.site.uuid)

    def system_peer_id(self, uuid: str) -> int | None:
        def find() -> int:
            return int(one(self.site.system_peers, "peer-uuid", uuid, SYSTEM_PEER)["id"])

        return unless_missing(SYSTEM_PEER, lambda: self._call("system_peer_id", (uuid,), find))

    def groups(self) -> list[RemoteGroup]:
        return list(map(remote_group, self._call("groups", (), lambda: list(self.site.groups.values()))))

    def create_group(self, group: GroupValues) -> RemoteGroup:
        values = creation_request(group)
        return remote_group(self._call("create_group", (values,), lambda: self.site.create_group(values)))

    def update_group(self, ref: Reference, **changes: object) -> RemoteGroup:
        values = group_request(changes)
        return remote_group(
            self._call("update_group", (ref, values), lambda: self.site.update_group(ref, values))
        )

    def delete_group(self, ref: Reference) -> None:
        unless_missing(
            PEER_GROUP, lambda: self._call("delete_group", (ref,), lambda: self.site.delete_group(ref))
        )

    def group_subclouds(self, ref: Reference) -> list[RemoteSubcloud]:
        def members() -> list[Answer]:
            return self.site.group_members(self.site.find_group(ref)["id"])

        return list(map(remote_subcloud, self._call("group_subclouds", (ref,), members)))

    def audit_group(self, ref: Reference, site_uuid: str, group_id: int, group: GroupValues) -> str | None:
        body = audit_request(site_uuid, group_id, group)
        return self._call("audit_group", (ref, body), lambda: self.site.audit_group(ref, body))

    def associations(self) -> list[RemoteAssociation]:
        rows = self._call("associations", (), lambda: list(self.site.associations.values()))
        return list(map(remote_association, rows))

    def association(self, association_id: int) -> RemoteAssociation | None:
        def find() -> Answer:
            return one(self.site.associations, "id", association_id, ASSOCIATION)

        return unless_missing(
            ASSOCIATION, lambda: remote_association(self._call("association", (association_id,), find))
        )

    def create_association(self, group_id: int, system_peer_id: int) -> RemoteAssociation:
        return remote_association(
            self._call(
                "create_association",
                (group_id, system_peer_id),
                lambda: self.site.create_association(group_id, system_peer_id),
            )
        )

    def tell_association(self, association_id: int, sync_status: str) -> RemoteAssociation:
        return remote_association(
            self._call(
                "tell_association",
                (association_id, sync_status),
                lambda: self.site.tell_association(association_id, sync_status),
            )
        )

    def delete_association(self, association_id: int) -> None:
        def delete() -> None:
            self.site.delete_association(association_id)

        unless_missing(ASSOCIATION, lambda: self._call("delete_association", (association_id,), delete))

    def subclouds(self) -> list[RemoteSubcloud]:
        rows = self._call("subclouds", (), lambda: list(map(self.site.shown, self.site.subclouds.values())))
        return list(map(remote_subcloud, rows))

    def subcloud(self, region_name: str) -> RemoteSubcloud | None:
        def find() -> Answer:
            return self.site.subcloud_in(region_name)

        return unless_missing(SUBCLOUD, lambda: remote_subcloud(self._call("subcloud", (region_name,), find)))

    def add_secondary(self, payload: SubcloudPayload) -> RemoteSubcloud:
        return remote_subcloud(
            self._call("add_secondary", (payload,), lambda: self.site.shown(self.site.add_secondary(payload)))
        )

    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> RemoteSubcloud:
        return remote_subcloud(
            self._call(
                "update_subcloud",
                (region_name, payload),
                lambda: self.site.shown(self.site.update_subcloud(region_name, payload)),
            )
        )

    def cede_subcloud(self, region_name: str, *, managed: bool = True) -> RemoteSubcloud:
        def cede() -> Answer:
            return self.site.shown(self.site.cede_subcloud(region_name, managed=managed))

        arguments = (region_name,) if managed else (region_name, "unmanaged already")
        return remote_subcloud(self._call("cede_subcloud", arguments, cede))

    def delete_subcloud(self, name: str) -> None:
        unless_missing(
            SUBCLOUD, lambda: self._call("delete_subcloud", (name,), lambda: self.site.delete_subcloud(name))
        )

    # -- Within --

    def _call(self, method: str, arguments: tuple[Any, ...], effect: Callable[[], T]) -> T:
        self.before_request()
        with self._lock:
            self.calls.append((method, copied(arguments)))
            place = (self.count[method], len(self.calls))
        self._spring(method, *place, after=False)
        with self._lock:
            result: T = copied(effect())
        self._spring(method, *place, after=True)
        return result

    def _spring(self, method: str, of_method: int, of_all: int, *, after: bool) -> None:
        with self._lock:
            sprung = [trap for trap in self._traps if trap.springs(method, of_method, of_all, after)]
            for trap in sprung:
                trap.times = None if trap.times is None else trap.times - 1
        for trap in sprung:
            trap.action()


CHANGING = {
    "create_group",
    "update_group",
    "delete_group",
    "create_association",
    "tell_association",
    "delete_association",
    "add_secondary",
    "update_subcloud",
    "cede_subcloud",
    "delete_subcloud",
}


class FakePeers(Peers):
    """Hands out fakes by the id of the system peer."""

    def __init__(self, fakes: dict[int, FakePeer]) -> None:
        self.fakes = fakes
        # Every address that was asked for, in order.
        self.addresses: list[PeerAddress] = []

    def client(self, address: PeerAddress, before_request: Callable[[], None] | None = None) -> FakePeer:
        self.addresses.append(address)
        fake = self.fakes[address.id]
        fake.before_request = before_request or nothing
        return fake

    def close(self) -> None:
        self.fakes.clear()
