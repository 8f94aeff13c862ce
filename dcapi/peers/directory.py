"""Where a process gets its clients for peers from."""

from __future__ import annotations

import os
from collections.abc import Callable

from dcapi.errors import SettingsError
from dcapi.peers import port
from dcapi.peers.address import PeerAddress
from dcapi.peers.client import PeerClient
from dcapi.peers.session import Sessions
from dcapi.settings import Settings


class Peers(port.Peers):
    """Clients over HTTP, made once for a process, after any fork.

    Raises SettingsError when there is no such file as PEER_CA_FILE.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.PEER_CA_FILE and not os.path.exists(settings.PEER_CA_FILE):
            raise SettingsError(f"DCAPI_PEER_CA_FILE={settings.PEER_CA_FILE!r} does not exist")
        self._sessions = Sessions(settings)

    def client(self, address: PeerAddress, before_request: Callable[[], None] | None = None) -> PeerClient:
        return PeerClient(self._sessions.session(address), before_request)

    def close(self) -> None:
        self._sessions.close()
