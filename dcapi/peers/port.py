"""What can be asked of another site: the port that the wire and the tests' fake both implement.

Each method is one call of "what a site calls on a peer" in the wire contract. Each raises PeerUnavailable or
PeerRefused, and whatever ``before_request`` raises. What an answer says is checked and typed; None stands for
what the peer does not have, and a deletion of that is as good as done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from dcapi.models.states import PeerKind
from dcapi.peers.address import PeerAddress
from dcapi.peers.payload import SubcloudPayload
from dcapi.peers.remote import GroupValues, RemoteAssociation, RemoteGroup, RemoteSubcloud

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
    def kind(self) -> PeerKind:
        """What service runs there, by its version document; raises when there was no telling answer."""

    @abstractmethod
    def system_uuid(self) -> str:
        """UUID of the system over there."""

    @abstractmethod
    def system_peer_id(self, uuid: str) -> int | None:
        """The id of the system peer there of this system UUID."""

    @abstractmethod
    def groups(self) -> list[RemoteGroup]:
        """Every subcloud peer group there."""

    @abstractmethod
    def create_group(self, group: GroupValues) -> RemoteGroup:
        """Create a copy of a group; nothing is said of a migration."""

    @abstractmethod
    def update_group(self, ref: Reference, **changes: object) -> RemoteGroup:
        """Change a group, as another site; ``changes`` are named as in GroupValues."""

    @abstractmethod
    def delete_group(self, ref: Reference) -> None:
        """Delete a group; its subclouds stay there without one."""

    @abstractmethod
    def group_subclouds(self, ref: Reference) -> list[RemoteSubcloud]:
        """The subclouds that are in a group there."""

    @abstractmethod
    def audit_group(self, ref: Reference, site_uuid: str, group_id: int, group: GroupValues) -> str | None:
        """Ask the peer to audit a group that this site has so; returns why it did not, None when it did.

        ``group_id`` is the id that this site gave to the group: the peer calls back about it.
        """

    @abstractmethod
    def associations(self) -> list[RemoteAssociation]:
        """Every association there."""

    @abstractmethod
    def association(self, association_id: int) -> RemoteAssociation | None:
        """One association."""

    @abstractmethod
    def create_association(self, group_id: int, system_peer_id: int) -> RemoteAssociation:
        """Create the non-primary association of a group there and the system peer that stands for us."""

    @abstractmethod
    def tell_association(self, association_id: int, sync_status: str) -> RemoteAssociation:
        """Tell a non-primary association its sync status."""

    @abstractmethod
    def delete_association(self, association_id: int) -> None:
        """Delete an association there."""

    @abstractmethod
    def subclouds(self) -> list[RemoteSubcloud]:
        """Every subcloud there."""

    @abstractmethod
    def subcloud(self, region_name: str) -> RemoteSubcloud | None:
        """One subcloud in detail, by region name, as another site."""

    @abstractmethod
    def add_secondary(self, payload: SubcloudPayload) -> RemoteSubcloud:
        """Create a secondary subcloud; the payload's group is not part of it."""

    @abstractmethod
    def update_subcloud(self, region_name: str, payload: SubcloudPayload) -> RemoteSubcloud:
        """Change a subcloud by region name, as another site; the payload's names are not sent."""

    @abstractmethod
    def cede_subcloud(self, region_name: str, *, managed: bool = True) -> RemoteSubcloud:
        """Ask for a subcloud of a group that this site migrates, as another site: it is unmanaged there.

        ``managed`` False: it is unmanaged there already, and some sites refuse to unmanage it again.
        """

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
