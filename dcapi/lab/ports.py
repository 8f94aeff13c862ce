"""Ports that stay with a lab site for its whole life, also while its server is down.

The system hands out a port; a socket that is bound to it and never listens keeps it: with SO_REUSEADDR a
server may bind the same port beside it, nobody else is given it, and while no server listens a caller is
refused, as by a site that is down.
"""

from __future__ import annotations

import errno
import socket

HOST = "127.0.0.1"


class Port:
    """A TCP port of this machine that nobody else gets until ``release``."""

    def __init__(self, wanted: int = 0) -> None:
        """Take the port that is wanted, or, when it is 0 or taken, one that the system hands out."""
        self._socket = self._kept(wanted)
        self.number: int = self._socket.getsockname()[1]

    @property
    def address(self) -> str:
        return f"{HOST}:{self.number}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def listen(self) -> socket.socket:
        """A new listening socket on this port; the caller closes it."""
        return _reusing_socket((HOST, self.number), listening=True)

    def release(self) -> None:
        self._socket.close()

    @staticmethod
    def _kept(wanted: int) -> socket.socket:
        try:
            return _reusing_socket((HOST, wanted))
        except OSError as error:
            if not wanted or error.errno != errno.EADDRINUSE:
                raise
            return _reusing_socket((HOST, 0))


def _reusing_socket(address: tuple[str, int], *, listening: bool = False) -> socket.socket:
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        if listening:
            made.listen(128)
    except OSError:
        made.close()
        raise
    return made
