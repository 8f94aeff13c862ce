"""Whether a failed request is tried again, and with which login: decisions, apart from the doing."""

from __future__ import annotations

from dcapi.peers.errors import PeerError, PeerUnavailable

# Seconds before the second try.
PAUSE = 0.1
TRIES = 2

# After these the next request needs another login: its token ran out, or nobody is where the catalogue that
# came with it leads (0: no answer, or no such service), and the service may have moved.
OUT_OF_DATE = frozenset({0, 401, 502, 504})


def pause_before_retry(error: PeerError, attempt: int, method: str) -> float | None:
    """Seconds to wait before trying once more, None when the failure stands.

    Only a GET is tried again, once, and only when a kept connection turned out to be closed: that costs next
    to nothing and says nothing about the peer. Everything else would add load to a peer that is in trouble,
    or might do a thing twice; who called knows better when to come back. ``attempt`` counts from 1.
    """
    if method != "GET" or attempt >= TRIES or not isinstance(error, PeerUnavailable):
        return None
    return PAUSE if error.dropped else None


def ends_login(error: PeerError) -> bool:
    """Whether a failure says that the token or the catalogue of a login may be out of date."""
    dropped = isinstance(error, PeerUnavailable) and error.dropped
    return error.status in OUT_OF_DATE and not dropped
