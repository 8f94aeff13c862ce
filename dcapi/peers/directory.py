"""Where a process gets its clients for peers from."""

from __future__ import annotations

from collections.abc import Callable

from dcapi.peers import port
from dcapi.peers.address import PeerAddress
from dcapi.peers.client import PeerClient
from dcapi.peers.login import NoteLogin, untold
from dcapi.peers.session import Sessions
from dcapi.settings import Settings


class Peers(port.Peers):
    """Clients over HTTP, made once for a process, after any fork.

    ``note_login`` is told of an address that accepted its first login. Raises SettingsError when one of
    PEER_CA_FILE, PEER_CLIENT_CERTIFICATE_FILE and PEER_ALLOWED_HOSTS cannot be used.
    """

    def __init__(self, settings: Settings, note_login: NoteLogin = untold) -> None:
        self._sessions = Sessions(settings, note_login)

    def client(self, address: PeerAddress, before_request: Callable[[], None] | None = None) -> PeerClient:
        return PeerClient(self._sessions.session(address), before_request)

    def close(self) -> None:
        self._sessions.close()
