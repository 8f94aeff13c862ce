"""The two ways in which a call to another site can fail.

Everything that the network, the identity service or the other site can do wrong is translated into one of
these at the edge of this package; nothing else leaves it (but what a caller's own hook raises).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# What a refusal is told by: another site's answers hold these texts, and decisions hang on them.
SYSTEM_PEER = "System Peer"
SUBCLOUD = "Subcloud"
PEER_GROUP = "Subcloud Peer Group"
ASSOCIATION = "Peer Group Association"
STILL_ASSOCIATED = "a peer group which is associated with a system peer"
GROUP_NAME_TAKEN = "A subcloud peer group with this name already exists"


class PeerError(Exception):
    """A call to another site failed.

    ``message`` names the peer, the call and what happened; it holds no secret. ``status`` is the HTTP status
    of the answer, 0 when there was none. ``maybe_sent`` is true when a changing request may have taken effect
    although its outcome is not known.
    """

    def __init__(self, message: str, status: int = 0, text: str = "", *, maybe_sent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.text = text
        self.maybe_sent = maybe_sent


class PeerUnavailable(PeerError):
    """No answer, or 429, 502, 503, 504: try again later.

    ``dropped`` is true when a connection that was kept from an earlier request ended before any answer came:
    the one failure after which another try is cheap and likely to do.
    """

    def __init__(
        self,
        message: str,
        status: int = 0,
        text: str = "",
        *,
        maybe_sent: bool = False,
        dropped: bool = False,
    ) -> None:
        super().__init__(message, status, text, maybe_sent=maybe_sent)
        self.dropped = dropped


class PeerRefused(PeerError):
    """Any other failure, 500 and answers that make no sense included: tell the operator.

    ``text`` is the readable part of the answer's body, short and without secrets.
    """

    def not_found(self, kind: str) -> bool:
        """Whether the peer said that it has no such thing; ``kind`` is one of this module's names."""
        return self.status == 404 and f"{kind} not found" in self.text

    def name_taken(self) -> bool:
        """Whether a group was not changed because another one there has its new name."""
        return GROUP_NAME_TAKEN in self.text

    def still_associated(self) -> bool:
        """Whether a group was kept because another association there names it."""
        return self.status == 400 and STILL_ASSOCIATED in self.text


def tells_kind(refusal: PeerRefused) -> bool:
    """Whether a refusal of the version document shows that the service there is not ours.

    A login that fails, a redirection, or an answer that is not HTTP says nothing about the service.
    """
    return refusal.status == 200 or (refusal.status >= 400 and refusal.status != 401)


def unless_missing(kind: str, call: Callable[[], T]) -> T | None:
    """What a call returns, None when the peer says that it has no such thing."""
    try:
        return call()
    except PeerRefused as error:
        if not error.not_found(kind):
            raise
        return None
