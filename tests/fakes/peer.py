"""A peer in memory: the real port over a ``FakeSite``, with counted calls and faults on demand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from dcapi.peers.address import PeerAddress
from dcapi.peers.errors import ASSOCIATION, SYSTEM_PEER
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.port import Answer, PeerPort, Peers, Reference, nothing
from tests.fakes.peer_site import FakeSite
from tests.fakes.tables import copied, one, without

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

    def system_uuid(self) -> str:
        return self._call("system_uuid", (), lambda: self.site.uuid)

    def system_peer(self, uuid: str) -> Answer:
        return self._call(
            "system_peer", (uuid,), lambda: one(self.site.system_peers, "peer-uuid", uuid, SYSTEM_PEER)
        )

    def groups(self) -> list[Answer]:
        return self._call("groups", (), lambda: without(self.site.groups))

    def group(self, ref: Reference) -> Answer:
        return self._call("group", (ref,), lambda: self.site.find_group(ref))

    def create_group(self, values: Answer) -> Answer:
        return self._call("create_group", (values,), lambda: self.site.create_group(values))

    def update_group(self, ref: Reference, values: Answer) -> Answer:
        return self._call("update_group", (ref, values), lambda: self.site.update_group(ref, values))

    def delete_group(self, ref: Reference) -> None:
        self._call("delete_group", (ref,), lambda: self.site.delete_group(ref))

    def group_subclouds(self, ref: Reference) -> list[Answer]:
        def members() -> list[Answer]:
            return self.site.group_members(self.site.find_group(ref)["id"])

        return self._call("group_subclouds", (ref,), members)

    def audit_group(self, ref: Reference, body: Answer) -> str | None:
        return self._call("audit_group", (ref, body), lambda: self.site.audit_group(ref, body))

    def associations(self) -> list[Answer]:
        return self._call("associations", (), lambda: without(self.site.associations, "sync-message"))

    def association(self, association_id: int) -> Answer:
        return self._call(
            "association",
            (association_id,),
            lambda: one(self.site.associations, "id", association_id, ASSOCIATION),
        )

    def create_association(self, group_id: int, system_peer_id: int) -> Answer:
        return self._call(
            "create_association",
            (group_id, system_peer_id),
            lambda: self.site.create_association(group_id, system_peer_id),
        )

    def tell_association(self, association_id: int, sync_status: str) -> Answer:
        return self._call(
            "tell_association",
            (association_id, sync_status),
            lambda: self.site.tell_association(association_id, sync_status),
        )

    def delete_association(self, association_id: int) -> None:
        self._call(
            "delete_association", (association_id,), lambda: self.site.delete_association(association_id)
        )

    def subclouds(self) -> list[Answer]:
        return self._call("subclouds", (), lambda: without(self.site.subclouds))

    def subcloud(self, region_name: str) -> Answer:
        return self._call("subcloud", (region_name,), lambda: self.site.subcloud_in(region_name))

    def add_secondary(self, payload: SubcloudPayload) -> Answer:
        return self._call("add_secondary", (payload,), lambda: self.site.add_secondary(payload))

    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> Answer:
        return self._call(
            "update_subcloud",
            (region_name, payload),
            lambda: self.site.update_subcloud(region_name, payload),
        )

    def cede_subcloud(self, region_name: str) -> Answer:
        return self._call("cede_subcloud", (region_name,), lambda: self.site.cede_subcloud(region_name))

    def delete_subcloud(self, name: str) -> None:
        self._call("delete_subcloud", (name,), lambda: self.site.delete_subcloud(name))

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
