"""What can be asked of another site: the port that the wire and the tests' fake both implement.

Each method is one call of "what a site calls on a peer" in the wire contract. Each raises PeerUnavailable or
PeerRefused, and whatever ``before_request`` raises. Answers are the peer's JSON as dicts, checked for shape:
keys that an answer must have are there and of their type, those it may lack are there as None.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from dcapi.peers.address import PeerAddress
from dcapi.peers.payload import SubcloudPayload

Answer = dict[str, Any]
# An id or a name, as it goes into a URL.
Reference = int | str


def nothing() -> None:
    """The hook of a caller who has nothing to check."""


class PeerPort(ABC):
    """One peer, seen by one caller; may be used from several threads at once."""

    # Called before each HTTP request, logins and second tries too; what it raises goes through untouched.
    before_request: Callable[[], None] = staticmethod(nothing)

    @property
    @abstractmethod
    def request_limit(self) -> float:
        """Seconds after which a single HTTP request has ended, whatever the other side does."""

    @property
    @abstractmethod
    def requests(self) -> int:
        """HTTP requests that were sent for this caller so far, logins included."""

    @abstractmethod
    def system_uuid(self) -> str:
        """UUID of the system over there."""

    @abstractmethod
    def system_peer(self, uuid: str) -> Answer:
        """The system peer there of this system UUID."""

    @abstractmethod
    def groups(self) -> list[Answer]:
        """Every subcloud peer group there."""

    @abstractmethod
    def group(self, ref: Reference) -> Answer:
        """One subcloud peer group, by id or name."""

    @abstractmethod
    def create_group(self, values: Answer) -> Answer:
        """Create a group; ``values`` in the request's spelling (``peer-group-name``, …)."""

    @abstractmethod
    def update_group(self, ref: Reference, values: Answer) -> Answer:
        """Change a group, as another site; ``values`` in the request's spelling."""

    @abstractmethod
    def delete_group(self, ref: Reference) -> None:
        """Delete a group; its subclouds stay there without one."""

    @abstractmethod
    def group_subclouds(self, ref: Reference) -> list[Answer]:
        """The subclouds that are in a group there."""

    @abstractmethod
    def audit_group(self, ref: Reference, body: Answer) -> str | None:
        """Ask the peer to audit a group; returns why it did not, None when it did."""

    @abstractmethod
    def associations(self) -> list[Answer]:
        """Every association there, without its message."""

    @abstractmethod
    def association(self, association_id: int) -> Answer:
        """One association, with its message."""

    @abstractmethod
    def create_association(self, group_id: int, system_peer_id: int) -> Answer:
        """Create the non-primary association of a group there and the system peer that stands for us."""

    @abstractmethod
    def tell_association(self, association_id: int, sync_status: str) -> Answer:
        """Tell a non-primary association its sync status."""

    @abstractmethod
    def delete_association(self, association_id: int) -> None:
        """Delete an association there."""

    @abstractmethod
    def subclouds(self) -> list[Answer]:
        """Every subcloud there."""

    @abstractmethod
    def subcloud(self, region_name: str) -> Answer:
        """One subcloud in detail, by region name, as another site."""

    @abstractmethod
    def add_secondary(self, payload: SubcloudPayload) -> Answer:
        """Create a secondary subcloud; the payload's group is not part of it."""

    @abstractmethod
    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> Answer:
        """Change a subcloud by region name, as another site; the payload's names are not sent."""

    @abstractmethod
    def cede_subcloud(self, region_name: str) -> Answer:
        """Ask for a subcloud of a group that this site migrates, as another site: it is unmanaged there."""

    @abstractmethod
    def delete_subcloud(self, name: str) -> None:
        """Delete a subcloud by name, as another site."""


class Peers(ABC):
    """Where a client for a peer comes from."""

    @abstractmethod
    def client(self, address: PeerAddress, before_request: Callable[[], None] | None = None) -> PeerPort:
        """A client for one caller; logins and connections are shared by the clients of one address."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection that is kept."""
