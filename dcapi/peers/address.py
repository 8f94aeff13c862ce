"""Where a peer is and how to log in there: what a system peer's row says, apart from the row."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from dcapi.peers.errors import PeerRefused


@dataclass(frozen=True)
class PeerAddress:
    """One system peer as it was read; two that differ mean that the row was changed in between."""

    id: int
    uuid: str
    name: str
    endpoint: str
    username: str
    # Base64, as it is stored and as it came over the wire.
    password: str = field(repr=False)
    gateway_address: str
    enabled: bool
    # Whether a login was ever accepted there; that it is by now makes no other address of it.
    login_accepted: bool = field(default=False, compare=False)

    def login_password(self) -> str:
        """The password to log in with; raises PeerRefused when what is stored is no base64 of UTF-8 text."""
        try:
            return base64.b64decode(self.password.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            text = "the stored password is not base64 text"
        raise PeerRefused(f"System peer {self.name}: {text}", text=text)
